"""Watching tells what happens and changes nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from ranks import on_ranks
from sightline import evaluate, resume
from sightline.errors import ConfigError
from sightline.evaluation.predictions import Predictions
from sightline.run import Run
from small_targets import write_lights
from small_training import train_small, weights_of, words, write_pictures

OFF: dict[str, Any] = {"watch.every": 0, "watch.seen": 0}
BATCH = {"width": 4, "norm": "batch", "dropout": 0.2}
LEVERS: dict[str, dict[str, Any]] = {
    "accumulated, clipped, averaged": {"train.accumulate": 2, "train.clip": 0.5, "train.ema": 0.9},
    "half precision": {"train.precision": "fp16", "train.recompute": "all"},
    "uphill at noisy weights": {"train.sam.rho": 0.1, "train.noise": {"weights": 0.01}, "data.mixup": 0.4},
    "frozen for a while": {"train.freeze": "3st", "train.swa": "3st"},
}
BRIEF: dict[str, Any] = {"train.steps": 6, "model.options": BATCH, "watch.every": 3}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("watched") / "pictures")


def looks(run: Path) -> list[dict[str, Any]]:
    return [record for record in Run(run).read_records() if record["kind"] == "look"]


def column(look: dict[str, Any], figure: str) -> dict[str, float | None]:
    place = look["figures"].index(figure)
    return {name: row[place] for name, row in zip(look["layers"], look["table"], strict=True)}


@pytest.mark.parametrize("name", LEVERS)
def test_the_weights_are_the_same_bit_for_bit(name: str, tmp_path: Path, pictures: Path):
    one = train_small(pictures, tmp_path / "watched", **BRIEF | LEVERS[name])
    other = train_small(pictures, tmp_path / "alone", **BRIEF | LEVERS[name] | OFF)
    assert one.weights_sha256 == other.weights_sha256
    assert [look["step"] for look in looks(tmp_path / "watched")] == [1, 2, 3, 6]
    assert looks(tmp_path / "alone") == []
    for look in looks(tmp_path / "watched"):
        assert {"stem.0", "stage1.act", "head"} <= set(look["layers"])
        assert all(value is None or np.isfinite(value) for row in look["table"] for value in row)
        assert column(look, "gradient_norm")["head"] is not None and column(look, "std")["stem.0"] is not None


def test_frozen_layers_have_no_gradient_and_do_not_change(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "run", **BRIEF | {"train.freeze": "100%"})
    last = looks(tmp_path / "run")[-1]
    assert column(last, "gradient_norm")["stem.0"] is None and column(last, "update_ratio")["stem.0"] == 0
    ratio = column(last, "update_ratio")["head"]
    assert ratio is not None and ratio > 0


def test_figures_of_the_weights_are_those_of_the_checkpoints(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "run", **BRIEF | {"train.save": "1st"})
    train_small(pictures, tmp_path / "brief", **BRIEF | {"train.steps": 2, "train.schedule.name": "constant"})
    train_small(
        pictures, tmp_path / "run2",
        **BRIEF | {"train.steps": 3, "train.schedule.name": "constant", "train.clip": 1e9},
    )  # fmt: skip
    before, after = (weights_of(tmp_path / name)["head.weight"] for name in ("brief", "run2"))
    both = [
        torch.cat([w.flatten(), weights_of(tmp_path / n)["head.bias"]]) for w, n in ((before, "brief"), (after, "run2"))
    ]
    look = looks(tmp_path / "run2")[-1]
    assert look["step"] == 3
    assert column(look, "weight_norm")["head"] == pytest.approx(float(both[0].norm()), rel=1e-5)
    change = float((both[1] - both[0]).norm() / both[0].norm())
    assert column(look, "update_ratio")["head"] == pytest.approx(change, rel=1e-4)
    records = Run(tmp_path / "run2").read_records()
    whole = next(one["grad_norm"] for one in records if one["kind"] == "step" and one["step"] == 3)
    parts = [value for value in column(look, "gradient_norm").values() if value is not None]
    assert np.linalg.norm(parts) == pytest.approx(whole, rel=1e-4)


def test_a_resumed_run_looks_at_the_same_steps_and_sees_the_same(tmp_path: Path, pictures: Path):
    changes: dict[str, Any] = {"watch.every": 2, "train.save": "3st", "train.steps": 9, "model.options": BATCH}
    train_small(pictures, tmp_path / "run", **changes)
    kinds = ("look", "eval")
    before = [one for one in Run(tmp_path / "run").read_records() if one["kind"] in kinds]
    first = min((tmp_path / "run" / "checkpoints").glob("step-*.pt")).name
    resume(tmp_path / "run", start_from=first)
    assert [one for one in Run(tmp_path / "run").read_records() if one["kind"] in kinds] == before
    assert [look["step"] for look in looks(tmp_path / "run")] == [1, 2, 4, 6, 8]


def test_evaluations_count_by_class_and_judge_training_images_as_they_are(tmp_path: Path, pictures: Path):
    changes = {"watch.seen": 500, "train.steps": 8, "data.augment": "standard", "data.cache": "on"}
    train_small(pictures, tmp_path / "run", **changes)
    last = [one for one in Run(tmp_path / "run").read_records() if one["kind"] == "eval"][-1]
    for part, prefix in (("val", "val"), ("train", "seen")):
        figures = evaluate(tmp_path / "run", part=part, checkpoint="last")
        stored = Predictions.load(Run(tmp_path / "run").predictions(part))
        logits, labels = torch.from_numpy(stored.logits), torch.from_numpy(stored.labels.astype(np.int64))
        losses = functional.cross_entropy(logits, labels, reduction="none", label_smoothing=0.1)
        assert last[f"{prefix}_n"] == len(labels)
        assert last[f"{prefix}_accuracy"] == pytest.approx(figures["accuracy"]["value"])
        assert last[f"{prefix}_loss"] == pytest.approx(float(losses.mean()), rel=1e-5)
        assert last[f"{prefix}_loss_sd"] == pytest.approx(float(losses.double().std()), rel=1e-5)
    matrix = np.array(evaluate(tmp_path / "run", part="val", checkpoint="last")["confusion_matrix"])
    assert last["val_true"] == matrix.sum(axis=1).tolist()
    assert last["val_predicted"] == matrix.sum(axis=0).tolist()
    assert last["val_hits"] == matrix.diagonal().tolist()


def test_the_judged_training_images_are_always_the_same(tmp_path: Path, pictures: Path):
    changes = {"watch.seen": 10, "train.steps": 4, "train.evaluate": "2st", "train.optimizer.name": "sgd"}
    train_small(
        pictures, tmp_path / "run", **changes | {"train.lr": 1e-12, "model.options": {"width": 4, "norm": "group"}}
    )
    records = [one for one in Run(tmp_path / "run").read_records() if one["kind"] == "eval"]
    assert [one["seen_n"] for one in records] == [10, 10]
    assert records[0]["seen_loss"] == pytest.approx(records[1]["seen_loss"], rel=1e-6)


def test_auto_follows_from_the_length_of_the_run(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "run")
    settings = Run(tmp_path / "run").info()["settings"]
    assert settings["watch.every"] == 250 and settings["watch.seen"] == 32
    train_small(pictures, tmp_path / "bare", **{"data.val": 0.0, "train.evaluate": None, "train.steps": 2})
    assert Run(tmp_path / "bare").info()["settings"]["watch.seen"] == 0
    again = train_small(pictures, tmp_path / "again", **{"data.val": 0.0, "train.evaluate": None, "train.steps": 2})
    assert again.ended == "finished"


def test_training_images_are_compared_with_a_validation_part_or_not_at_all(tmp_path: Path, pictures: Path):
    with pytest.raises(ConfigError, match=r"watch\.seen has no effect: there is no validation part"):
        train_small(pictures, tmp_path / "run", **{"watch.seen": 9, "data.val": 0.0, "train.evaluate": None})


def test_numbers_are_judged_too(tmp_path: Path):
    table = write_lights(tmp_path / "lights")
    train_small(table, tmp_path / "run", **{"task.name": "regression", "data.targets": ["width"], "train.steps": 4})
    last = [one for one in Run(tmp_path / "run").read_records() if one["kind"] == "eval"][-1]
    assert {"val_loss_sd", "seen_loss", "seen_mae", "seen_loss_sd", "seen_n"} <= last.keys()
    assert "val_true" not in last


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_ranks_are_not_disturbed(kind: str, tmp_path: Path, pictures: Path):
    shared = {"train.distributed.kind": kind, "train.steps": 4, "train.batch_size": 8}
    printed = []
    for name, watched in {"watched": {} if kind == "fsdp" else {"watch.every": 2}, "alone": OFF}.items():
        run = tmp_path / name
        done = on_ranks("train", str(pictures), "--run", str(run), *words(**shared | watched), world=2)
        printed.append(done.out().splitlines()[-1])
    assert printed[0] == printed[1]
    assert [look["step"] for look in looks(tmp_path / "watched")] == ([1, 2, 4] if kind == "ddp" else [])
    records = [json.loads(line) for line in (tmp_path / "watched" / "records.jsonl").read_text().splitlines()]
    assert next(one for one in records if one["kind"] == "eval")["seen_n"] == 32
