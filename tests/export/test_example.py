"""The example program, which knows nothing of Sightline, says what Sightline says about every picture."""

import csv
import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from trained_digits import WEIGHTS

from sightline.data.contract import Contract
from sightline.export.bundle import Bundle
from sightline.export.gated import How, export_bundle

EXAMPLE = Path(__file__).parents[2] / "examples" / "onnx_predict.py"
EXIF_ORIENTATION = 274


def touchy(contract: Contract) -> nn.Module:
    """A model whose every pixel counts: one that is off by 1 of 255 shows in the printed confidence."""
    torch.manual_seed(0)
    inputs = contract.channels * contract.height * contract.width
    head = nn.Linear(inputs, len(contract.classes))
    nn.init.normal_(head.weight, std=2 / inputs**0.5)
    return nn.Sequential(nn.Flatten(), head)


def contract_for(rule: str, color: str, interpolation: str) -> Contract:
    channels = 3 if color == "rgb" else 1
    return Contract(
        classes=("glass", "paper, card", "“metal”", "plastic"),
        color=color,  # pyright: ignore[reportArgumentType]
        height=97,
        width=96,
        resize=rule,  # pyright: ignore[reportArgumentType]
        shorter=109,
        interpolation=interpolation,
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
        fill=114,
    )


@pytest.fixture(scope="module")
def pictures(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real photos of odd sizes and in every form that the contract knows."""
    folder = tmp_path_factory.mktemp("pictures")
    photos = sorted((shared_data / "photos").glob("*.*g"))
    for path in photos:
        (folder / path.name).write_bytes(path.read_bytes())
    with zipfile.ZipFile(shared_data / "trashnet-384x288.zip") as archive:
        for name in [name for name in archive.namelist() if name.endswith("50.jpg")]:
            archive.extract(name, folder)
    cat = Image.open(photos[0]).convert("RGB")
    sizes = [(301, 217), (99, 283), (61, 53), (257, 31), (31, 257), (96, 97), (109, 109), (700, 3)]
    for number, size in enumerate(sizes):
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = number + 1
        cat.crop((9, 7, 9 + size[0], 7 + size[1])).save(folder / f"turned{number + 1}.png", exif=exif)
    alpha = cat.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(cat.size))
    alpha.save(folder / "alpha.webp", lossless=True)
    alpha.convert("LA").save(folder / "gray-alpha.png")
    cat.quantize(30).save(folder / "palette.png", transparency=5)
    cat.quantize(30).save(folder / "palette.gif", transparency=7)
    cat.convert("CMYK").save(folder / "print.jpeg")
    cat.convert("1").save(folder / "bits.PNG")
    deep = np.asarray(cat.convert("L")).astype(np.uint16) * 251
    Image.fromarray(deep).save(folder / "deep.tif")
    (folder / "notes.txt").write_text("not a picture")
    return folder


def run_example(*arguments: Path, cwd: Path) -> list[list[str]]:
    command = [sys.executable, str(EXAMPLE), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    return list(csv.reader(io.StringIO(done.stdout)))


def own_rows(bundle: Bundle, paths: list[Path]) -> list[list[str]]:
    rows: list[list[str]] = []
    for path in paths:
        scores = bundle.predict(bundle.contract.read(path)[None])[0]
        rows.append([str(path), bundle.labels[int(scores.argmax())], f"{scores.max():.6f}"])
    return rows


@pytest.mark.parametrize(
    ("rule", "color", "interpolation"),
    [("crop", "rgb", "bicubic"), ("squash", "rgb", "bilinear"), ("pad", "rgb", "lanczos"), ("pad", "gray", "nearest")],
)
def test_the_example_agrees_on_every_picture(
    pictures: Path, tmp_path: Path, rule: str, color: str, interpolation: str
) -> None:
    contract = contract_for(rule, color, interpolation)
    paths = sorted(path for path in pictures.rglob("*.*") if path.suffix != ".txt")
    assert len(paths) > 40
    facts: dict[str, Any] = {"metrics": {}, "provenance": {"weights_sha256": WEIGHTS}, "weights_license": "none"}
    bundle = export_bundle(
        touchy(contract),
        contract,
        validation=[(str(path), contract.read(path), -1) for path in paths[:30]],
        out=tmp_path / "bundle",
        how=How(),
        **facts,
    )
    expected = own_rows(bundle, paths)
    assert run_example(tmp_path / "bundle", pictures, cwd=tmp_path) == expected

    table = tmp_path / "table.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label"], *([str(path), "x"] for path in paths[::9])])
    assert run_example(tmp_path / "bundle", table, paths[5], cwd=tmp_path) == [*expected[::9], expected[5]]


def test_the_example_is_short_and_stands_alone() -> None:
    lines = EXAMPLE.read_text().splitlines()
    assert len(lines) <= 28
    modules = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
    assert modules == {"csv", "json", "sys", "pathlib", "numpy", "onnxruntime", "PIL"}
