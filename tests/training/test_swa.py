"""The equal average of the last weights, against torch's own."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, update_bn

from sightline import evaluate
from sightline.data.loader import Batch
from sightline.errors import ConfigError
from sightline.model.build import build
from sightline.training.batch_statistics import estimate_statistics, learning_norms
from sightline.training.checkpoint import Checkpoints
from sightline.training.swa import Swa
from small_training import timeless, train_small, write_pictures

BATCH = {"model.options": {"width": 4, "norm": "batch"}}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("averaged") / "pictures")


class Plain:
    """A task whose inputs are the pixels themselves."""

    def inputs(self, pixels: torch.Tensor, *_: Any) -> torch.Tensor:
        return pixels


class Settings:
    """As much of a plan as the statistics need."""

    device = torch.device("cpu")
    precision = "fp32"
    layout = "contiguous"


def test_it_is_torchs_average_from_the_first_step_of_the_window_on():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    ours, theirs = Swa(module, 2), AveragedModel(module, use_buffers=True)
    for step in range(6):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(torch.randn(parameter.shape))
        module(torch.randn(5, 3))
        ours.update(module, step)
        if step >= 2:
            theirs.update_parameters(module)
    for key, value in ours.module.named_parameters():
        torch.testing.assert_close(value, dict(theirs.module.named_parameters())[key], rtol=1e-6, atol=1e-7)


def test_the_statistics_are_those_of_torchs_update():
    torch.manual_seed(0)
    built = build("cnn", 3, 1, {"width": 4, "norm": "batch"})
    twin = build("cnn", 3, 1, {"width": 4, "norm": "batch"}).module
    twin.load_state_dict(built.module.state_dict())
    images = [torch.randn(6, 1, 8, 8) for _ in range(4)]
    batches = [(Batch(one, torch.zeros(6), torch.arange(6)), 6) for one in images]
    norms = learning_norms(built, frozenset())
    task: Any = Plain()
    plan: Any = Settings()
    estimate_statistics(built.module, norms, iter(batches), task, plan)
    update_bn(images, twin)
    for key, value in built.module.state_dict().items():
        torch.testing.assert_close(value, twin.state_dict()[key], msg=key)
    assert not built.module.training and {norm.momentum for norm in norms} == {0.1}


def test_frozen_layers_keep_their_statistics():
    built = build("cnn", 3, 1, {"width": 4, "norm": "batch"})
    frozen = frozenset(name for name, _ in built.module.named_parameters() if name.startswith("stem."))
    assert len(learning_norms(built, frozen)) == len(learning_norms(built, frozenset())) - 1


def test_the_average_is_judged_at_the_end_and_saved(tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sightline.training.checkpoint.KEPT", 20)
    train_small(pictures, tmp_path / "run", **BATCH, **{"train.swa": "4st", "train.save": "1st"})
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints")
    contents = [checkpoints.load(entry) for entry in checkpoints.entries()]
    assert [content["ema"] is None for content in contents] == [True] * 13 + [False]
    average = contents[-1]["ema"]
    for name in ("head.weight", "stem.0.weight"):
        expected = torch.stack([content["model"][name].double() for content in contents[-4:]]).mean(0)
        torch.testing.assert_close(average[name].double(), expected, rtol=1e-5, atol=1e-7)
    last = timeless(tmp_path / "run", "eval")[-1]
    assert evaluate(tmp_path / "run", part="val", checkpoint="last")["accuracy"]["value"] == last["val_accuracy"]


def test_the_window_changes_nothing_but_what_is_judged(tmp_path: Path, pictures: Path):
    plain = train_small(pictures, tmp_path / "plain", **BATCH)
    averaged = train_small(pictures, tmp_path / "averaged", **BATCH, **{"train.swa": "50%"})
    assert plain.weights_sha256 == averaged.weights_sha256
    assert timeless(tmp_path / "plain", "eval")[:-1] == timeless(tmp_path / "averaged", "eval")[:-1]
    assert timeless(tmp_path / "plain", "eval")[-1] != timeless(tmp_path / "averaged", "eval")[-1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train.swa": "1st"}, "an average of one is none"),
        ({"train.swa": "20st"}, r"would begin before the run \(train\.swa\)\n  got: 20 of 14 steps"),
        ({"train.swa": "0ep"}, r"train\.swa cannot be zero"),
        ({"train.swa": "50%", "train.ema": 0.9}, r"train\.swa cannot be had: train\.ema is an average already"),
        ({"train.swa": "50%", "train.patience": "4st"}, r"train\.swa cannot be had: with train\.patience"),
    ],
)
def test_an_average_that_cannot_be_is_refused(changes: dict[str, Any], message: str, tmp_path: Path, pictures: Path):
    with pytest.raises(ConfigError, match=message):
        train_small(pictures, tmp_path / "run", **changes)
    assert not (tmp_path / "run").exists()
