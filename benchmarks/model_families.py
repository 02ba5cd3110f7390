"""Every family of networks that the field expects, tried: a training step, exact resume, export behind the gate.

    python benchmarks/model_families.py                     prints the table
    python benchmarks/model_families.py docs/models.md      writes it between its marks in the page

The smallest usual member of each family is trained for two steps on pictures of 32 or 96 pixels, from random weights.
Then the run is taken back to its first step and resumed: the weights must be the same bits. Then it is exported: the
ONNX file must pass the gate. ``tests/workflow/test_families.py`` runs the same.
"""

import argparse
import contextlib
import dataclasses
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import sightline
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints

BEGIN, END = "<!-- families: written by benchmarks/model_families.py -->", "<!-- end of families -->"
HERE = Path(__file__).resolve()
SHUFFLENET = """
from torchvision.models import shufflenet_v2_x0_5


def shufflenet(num_classes, in_chans):
    assert in_chans == 3
    return shufflenet_v2_x0_5(num_classes=num_classes)
"""


@dataclasses.dataclass(frozen=True)
class Family:
    """A family and its member that is tried."""

    name: str
    member: str
    side: int = 32
    options: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])


FAMILIES = (
    Family("ResNet", "resnet10t"),
    Family("VGG", "vgg11_bn", options={"mlp_ratio": 0.0156}),
    Family("Inception", "inception_v3", 96),
    Family("MobileNet v2", "mobilenetv2_035"),
    Family("MobileNet v3", "mobilenetv3_small_050"),
    Family("EfficientNet", "efficientnet_b0"),
    Family("SE-ResNeXt", "legacy_seresnext26_32x4d"),
    Family("ShuffleNet", "shuffle:shufflenet"),
    Family("GhostNet", "ghostnet_050"),
    Family("Xception", "legacy_xception", 96),
    Family("ConvNeXt", "convnext_atto"),
    Family("ViT", "vit_tiny_patch16_224"),
    Family("built in", "cnn"),
    Family("built in", "mlp"),
)
"""timm has no ShuffleNet: it is torchvision's, by the plug that any module of one's own takes. VGG's own first linear
layer has 100 million weights; a width of 63 in its place makes it fit a small machine."""


@dataclasses.dataclass(frozen=True)
class Tried:
    """What a family did."""

    family: Family
    parameters: int
    learnt: bool
    """Whether the step changed every trainable tensor that got a gradient, and all weights are finite."""
    same: bool
    """Whether one step and one more after a resume gave the weights of two steps."""
    gate: float
    """Largest logit error of the exported file, as a share of the largest logit; it passed the gate."""
    seconds: float


def try_family(family: Family, folder: Path) -> Tried:
    """Train, resume and export a family's member in a folder that has ``pictures``."""
    began, run = time.monotonic(), folder / "run"
    settings: dict[str, Any] = {
        "model.name": family.member, "model.weights": "none", "model.options": family.options,
        "data.image_size": family.side, "data.color": "rgb", "data.workers": 0, "data.cache": "off",
        "train.steps": 2, "train.save": "1st", "train.evaluate": "2st", "train.batch_size": 6, "train.lr": 0.001,
        "train.precision": "fp32", "train.layout": "contiguous", "train.threads": 1, "train.tensorboard": False,
        "train.schedule.warmup": "0st", "evaluation.resamples": 100, "export.images": 8,
    }  # fmt: skip
    trained = sightline.train(folder / "pictures", run=run, settings=settings)
    checkpoints = Checkpoints(run / "checkpoints")
    first, second = (checkpoints.load(entry)["model"] for entry in checkpoints.entries())
    again = folder / "again"
    shutil.copytree(run, again, ignore=shutil.ignore_patterns(".lock"))
    resumed = sightline.resume(again, start_from=checkpoints.entries()[0].file)
    parity = sightline.export_run(run).document["parity"]
    tensors = [key for key, value in second.items() if value.is_floating_point()]
    changed = sum(not torch.equal(first[key], second[key]) for key in tensors)
    finite = all(bool(torch.isfinite(second[key]).all()) for key in tensors)
    return Tried(
        family,
        int(Run(run).info()["parameters"]),
        learnt=finite and changed > 0.9 * len(tensors),
        same=resumed.weights_sha256 == trained.weights_sha256 and resumed.step == 2,
        gate=float(parity["relative_error"]) if parity["passed"] else float("inf"),
        seconds=time.monotonic() - began,
    )


def write_pictures(folder: Path, side: int = 32) -> None:
    """Some noise in three classes."""
    random = np.random.default_rng(0)
    for name in ("ant", "bee", "cat"):
        (folder / name).mkdir(parents=True)
        for number in range(8):
            pixels = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def row_of(tried: Tried) -> str:
    """A row of the table."""
    family = tried.family
    member = "torchvision's shufflenet_v2_x0_5" if ":" in family.member else family.member
    words = ["yes" if passed else "NO" for passed in (tried.learnt, tried.same)]
    gate = f"passed, {tried.gate:.1e}"
    return f"| {family.name} | `{member}` | {tried.parameters / 1e6:.2f} M | {words[0]} | {words[1]} | {gate} |"


def main() -> None:
    """Try them all, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, nargs="?")
    parser.add_argument("--only", help="one family's member")
    wanted = parser.parse_args()
    rows = ["", "| family | member | parameters | learns | resume is exact | ONNX gate, relative error |",
            "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for family in FAMILIES:
        if wanted.only not in (None, family.member):
            continue
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "shuffle.py").write_text(SHUFFLENET)
            write_pictures(Path(folder) / "pictures")
            with contextlib.chdir(folder):
                tried = try_family(family, Path(folder))
        rows.append(row_of(tried))
        print(rows[-1], f"{tried.seconds:.1f} s", file=sys.stderr, flush=True)
    table = "\n".join([*rows, ""])
    if wanted.page is None:
        print(table)
        return
    before, _, rest = wanted.page.read_text(encoding="utf-8").partition(BEGIN)
    wanted.page.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
