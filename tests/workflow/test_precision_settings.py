"""Precision, islands and recomputing through the settings of a training."""

from pathlib import Path

import pytest
import torch

from sightline import resume
from sightline.config_file import load_resolved
from sightline.errors import ConfigError
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints
from sightline.training.forms import Form
from small_training import apart, timeless, train_small

BATCH = {"width": 4, "norm": "batch", "dropout": 0.2}


def short(data: Path, run: Path, **changes: object) -> str:
    """The fingerprint of the weights after four steps."""
    return train_small(data, run, **{"train.steps": 4, "model.options": BATCH} | changes).weights_sha256


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_weights_are_saved_in_float32_whatever_they_are_computed_in(precision: str, tmp_path: Path, pictures: Path):
    short(pictures, tmp_path / "run", **{"train.precision": precision, "train.ema": 0.9})
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints")
    content = checkpoints.load(checkpoints.named("last"))
    kinds = {tensor.dtype for name in ("model", "ema") for tensor in content[name].values()}
    assert kinds == {torch.float32, torch.int64}
    assert {v.dtype for own in content["optimizer"]["state"].values() for v in own.values()} == {torch.float32}


def test_islands_change_what_bf16_computes_and_the_whole_network_as_one_is_fp32(tmp_path: Path, pictures: Path):
    half = {"train.precision": "bf16"}
    for name, changes in {
        "fp32": {},
        "bf16": half,
        "one": half | {"train.fp32": ["stage2"]},
        "all": half | {"train.fp32": ["*"]},
    }.items():
        short(pictures, tmp_path / name, **changes)
    assert apart(tmp_path / "all", tmp_path / "fp32") == 0
    assert apart(tmp_path / "one", tmp_path / "bf16") > 0 < apart(tmp_path / "one", tmp_path / "fp32")


def test_recomputing_changes_neither_weights_nor_records(tmp_path: Path, pictures: Path):
    changes = {"train.accumulate": 2, "train.freeze": "2st"}
    plain = short(pictures, tmp_path / "plain", **changes)
    assert short(pictures, tmp_path / "again", **changes, **{"train.recompute": "all"}) == plain
    assert timeless(tmp_path / "again") == timeless(tmp_path / "plain")
    assert load_resolved(Run(tmp_path / "again").config).train.recompute == "all"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"train.fp32": ["head"]}, "train.fp32 has no effect: every part is computed in that precision"),
        ({"train.fp32": ["haed"], "train.precision": "bf16"}, "no part of the network is called 'haed'"),
        ({"train.precision": "tf32", "train.device": "cpu"}, "train.precision cannot be tf32 on a CPU"),
        ({"train.precision": "tf32"}, "train.precision cannot be tf32 on a CPU"),
        ({"train.recompute": []}, "train.recompute has no effect: no part is named"),
        ({"train.recompute": ["stage9"]}, "no part of the network is called 'stage9'"),
        ({"train.recompute": "all", "train.compile": "default"}, "cannot be had together with train.compile"),
    ],
)
def test_what_has_no_effect_is_refused(changes: dict[str, object], told: str, tmp_path: Path, pictures: Path):
    with pytest.raises(ConfigError) as caught:
        short(pictures, tmp_path / "run", **changes)
    assert told in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_islands_are_refused_where_auto_measures_that_fp32_is_faster(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    seconds = {"fp32": 1.0, "bf16": 2.0}
    monkeypatch.setattr("sightline.training.precision._seconds", lambda form, step: seconds[form.precision])
    with pytest.raises(ConfigError, match=r"train\.fp32 has no effect"):
        short(pictures, tmp_path / "slow", **{"train.fp32": ["head"], "train.precision": "auto"})
    seconds["bf16"] = 0.5
    train_small(pictures, tmp_path / "fast", **{"train.fp32": ["stage1"], "train.precision": "auto", "train.steps": 1})


NET = """
from torch import nn


def net(num_classes, in_chans):
    return nn.Sequential(
        nn.Conv2d(in_chans, 4, 3), nn.Conv2d(4, 4, 3, groups=4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, num_classes),
    )
"""


def test_measured_islands_are_those_one_could_have_set_and_a_resumed_run_has_them(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    def seconds(form: Form, step: object) -> float:
        return 0.2 if form.fp32 else 1.0

    monkeypatch.setattr("sightline.training.precision._seconds", seconds)
    (tmp_path / "own_net.py").write_text(NET)
    own = {"model.name": f"{tmp_path / 'own_net.py'}:net", "model.options": {}, "train.precision": "bf16"}
    measured = short(pictures, tmp_path / "measured", **own)
    assert load_resolved(Run(tmp_path / "measured").config).train.fp32 == ("1",)
    assert short(pictures, tmp_path / "set", **own, **{"train.fp32": ["1"]}) == measured
    assert short(pictures, tmp_path / "none", **own, **{"train.fp32": []}) != measured
    monkeypatch.setattr("sightline.training.precision._seconds", None)  # a resumed run measures nothing
    first = Checkpoints(tmp_path / "measured" / "checkpoints").entries()[0]
    assert resume(tmp_path / "measured", start_from=first.file).weights_sha256 == measured
