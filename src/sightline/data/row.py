"""What is known of one sample after a look at its file: a fixed number of bytes, so that a million fit in memory."""

import numpy as np

from sightline.data.signature import SIGNATURE

KINDS = ("", "empty", "unknown", "truncated", "large", "range", "damaged", "unreadable")
"""What can be the matter with a file, as ``ROW["fault"]`` counts it; the first: nothing."""
FORMATS = (
    "", "JPEG", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "TGA", "JPEG2000", "AVIF", "MPO", "ICO",
)  # fmt: skip
"""Decoders, as ``ROW["format"]`` counts them; the first: another one, or none because it is no file."""
MODES = (
    "", "1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "La", "CMYK", "YCbCr", "HSV",
    "I;16", "I;16B", "I;16L", "I;16N",
)  # fmt: skip
"""How files hold a pixel, in Pillow's words, as ``ROW["mode"]`` counts them; the first: another one."""

ROW = np.dtype(
    [
        ("sha256", np.uint8, 32),
        ("pixels", np.uint8, 16),
        ("width", np.int32),
        ("height", np.int32),
        ("bytes", np.int64),
        ("modified", np.int64),
        ("frames", np.int32),
        ("fault", np.uint8),
        ("format", np.uint8),
        ("mode", np.uint8),
        ("orientation", np.uint8),
        ("deep", np.bool_),
        ("alpha", np.bool_),
        ("gray", np.bool_),
        ("low", np.uint8),
        ("high", np.uint8),
        ("median", np.uint8, 3),
        ("mean", np.float32, 3),
        ("std", np.float32, 3),
        ("brightness", np.float32),
        ("contrast", np.float32),
        ("sharpness", np.float32),
        ("noise", np.float32),
        ("signature", SIGNATURE),
    ]
)
"""Of one sample:

- ``sha256`` of the bytes of its file (of an array: of its pixels), ``bytes`` and ``modified``: its size and time;
- ``pixels``: a hash that equal decoded, upright pixels share; ``signature``: near for pictures that are alike;
- ``width`` and ``height`` of the upright image, ``gray``: it has no color;
- of the file: ``fault`` (a place in ``KINDS``), ``format`` (in ``FORMATS``), ``mode`` (in ``MODES``), ``frames``, EXIF
  ``orientation``, ``deep`` (more than 8 bits a channel), ``alpha``;
- on a reduced copy, in gray levels from 0 to 255: ``mean``, ``std`` and ``median`` of each channel, ``brightness`` and
  ``contrast`` (mean and standard deviation of the luma), ``low`` and ``high`` (its 1st and 99th percentile),
  ``sharpness`` (standard deviation of its Laplacian) and ``noise`` (an estimate of the standard deviation).
"""
