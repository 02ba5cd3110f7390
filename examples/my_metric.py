"""A figure of your own: the share of images of which the model is sure and right.

sightline train FOLDER -s evaluation.metrics=[my_metric:sure_and_right]
"""

import numpy as np
from numpy.typing import NDArray

SURE = 0.8


def sure_and_right(truth: NDArray[np.int64], outputs: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Weighted share of images whose true class has a probability of ``SURE`` or more.

    Args:
        truth: place of the true class of each image ``[n]``.
        outputs: probability of each class ``[n, classes]``.
        weights: how much each image counts ``[n]``.
    """
    good = outputs[np.arange(len(truth)), truth] >= SURE
    return float((weights * good).sum() / weights.sum())


sure_and_right.ends = (0.0, 1.0)  # its least and largest value: the interval is that of a share
