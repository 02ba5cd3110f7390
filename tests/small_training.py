"""Trainings that take a fraction of a second, and ways to disturb them at an exact step."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from sightline import train
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints
from sightline.workflow.train import Trained

FIXED: dict[str, Any] = {
    "model.name": "cnn",
    "model.options": {"width": 4, "norm": "group"},
    "data.image_size": 12,
    "data.workers": 0,
    "train.batch_size": 7,
    "train.steps": 14,
    "train.evaluate": "4st",
    "train.save": "3st",
    "train.precision": "fp32",
    "train.layout": "contiguous",
    "train.threads": 1,
    "train.tensorboard": False,
    "evaluation.resamples": 100,
}
"""Nothing is left to be measured, so the numbers depend on nothing but the code."""

LOSS = '''
"""Cross entropy that does something beside it, at the step that SIGHTLINE_TEST_AT names."""

import os
import shutil
import signal
from pathlib import Path

import torch
from torch.nn import functional


def loss(config):
    done = 0

    def each(logits, targets):
        nonlocal done
        losses = functional.cross_entropy(logits, targets, reduction="none", label_smoothing=config.label_smoothing)
        if not logits.requires_grad:
            return losses
        done += 1
        wish = os.environ.get("SIGHTLINE_TEST_AT", "")
        at, _, deed = wish.partition(" ")
        if deed.startswith("copy"):
            _, run, to = deed.split(" ")
            shutil.copytree(run, Path(to) / str(done), ignore=shutil.ignore_patterns(".lock"))
        elif wish and done == int(at):
            if deed == "nan":
                return losses * float("nan")
            signal.raise_signal(getattr(signal, deed))
        return losses

    return each
'''
"""The file ``disturbed.py``. What it does: ``5 SIGTERM``, ``5 nan``, or ``0 copy RUN TO``: a copy of the run's folder
as a kill would leave it, before each step's backward pass: TO/1 before the first step and so on."""


def write_pictures(root: Path, side: int = 12, suffix: str = ".png") -> Path:
    """Class folders of 58 images in three classes that differ a little; 40 are for training, in batches of 6 and 7."""
    random = np.random.default_rng(0)
    for code, (name, count) in enumerate({"ant": 20, "bee": 17, "cat": 21}.items()):
        (root / name).mkdir(parents=True)
        for number in range(count):
            pixels = random.integers(0, 200, (side, side, 3), dtype=np.uint8)
            pixels[:, :, code] += 30
            Image.fromarray(pixels).save(root / name / f"{number}{suffix}")
    return root


def write_weighted_csv(pictures: Path, path: Path) -> Path:
    """A CSV over the pictures with a weight column: 0.5, 1, 1.5, 2 in turn."""
    images = sorted(pictures.glob("*/*.png"))
    rows = [f"{image},{image.parent.name},{0.5 + 0.5 * (place % 4)}" for place, image in enumerate(images)]
    path.write_text("\n".join(["path,label,weight", *rows]) + "\n")
    return path


def words(**changes: Any) -> list[str]:
    """The settings as ``-s`` and ``key=value`` for a command line; ``train__steps=5`` stands for ``train.steps``."""
    return [word for key, value in settings(**changes).items() for word in ("-s", f"{key}={json.dumps(value)}")]


def settings(**changes: Any) -> dict[str, Any]:
    """The fixed settings with changes; ``None`` takes one away."""
    wanted = FIXED | {key.replace("__", "."): value for key, value in changes.items()}
    return {key: value for key, value in wanted.items() if value is not None}


def train_small(data: Path, run: Path, **changes: Any) -> Trained:
    """Train with the fixed settings and these changes."""
    return train(data, run=run, settings=settings(**changes))


def steps_of(run: Path) -> list[int]:
    """The steps that the records tell of, as they stand in the file."""
    return [record["step"] for record in Run(run).read_records() if record["kind"] == "step"]


def timeless(run: Path, *kinds: str) -> list[dict[str, Any]]:
    """The records of these kinds without what depends on the clock."""
    records = [record for record in Run(run).read_records() if record["kind"] in (kinds or ("step", "eval"))]
    return [{key: value for key, value in one.items() if key not in ("seconds", "wait")} for one in records]


def best_of(run: Path) -> int:
    """The step of the best checkpoint."""
    return Checkpoints(run / "checkpoints").named("best").step


def weights_of(run: Path, which: str = "last") -> dict[str, torch.Tensor]:
    """The weights in a checkpoint."""
    checkpoints = Checkpoints(run / "checkpoints")
    return checkpoints.load(checkpoints.named(which))["model"]


def apart(one: Path, other: Path) -> float:
    """The largest difference between the last weights of two runs."""
    ours, theirs = weights_of(one), weights_of(other)
    return max(float((ours[name] - theirs[name]).abs().max()) for name in ours)


def leftovers(folder: Path) -> list[str]:
    """Files that were not written to their end."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.part"))


def content(folder: Path) -> dict[str, bytes]:
    """Every file with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def environment() -> dict[str, str]:
    """For a process of its own: threads that do not get in each other's way, modules that are compiled only once."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return own | {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
