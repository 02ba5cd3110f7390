"""Pictures with edges, shades and a little noise, as photos have, and ways to make each of them sick."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIZE = (160, 120)


def photo(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Colored boxes over a slope with a little noise; always the same for a seed, never that of another."""
    random = np.random.default_rng(seed)
    width, height = size
    slope = np.linspace(60, 190, width)[None, :, None] + random.uniform(-20, 20, 3)
    image = Image.fromarray(np.broadcast_to(slope, (height, width, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        left, top = int(random.integers(0, width)), int(random.integers(0, height))
        right, bottom = left + int(random.integers(10, 60)), top + int(random.integers(10, 60))
        draw.rectangle((left, top, right, bottom), fill=tuple(int(c) for c in random.integers(20, 240, 3)))
    grain = random.normal(0, 2, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def write_album(root: Path, each: int = 30) -> Path:
    """Two classes of healthy photos."""
    for number in range(2 * each):
        folder = root / ("cat", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        photo(number).save(folder / f"{number:03d}.jpg", quality=92)
    return root
