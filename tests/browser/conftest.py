"""A run folder as training and evaluation leave it, with real pictures, real mistakes and hostile label names."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser_pages import started
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss

from sightline.data.contract import Contract
from sightline.data.image import read_image
from sightline.data.samples import Names
from sightline.evaluation.metrics import measure
from sightline.evaluation.predictions import Predictions
from sightline.evaluation.report import write_report
from sightline.files import sha256_of, write_json
from sightline.run import Run

CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "sept & <b>sieben</b>", "八", "nine")
PARTS = {"train": slice(0, 1000), "val": slice(1000, 1300), "test": slice(1300, 1797)}
WEIGHTS = "9f2c" * 16


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One browser for all tests."""
    driver = started(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run, its report written; its images lie beside it in ``images``."""
    folder = tmp_path_factory.mktemp("report")
    images = folder / "images"
    run = Run.create(folder / "001-digits-linear")
    pixels, labels = load_digits(return_X_y=True)
    paths = [f"{label}/{row:04}.png" for row, label in enumerate(labels)]
    for path, picture in zip(paths, pixels, strict=True):
        (images / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((picture.reshape(8, 8) * 15.9).astype(np.uint8)).save(images / path)
    _write_split(run, images, paths, labels)
    model = _write_records(run, pixels / 16, labels)
    contract = Contract(
        classes=CLASSES, color="gray", height=8, width=8, resize="squash", shorter=8,
        interpolation="bilinear", mean=(0.3,), std=(0.4,),
    )  # fmt: skip
    contract.save(run.contract)
    _write_info(run)
    test = PARTS["test"]
    predictions = Predictions(
        paths=Names.of(paths[test]), labels=labels[test].astype(np.int32),
        logits=model.decision_function(pixels[test] / 16).astype(np.float32), classes=CLASSES,
        contract_hash=contract.hash, weights_sha256=WEIGHTS, part="test", source=str(images),
    )  # fmt: skip
    predictions.save(run.predictions("test"))
    counts = np.bincount(labels[PARTS["train"]])
    write_json(run.figures("test"), measure(predictions, resamples=2000, confidence=0.95, seed=0, train_counts=counts))
    write_report(run, lambda path: read_image(images / path))
    return run


def _write_split(run: Run, images: Path, paths: list[str], labels: np.ndarray) -> None:
    rows = ["path,label,part,sha256"]
    for part, rows_of_part in PARTS.items():
        for path, label in zip(paths[rows_of_part], labels[rows_of_part], strict=True):
            rows.append(f"{path},{CLASSES[label]},{part},{sha256_of(images / path)}")
    run.split.write_text("\n".join(rows) + "\n", encoding="utf-8")


def _write_records(run: Run, pixels: np.ndarray, labels: np.ndarray) -> SGDClassifier:
    """Train a linear classifier by small steps and record it in the form of a training."""
    model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=0.02, random_state=0)
    train, val = np.arange(1000), slice(1000, 1300)
    generator = np.random.default_rng(0)
    lines: list[dict[str, object]] = []
    step, best = 0, np.inf
    for epoch in range(12):
        for batch in np.array_split(generator.permutation(train), 16):
            model.partial_fit(pixels[batch], labels[batch], classes=np.arange(10))
            step += 1
            chance = model.predict_proba(pixels[batch])
            lines.append({
                "kind": "step", "step": step, "epoch": epoch + ((step - 1) % 16 + 1) / 16,
                "loss": log_loss(labels[batch], chance, labels=np.arange(10)), "images": len(batch), "seconds": 0.01,
                "accuracy": float((chance.argmax(1) == labels[batch]).mean()),
                "lr": min(step / 20, 1) * 0.01 * (1 + np.cos(np.pi * step / 192)),
            })  # fmt: skip
        chance = model.predict_proba(pixels[val])
        loss = log_loss(labels[val], chance)
        accuracy = float((chance.argmax(1) == labels[val]).mean())
        lines.append({"kind": "eval", "step": step, "epoch": epoch + 1.0, "val_loss": loss, "val_accuracy": accuracy})
        lines[-1]["best"] = bool(loss < best)
        best = min(loss, best)
        lines.append({"kind": "save", "step": step, "epoch": epoch + 1.0})
    lines.append({"kind": "note", "step": step, "epoch": 12.0, "text": "ended after 12 epochs, as planned"})
    run.records.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return model


def _write_info(run: Run) -> None:
    run.config.write_text("seed: 0\n", encoding="utf-8")
    run.note(
        command=["sightline", "train", "my digits", "-s", "model.name=linear"],
        started="2026-11-22T10:00:00+00:00",
        finished="2026-11-22T10:01:24+00:00",
        weights_sha256=WEIGHTS,
        parameters=93_322,
        versions={"sightline": "0.1.0", "python": "3.11.9", "torch": "2.15.0"},
        machine={"processor": "x86_64, 2 cores", "system": "Linux 6.1"},
        skipped=[{"path": "3/broken.png", "reason": "the file is truncated"}],
        settings={
            "seed": 0, "data.path": "my digits", "model.name": "linear", "train.lr": 0.02, "train.batch_size": 64,
            "train.epochs": 12, "train.clip": None, "train.optimizer.betas": [0.9, 0.999], "train.precision": "fp32",
        },
        origins={
            "data.path": "flag", "model.name": "flag", "train.epochs": "file recipes/digits.yaml",
            "train.lr": "auto: 0.02 because the batch has 64 images",
            "train.precision": "auto: fp32 because it was 1.8 times as fast as bf16 in 6 trial steps",
        },
    )  # fmt: skip
