"""An augmentation of your own: colored dirt on the lens, after the crop that training would do anyway.

sightline train FOLDER -s data.augment=my_augment:dirty
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

from sightline import Contract

SPOTS = 3


def dirty(contract: Contract) -> Callable[[Image.Image, int], np.ndarray]:
    """Some blobs of one random color each."""
    y, x = np.mgrid[0 : contract.height, 0 : contract.width]

    def transform(image: Image.Image, seed: int) -> np.ndarray:
        random = np.random.default_rng(seed)
        pixels = contract.pixels(image).astype(np.float32)
        for _ in range(random.integers(0, SPOTS + 1)):
            down, right = random.uniform(0, contract.height), random.uniform(0, contract.width)
            size = random.uniform(0.05, 0.15) * contract.width
            veil = 0.8 * np.exp(-((x - right) ** 2 + (y - down) ** 2) / size**2)[:, :, None]
            pixels += veil * (random.uniform(0, 255, contract.channels) - pixels)
        return pixels.round().clip(0, 255).astype(np.uint8)

    return transform
