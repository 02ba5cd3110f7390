"""Faults that hand-written trainers carry, each tried through a real training."""

import numpy as np
import pytest
import torch

from sightline.config_file import load_resolved
from sightline.errors import ConfigError, PlugError
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints
from small_training import apart, timeless, train_small, weights_of, write_pictures

PLAIN = {"train.optimizer.name": "sgd", "train.optimizer.momentum": 0.0}
PLAIN |= {"train.optimizer.weight_decay": 0.0, "train.schedule.name": "constant", "train.schedule.warmup": "0st"}

WRAPPED = """
from torch import nn

from sightline.model.cnn import cnn


class Wrapper(nn.Module):
    def __init__(self, **given):
        super().__init__()
        self.net = cnn(width=4, norm="batch", **given)

    def forward(self, x):
        return self.net(x)
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("pitfalls") / "pictures")


def checkpoints(run):
    """The weights in each checkpoint that is left, by step."""
    kept = Checkpoints(run / "checkpoints")
    return {entry.step: kept.load(entry)["model"] for entry in kept.entries()}


def test_a_clipped_step_is_as_long_as_the_rate_times_the_limit(pictures, tmp_path):
    own = {
        **PLAIN,
        "train.lr": 0.5,
        "train.clip": 0.125,
        "train.save": "1st",
        "train.steps": 2,
        "train.evaluate": "2st",
    }
    run = train_small(pictures, tmp_path / "run", **own).run
    before, after = (checkpoints(run.folder)[step] for step in (1, 2))
    moved = torch.cat([(after[name] - before[name]).flatten().double() for name in before])
    norms = [record["grad_norm"] for record in run.read_records() if record["kind"] == "step"]
    assert min(norms) > 0.125
    assert float(moved.norm()) == pytest.approx(0.5 * 0.125, rel=1e-3)


@pytest.mark.parametrize("clip", [None, 1e9])
def test_a_limit_that_is_never_reached_changes_nothing(pictures, tmp_path, clip):
    plain = train_small(pictures, tmp_path / "plain", **PLAIN)
    limited = train_small(pictures, tmp_path / "limited", **PLAIN, **{"train.clip": clip})
    assert limited.weights_sha256 == plain.weights_sha256


def test_a_scaled_gradient_is_clipped_and_stepped_as_an_unscaled_one(pictures, tmp_path):
    own = {**PLAIN, "train.clip": 0.2, "train.lr": 0.05, "train.steps": 1}
    full = train_small(pictures, tmp_path / "full", **own)
    half = train_small(pictures, tmp_path / "half", **own, **{"train.precision": "fp16"})
    norms = [[r["grad_norm"] for r in timeless(run.run.folder, "step")] for run in (full, half)]
    assert norms[1] == pytest.approx(norms[0], rel=0.05)
    assert 0 < apart(full.run.folder, half.run.folder) < 2e-3


def test_a_network_within_a_wrapper_has_a_head_that_learns_and_a_backbone_that_does_not(pictures, tmp_path):
    (tmp_path / "wrapped.py").write_text(WRAPPED)
    own = {"model.name": f"{tmp_path / 'wrapped.py'}:Wrapper", "model.options": {}, "train.freeze": "100%"}
    run = train_small(pictures, tmp_path / "run", **own, **{"train.save": "1st", "train.steps": 3}).run
    first, last = (checkpoints(run.folder)[step] for step in (2, 3))
    changed = {name for name in first if not torch.equal(first[name], last[name])}
    assert changed == {"net.head.weight", "net.head.bias"}


def test_batch_statistics_of_a_frozen_layer_stay(pictures, tmp_path):
    own = {"model.options": {"width": 4, "norm": "batch"}, "train.freeze": "2st", "train.save": "1st"}
    run = train_small(pictures, tmp_path / "run", **own, **{"train.steps": 3, "train.evaluate": "1st"}).run
    saved = checkpoints(run.folder)
    statistics = [name for name in saved[2] if "running_" in name]
    fresh = {"mean": 0.0, "var": 1.0}
    assert statistics
    for name in statistics:
        assert bool((saved[2][name] == fresh[name[-4:].lstrip("_")]).all())
        assert not torch.equal(saved[3][name], saved[2][name])


def test_the_factor_of_a_schedule_is_no_whole_number(pictures, tmp_path):
    own = {"train.schedule.name": "step", "train.schedule.every": "5st", "train.schedule.warmup": "0st"}
    run = train_small(pictures, tmp_path / "run", **own, **{"train.schedule.factor": 0.5, "train.lr": 0.08}).run
    rates = [record["lr"] for record in timeless(run.folder, "step")]
    assert rates == pytest.approx([0.08] * 5 + [0.04] * 5 + [0.02] * 4)
    assert load_resolved(run.config).train.schedule.factor == 0.5
    for wrong in (1, 0, 2):
        with pytest.raises(ConfigError, match=r"train\.schedule\.factor"):
            train_small(pictures, tmp_path / "wrong", **own, **{"train.schedule.factor": wrong})


@pytest.mark.parametrize("batch", [1, 7, 256])
def test_the_validation_loss_is_the_mean_over_images_whatever_the_batch(pictures, tmp_path, batch):
    own = {"train.steps": 4, "train.loss.label_smoothing": 0.0, "evaluation.batch_size": batch}
    run = train_small(pictures, tmp_path / "run", **own).run
    whole = train_small(pictures, tmp_path / "whole", **own | {"evaluation.batch_size": 9}).run
    figures = [timeless(each.folder, "eval")[-1] for each in (run, whole)]
    assert figures[0]["val_loss"] == pytest.approx(figures[1]["val_loss"], rel=1e-6)
    assert figures[0]["val_accuracy"] == figures[1]["val_accuracy"]


def test_validation_drops_nothing_out_and_augments_nothing(pictures, tmp_path):
    own = {"train.steps": 1, "train.evaluate": "1st", "train.lr": 1e-12}
    harmless = train_small(pictures, tmp_path / "one", **own, **{"data.augment": "none"})
    strong = {"data.augment": "strong", "model.options": {"width": 4, "norm": "group", "dropout": 0.9}}
    wild = train_small(pictures, tmp_path / "two", **own | strong)
    figures = [timeless(each.run.folder, "eval")[0] for each in (harmless, wild)]
    losses = [timeless(each.run.folder, "step")[0]["loss"] for each in (harmless, wild)]
    assert figures[0]["val_loss"] == pytest.approx(figures[1]["val_loss"], abs=1e-6)
    assert abs(losses[0] - losses[1]) > 1e-3


def test_patience_ends_after_exactly_as_long_as_it_says(pictures, tmp_path):
    own = {"train.evaluate": "2st", "train.patience": "4st", "train.steps": 60, "train.lr": 1e-12}
    run = train_small(pictures, tmp_path / "run", **own)
    best = [record["step"] for record in run.run.read_records() if record["kind"] == "eval" and record["best"]]
    assert run.ended == "patience" and run.step == best[-1] + 4


def test_the_best_model_is_that_of_the_validation_part(pictures, tmp_path):
    run = train_small(pictures, tmp_path / "run", **{"train.lr": 0.05, "train.steps": 40, "train.evaluate": "2st"}).run
    evaluations = [record for record in run.read_records() if record["kind"] == "eval"]
    best = max(evaluations, key=lambda one: (one["val_accuracy"], -one["val_loss"], -one["step"]))
    assert Checkpoints(run.checkpoints).named("best").step == best["step"]


def test_a_loss_that_nobody_knows_is_no_other_loss(pictures, tmp_path):
    with pytest.raises(PlugError, match="unknown loss 'crossentropy'") as raised:
        train_small(pictures, tmp_path / "run", **{"train.loss.name": "crossentropy"})
    assert "cross_entropy" in str(raised.value) and not (tmp_path / "run").exists()


def test_the_loss_of_an_epoch_is_that_of_its_images(pictures, tmp_path):
    own = {"train.lr": 1e-12, "train.loss.label_smoothing": 0.0, "data.augment": "none", "train.steps": None}
    run = train_small(pictures, tmp_path / "run", **own, **{"train.epochs": 1}).run
    one = train_small(pictures, tmp_path / "one", **own, **{"train.epochs": 1, "train.batch_size": 40}).run
    steps, whole = timeless(run.folder, "step"), timeless(one.folder, "step")
    assert {step["images"] for step in steps} == {6, 7} and len(whole) == 1
    mean = np.average([step["loss"] for step in steps], weights=[step["images"] for step in steps])
    assert mean == pytest.approx(whole[0]["loss"], rel=1e-5)


def test_a_checkpoint_holds_tensors_of_the_cpu(pictures, tmp_path):
    run = train_small(pictures, tmp_path / "run", **{"train.steps": 2}).run
    assert {tensor.device.type for tensor in weights_of(run.folder).values()} == {"cpu"}
    assert Run(run.folder).info()["state"] == "done"
