"""Each lever changes the weights, in the form of decay that was asked for, and in every precision."""

import functools
from pathlib import Path
from typing import Any

import pytest
import torch

from sightline.model.build import build
from sightline.training.choices import DECAYS
from sightline.training.config import OptimizerConfig, TrainConfig
from sightline.training.optimizer_kinds import KINDS
from sightline.training.optimizers import make_optimizer
from small_training import apart, train_small, weights_of, write_pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("regularized") / "pictures")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    run = tmp_path_factory.mktemp("plain") / "run"
    train_small(pictures, run)
    return run


CHANGES: list[dict[str, Any]] = [
    {"train.l1": 1e-3},
    {"train.orthogonal": 1e-2},
    {"train.noise.inputs": 0.1},
    {"train.noise.weights": 0.01},
    {"train.noise.gradients": 0.01},
    {"train.sam.rho": 0.05},
    {"train.sam.rho": 0.05, "train.sam.adaptive": True},
    {"train.optimizer.name": "adam", "train.optimizer.weight_decay": 0.05},
    {"train.groups": [{"match": "*.bias", "weight_decay": 0.5}]},
]


@pytest.mark.parametrize("changes", CHANGES, ids=" ".join)
def test_every_lever_changes_the_weights(changes: dict[str, Any], tmp_path: Path, pictures: Path, plain: Path):
    train_small(pictures, tmp_path / "run", **changes)
    assert apart(plain, tmp_path / "run") > 1e-5


def test_uphill_and_adaptively_uphill_are_different_ways(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "one", **{"train.sam.rho": 0.5})
    train_small(pictures, tmp_path / "other", **{"train.sam.rho": 0.5, "train.sam.adaptive": True})
    assert apart(tmp_path / "one", tmp_path / "other") > 1e-5


def test_an_l1_penalty_makes_weights_small(tmp_path: Path, pictures: Path, plain: Path):
    train_small(pictures, tmp_path / "run", **{"train.l1": 1.0})

    def size(run: Path) -> float:
        return sum(float(value.abs().sum()) for value in weights_of(run).values() if value.ndim > 1)

    assert size(tmp_path / "run") < 0.98 * size(plain)


@pytest.mark.parametrize(
    "lever", [{}, {"train.sam.rho": 1.0}, {"train.l1": 0.1}, {"train.orthogonal": 0.1}, {"train.noise.gradients": 0.1}]
)
def test_in_half_precision_a_lever_does_what_it_does_in_full(
    lever: dict[str, Any], tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    """A scaler multiplies the loss, and neither the way uphill nor what is added to the gradient may feel it.

    At the usual first scale the scaler skips the first step of this training, and nothing could be compared.
    """
    monkeypatch.setattr("torch.amp.GradScaler", functools.partial(torch.amp.GradScaler, init_scale=1024.0))
    common: dict[str, Any] = {"train.optimizer.name": "sgd", "train.lr": 0.1, "train.steps": 1}
    common["train.schedule.warmup"] = "0st"
    train_small(pictures, tmp_path / "without", **common)
    train_small(pictures, tmp_path / "full", **common, **lever)
    train_small(pictures, tmp_path / "half", **common, **lever, **{"train.precision": "fp16"})
    effect = apart(tmp_path / "without", tmp_path / "full") if lever else 0.1
    assert 0 < apart(tmp_path / "full", tmp_path / "half") < 0.1 * effect


FORMS = [(name, form) for name, forms in DECAYS.items() for form in forms]


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_decay_has_the_form_that_was_asked_for(name: str, form: Any):
    """Without a gradient, decoupled decay shrinks by rate times decay; L2 passes through the optimizer's own rule."""
    built = build("cnn", 3, 1, {"width": 4})
    before = built.module.stage1.conv.weight.detach().clone()
    config = TrainConfig(optimizer=OptimizerConfig(name=name, decay=form))
    optimizer = make_optimizer(built, config, 0.1, 0.5)
    for parameter in built.module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    for _ in range(2):  # RAdam's first step is that of plain descent, and tells nothing
        optimizer.step()
    share = built.module.stage1.conv.weight.detach() / before
    shrunk = torch.allclose(share, torch.full_like(share, 0.95**2))
    assert shrunk == (form == "decoupled"), float(share.mean())


def test_auto_is_the_customary_form():
    assert set(DECAYS) == set(KINDS)
    for name, forms in DECAYS.items():
        steps: list[torch.Tensor] = []
        for form in ("auto", forms[0]):
            torch.manual_seed(0)
            built = build("cnn", 3, 1, {"width": 4})
            config: Any = TrainConfig(optimizer=OptimizerConfig(name=name, decay=form))  # pyright: ignore[reportArgumentType]
            optimizer = make_optimizer(built, config, 0.1, 0.5)
            for parameter in built.module.parameters():
                parameter.grad = torch.full_like(parameter, 0.1)
            optimizer.step()
            steps.append(built.module.stage1.conv.weight.detach())
        assert torch.equal(*steps), name


@pytest.mark.parametrize(
    ("name", "form", "oracle"),
    [
        ("adam", "decoupled", lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.5)),
        ("nadam", "coupled", lambda p: torch.optim.NAdam(p, lr=0.1, weight_decay=0.5)),
        ("radam", "coupled", lambda p: torch.optim.RAdam(p, lr=0.1, weight_decay=0.5)),
        ("sgd", "coupled", lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.5, momentum=0.9, nesterov=True)),
    ],
)
def test_the_other_form_is_torchs(name: str, form: Any, oracle: Any):
    torch.manual_seed(0)
    built = build("cnn", 3, 1, {"width": 4})
    own = built.module.stage1.conv.weight
    twin = torch.nn.Parameter(own.detach().clone())
    config = TrainConfig(optimizer=OptimizerConfig(name=name, decay=form))
    optimizers = [make_optimizer(built, config, 0.1, 0.5), oracle([twin])]
    for seed in range(3):
        gradient = torch.randn(own.shape, generator=torch.Generator().manual_seed(seed))
        for parameter, optimizer in zip((own, twin), optimizers, strict=True):
            parameter.grad = gradient.clone()
            optimizer.step()
    torch.testing.assert_close(own, twin)
