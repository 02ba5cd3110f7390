"""OpenCV without threads of its own: a pool of them does not survive the fork of a worker process, and takes cores
from the model.
"""

import cv2

cv2.setNumThreads(0)

BORDERS = {
    "edge": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT_101,
    "black": cv2.BORDER_CONSTANT,
    "white": cv2.BORDER_CONSTANT,
}
"""How OpenCV calls what lies outside of an image."""

__all__ = ["BORDERS", "cv2"]
