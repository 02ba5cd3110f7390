"""Precision and recall of the search for near-duplicates: ``python benchmarks/near_duplicates.py FOLDER``.

Takes photos evenly from a folder (``--photos 300``), makes a changed copy of every one, and searches originals and
copies together: once for each change. Found is the pair of a photo and its own copy. Every other pair that is reported
counts against the precision, except those between photos that the search also reports among the originals alone: they
are listed at the end, to be looked at. ``--million`` instead searches a million random signatures with a thousand
planted pairs.
"""

import argparse
import io
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from sightline.data.image import is_image_name, read_image, to_color
from sightline.data.lookalikes import LOOKS, candidates
from sightline.data.near import LEAST, near_pairs
from sightline.data.samples import UNASSIGNED, Names, Samples
from sightline.data.scan import scan
from sightline.data.signature import SIGNATURE, amplitudes, cropped, mirrored

Change = Callable[[Image.Image], Image.Image]


def jpeg(quality: int) -> Change:
    """Compressed again."""

    def change(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return read_image(file.getvalue())

    return change


def resized(share: float) -> Change:
    """Both sides times ``share``."""
    return lambda image: image.resize((round(image.width * share), round(image.height * share)))


def kept(left: float, top: float, right: float, bottom: float) -> Change:
    """A crop; edges as shares of the sides."""
    return lambda image: image.crop(
        (round(left * image.width), round(top * image.height), round(right * image.width), round(bottom * image.height))
    )


def brighter(share: float) -> Change:
    """Every pixel times ``share``."""
    return lambda image: ImageEnhance.Brightness(image).enhance(share)


def flipped(image: Image.Image) -> Image.Image:
    """Left and right exchanged."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


CHANGES: dict[str, Change] = {
    "jpeg 30": jpeg(30),
    "jpeg 60": jpeg(60),
    "jpeg 90": jpeg(90),
    "resize 50 %": resized(0.5),
    "resize 80 %": resized(0.8),
    "resize 150 %": resized(1.5),
    "crop left 5 %": kept(0.05, 0, 1, 1),
    "crop right 5 %": kept(0, 0, 0.95, 1),
    "crop top 5 %": kept(0, 0.05, 1, 1),
    "crop bottom 5 %": kept(0, 0, 1, 0.95),
    "crop to the center 95 %": kept(0.025, 0.025, 0.975, 0.975),
    "crop 5 % on each side": kept(0.05, 0.05, 0.95, 0.95),
    "mirror": flipped,
    "darker 20 %": brighter(0.8),
    "brighter 20 %": brighter(1.2),
    "mirror, crop, jpeg 50": lambda image: jpeg(50)(kept(0, 0.05, 1, 1)(flipped(image))),
    "resize 50 %, jpeg 30": lambda image: jpeg(30)(resized(0.5)(image)),
}


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("folder", type=Path, nargs="?")
    options.add_argument("--photos", type=int, default=300)
    options.add_argument("--million", type=int, nargs="?", const=1_000_000, metavar="N", help="random signatures")
    chosen = options.parse_args()
    if chosen.million:
        return planted(chosen.million)
    files = sorted(path for path in chosen.folder.rglob("*") if is_image_name(path.name))
    places = np.unique(np.linspace(0, len(files) - 1, chosen.photos).astype(int))
    photos = [to_color(read_image(files[place]), "rgb") for place in places]
    names = [str(files[place].relative_to(chosen.folder)) for place in places]
    print(f"{len(photos)} photos of {chosen.folder}; thresholds: {LEAST}")
    alone = search(photos)
    print(f"{'change':<26}{'recall':>9}{'precision':>11}{'pairs':>7}{'seconds':>9}")
    totals = np.zeros(3, np.int64)
    for name, change in CHANGES.items():
        began = time.perf_counter()
        found = search([*photos, *map(change, photos)])
        count = len(photos)
        right = sum(other - one == count for one, other in found)
        known = sum(
            (one % count, other % count) in alone or (other % count, one % count) in alone for one, other in found
        )
        judged = len(found) - known
        totals += right, judged, count
        print(
            f"{name:<26}{right / count:>9.4f}{right / max(judged, 1):>11.4f}{judged:>7}"
            f"{time.perf_counter() - began:>9.1f}", flush=True,
        )  # fmt: skip
    print(f"{'all':<26}{totals[0] / totals[2]:>9.4f}{totals[0] / totals[1]:>11.4f}{totals[1]:>7}")
    print(f"{len(alone)} pairs among the originals, to be looked at:")
    for one, other in sorted(alone):
        print(f"  {names[one]}  {names[other]}")
    return 0


def search(images: list[Image.Image]) -> set[tuple[int, int]]:
    """The pairs that are reported among these pictures, as a data set of files would have them."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{number}.png" for number in range(len(images))]
        for image, path in zip(images, paths, strict=True):
            image.save(Path(folder) / path, compress_level=1)
        samples = Samples(
            root=Path(folder), paths=Names.of(paths), labels=np.zeros(len(paths), np.int32), classes=("a",),
            parts=np.full(len(paths), UNASSIGNED, np.int8),
        )  # fmt: skip
        pairs = near_pairs(samples, scan(samples))
        return set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


def planted(count: int) -> int:
    """Random signatures, a thousand of which are crops and mirror images of others: time, memory, what is found."""
    random = np.random.default_rng(0)
    fall = (25 / (1 + np.add.outer(np.arange(8), np.arange(8)))).astype(np.float32)
    rows = np.zeros(count, SIGNATURE)
    for start in range(0, count, 50_000):
        size = min(50_000, count - start)
        rows[start : start + size] = stored(random.normal(size=(size, 8, 8)).astype(np.float32) * fall)
    places = random.permutation(count)[: 2 * min(1000, count // 4)].reshape(2, -1)
    for original, copy in places.T:
        box, flip = LOOKS[random.integers(len(LOOKS))]
        seen = cropped(amplitudes(rows[original : original + 1]), box)
        noise = random.normal(size=seen.shape).astype(np.float32) * fall * 0.05
        rows[copy] = stored((mirrored(seen) if flip else seen) + noise)[0]
    began, cpu = time.perf_counter(), time.process_time()
    found = candidates(rows)
    pairs = {frozenset(pair) for pair in zip(found.first.tolist(), found.second.tolist(), strict=True)}
    right = sum(frozenset(pair) in pairs for pair in places.T.tolist())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(
        f"{count} signatures: {time.perf_counter() - began:.0f} s, {time.process_time() - cpu:.0f} s of processor, "
        f"peak {peak:.0f} MiB; {right} of {places.shape[1]} planted pairs and {len(pairs) - right} others suspected, "
        f"{len(found.crowded)} crowded"
    )
    return 0


def stored(amplitude: np.ndarray) -> np.ndarray:
    """Amplitudes ``[n, 8, 8]`` as signatures."""
    flat = amplitude.reshape(len(amplitude), -1)[:, 1:]
    rows = np.zeros(len(flat), SIGNATURE)
    rows["waves"] = np.clip(np.rint(np.sign(flat) * np.sqrt(np.abs(flat)) * 11), -127, 127)
    return rows


if __name__ == "__main__":
    sys.exit(main())
