"""A hundred random configurations: each trains, is killed and goes on to the same bits, or is refused with a reason."""

import random
import shutil

import pytest
from test_every_setting import CHANGES

from sightline import SightlineError, resume
from sightline.run import Run
from sightline.training import checkpoint
from small_training import timeless, train_small, write_pictures

CONFIGURATIONS = 100
KILLED_AFTER = 3
BRIEF = {"train.steps": 5, "train.evaluate": "2st", "train.save": "1st"}
VALUES = {
    "data.augment": ["none", "light", "standard", "strong", "trivialaugment"],
    "data.sampler": ["classes", "none"],
    "data.mixup": [0.2, 0.8],
    "data.cutmix": [1.0],
    "data.color": ["gray", "rgb"],
    "data.workers": [0, 1],
    "model.options": [{"width": 4, "norm": "batch"}, {"width": 4, "norm": "none", "dropout": 0.3}],
    "model.head.name": ["mlp", "cosine", "linear"],
    "model.init.name": ["normal", "uniform", "xavier", "kaiming", "orthogonal"],
    "train.accumulate": [2, 3],
    "train.batch_size": [5, 8, 40],
    "train.clip": [0.1, 10.0],
    "train.ema": [0.5, 0.99],
    "train.swa": ["2st", "60%"],
    "train.freeze": ["2st", "4st", "100%"],
    "train.freezing.what": ["first:1", "last:1", ["stem.*"]],
    "train.freezing.gradual": ["1st"],
    "train.l1": [0.001],
    "train.layer_decay": [0.5, 0.9],
    "train.loss.name": ["cross_entropy", "focal"],
    "train.loss.class_weights": ["inverse", "effective", "none"],
    "train.noise.inputs": [0.1],
    "train.noise.weights": [0.01],
    "train.noise.gradients": [0.01],
    "train.optimizer.name": [
        *("sgd", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad", "adadelta", "adabelief", "ranger", "lion"),
        "muon",
    ],
    "train.orthogonal": [0.01],
    "train.precision": ["fp32", "bf16", "fp16"],
    "train.recompute": ["all", ["stage1"]],
    "train.sam.rho": [0.05],
    "train.schedule.name": ["constant", "linear", "restarts", "step", "milestones", "exponential", "one_cycle"],
    "train.checkpoint": ["sharded", "whole"],
    "train.digests": [True],
}
"""Settings that are drawn with one of these values; the others that change the weights with that of their own test."""


def drawn(number):
    """Some settings with values, the same for the same number."""
    own = random.Random(number)
    others = {
        key: [value] for key, (value, beside) in CHANGES.items() if not beside and key not in ("train.steps", "seed")
    }
    keys = sorted({**others, **VALUES})
    chosen = own.sample(keys, own.randint(3, 9))
    return {key: own.choice(VALUES.get(key) or others[key]) for key in chosen}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("random") / "pictures")


@pytest.fixture(scope="module")
def refused():
    """Reasons of what was refused, by number."""
    return {}


@pytest.mark.parametrize("number", range(CONFIGURATIONS))
def test_it_goes_on_to_the_same_bits_or_is_refused_with_a_reason(pictures, tmp_path, monkeypatch, refused, number):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    write = checkpoint.Checkpoints._commit

    def written(self, entry, best):
        write(self, entry, best)
        if entry.step == KILLED_AFTER and self.folder.is_relative_to(whole):
            shutil.copytree(whole, killed, ignore=shutil.ignore_patterns(".lock"))

    monkeypatch.setattr(checkpoint.Checkpoints, "_commit", written)
    try:
        trained = train_small(pictures, whole, **BRIEF | drawn(number))
    except SightlineError as error:
        refused[number] = str(error)
        assert "next: " in str(error) or "allowed: " in str(error)
        assert not (whole / "records.jsonl").exists()
        return
    assert trained.step == 5
    gone_on = resume(killed)
    assert gone_on.weights_sha256 == trained.weights_sha256
    assert timeless(killed) == timeless(whole)
    assert Run(killed).info()["best_weights_sha256"] == Run(whole).info()["best_weights_sha256"]


def test_most_of_them_were_trained(refused):
    assert len(refused) <= 0.4 * CONFIGURATIONS, "\n".join(refused.values())
