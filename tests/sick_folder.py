"""A folder with one image of every sick kind, and what the check should say of each."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from sick_photos import photo, write_album

Expected = dict[str, set[str]]
"""Name of a rule -> the files that it should name."""


def write_sick_folder(root: Path) -> Expected:
    """Parts ``train`` and ``test`` of healthy photos, with one more file for each kind of sickness."""
    write_album(root / "train", each=40)
    shutil.copytree(root / "train", root / "test", ignore=shutil.ignore_patterns("*.jpg"))
    for number in range(40):
        photo(500 + number).save(root / "test" / ("cat", "dog")[number % 2] / f"{500 + number}.jpg", quality=92)
    expected: Expected = {}
    for number, (rule, (name, save)) in enumerate(_FILES.items()):
        path = root / "train" / "cat" / name
        save(photo(900 + number), path)
        expected.setdefault(rule, set()).add(f"train/cat/{name}")
    (root / "notes.txt").write_text("hello")
    expected["files.ignored"] = {"notes.txt"}
    expected["pixels.gray"].add("train/cat/deep.png")  # 16 bits of gray
    for rule, make in _COPIES.items():
        expected[rule] = {str(path.relative_to(root)) for path in make(root)}
    return expected


def _torn(image: Image.Image, path: Path) -> None:
    image.save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:1500])


def _deep(image: Image.Image, path: Path) -> None:
    Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(path)


def _turned(image: Image.Image, path: Path) -> None:
    tags = Image.Exif()
    tags[0x0112] = 6
    image.save(path, exif=tags)


def _clear(image: Image.Image, path: Path) -> None:
    image.putalpha(100)
    image.save(path)


def _noise(_: Image.Image, path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)).save(path)


_FILES: dict[str, tuple[str, Callable[[Image.Image, Path], object]]] = {
    "files.empty": ("empty.jpg", lambda _, path: path.touch()),
    "files.truncated": ("torn.jpg", _torn),
    "files.damaged": ("text.jpg", lambda _, path: path.write_text("hello")),
    "pixels.range": ("float.tif", lambda _, path: Image.fromarray(np.zeros((9, 9), np.float32)).save(path)),
    "files.suffix": ("really.png", lambda image, path: image.save(path, "JPEG")),
    "files.narrow": ("banner.png", lambda _, path: photo(950, (900, 100)).save(path)),
    "files.tiny": ("icon.png", lambda _, path: photo(951, (20, 15)).save(path)),
    "files.animated": ("moves.webp", lambda image, path: image.save(path, save_all=True, append_images=[photo(952)])),
    "files.large": ("bomb.png", lambda _, path: photo(953, (700, 500)).save(path)),
    "files.names": ("line\nbreak.jpg", lambda image, path: image.save(path)),
    "pixels.cmyk": ("cmyk.jpg", lambda image, path: image.convert("CMYK").save(path)),
    "pixels.palette": ("palette.png", lambda image, path: image.quantize(200).save(path)),
    "pixels.alpha": ("clear.png", _clear),
    "pixels.deep": ("deep.png", _deep),
    "pixels.rotated": ("turned.jpg", _turned),
    "pixels.gray": ("gray.png", lambda image, path: image.convert("L").save(path)),
    "pixels.constant": ("red.png", lambda _, path: Image.new("RGB", (160, 120), "red").save(path)),
    "pixels.dark": ("dark.png", lambda image, path: image.point(lambda level: level // 12).save(path)),
    "pixels.bright": ("bright.png", lambda image, path: image.point(lambda level: 255 - level // 14).save(path)),
    "pixels.blurred": ("blurred.png", lambda image, path: image.filter(ImageFilter.GaussianBlur(9)).save(path)),
    "pixels.noisy": ("noise.png", _noise),
}


def _copied(
    one: str, other: str, change: Callable[[Image.Image], Image.Image] | None = None
) -> Callable[..., list[Path]]:
    def make(root: Path) -> list[Path]:
        source, target = root / one, root / other
        if change is None:
            shutil.copy(source, target)
        else:
            change(Image.open(source)).save(target, quality=80)
        return [source, target]

    return make


def _smaller(image: Image.Image) -> Image.Image:
    return image.resize((144, 108))


_COPIES: dict[str, Callable[[Path], list[Path]]] = {
    "duplicates.across_parts": _copied("train/cat/000.jpg", "test/cat/copy.jpg"),
    "duplicates.two_labels": _copied("train/cat/002.jpg", "train/dog/copy.jpg"),
    "duplicates.one_part": _copied("train/cat/004.jpg", "train/cat/copy.jpg"),
    "near_duplicates.across_parts": _copied("train/dog/001.jpg", "test/dog/near.jpg", _smaller),
    "near_duplicates.two_labels": _copied("train/dog/003.jpg", "train/cat/near.jpg", _smaller),
    "near_duplicates.one_part": _copied("train/dog/005.jpg", "train/dog/near.jpg", _smaller),
}
