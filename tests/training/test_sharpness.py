"""Sharpness-aware steps, against formulas in float64."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from sightline.data.loader import Batch
from sightline.model.build import Built
from sightline.task.task import Outcome
from sightline.training.config import SamConfig
from sightline.training.job import Job, Plan
from sightline.training.sharpness import add_uphill_gradients, ascent

SIZES = (5, 3)
"""Images of the two micro-batches of the step."""


class Squares:
    """A task that needs no pixels: the sum of the squared distances from the targets."""

    def inputs(self, pixels: torch.Tensor, *_: Any) -> torch.Tensor:
        return pixels

    def outcome(self, model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> Outcome:
        loss = (model(inputs) - targets).square().sum()
        return Outcome(loss, torch.zeros(()), len(targets))


def network(norm: bool = False, dropout: float = 0.0) -> nn.Sequential:
    torch.manual_seed(0)
    middle = [nn.BatchNorm1d(6)] if norm else []
    return nn.Sequential(nn.Linear(4, 6), *middle, nn.Tanh(), nn.Dropout(dropout), nn.Linear(6, 2)).double()


def job_of(module: nn.Module, **sam: Any) -> Job:
    plan = Plan(
        seed=3, steps=1, per_epoch=1, accumulate=len(SIZES), lr=lambda _: 0.1, clip=None,
        frozen=lambda _: frozenset(), evaluate=1, save=1, patience=None, precision="fp32", layout="contiguous",
        device=torch.device("cpu"), sam=SamConfig(**sam),
    )  # fmt: skip
    built = Built(module, frozenset(), {})
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    never: Any = None
    task: Any = Squares()
    optimizer = torch.optim.SGD(module.parameters())
    return Job(
        plan=plan, built=built, task=task, optimizer=optimizer, scaler=scaler, ema=None,
        checkpoints=never, batches=never, evaluate=None, position=never,
    )  # fmt: skip


def micro_batches() -> list[tuple[Batch, int]]:
    random = torch.Generator().manual_seed(1)
    return [
        (
            Batch(
                torch.randn(size, 4, generator=random, dtype=torch.float64),
                torch.randn(size, 2, generator=random, dtype=torch.float64),
                torch.arange(size),
            ),
            sum(SIZES),
        )
        for size in SIZES
    ]


def mean_loss(module: nn.Module) -> torch.Tensor:
    batches = [batch for batch, _ in micro_batches()]
    return sum((module(one.pixels) - one.targets).square().sum() for one in batches) / sum(SIZES)


@pytest.mark.parametrize("adaptive", [False, True])
def test_the_gradient_is_that_at_the_point_uphill(adaptive: bool):
    module = network()
    oracle = copy.deepcopy(module)
    add_uphill_gradients(job_of(module, rho=0.3, adaptive=adaptive), module, iter(micro_batches()), 0)
    weights = list(oracle.parameters())
    gradients = torch.autograd.grad(mean_loss(oracle), weights)
    scales = [weight.detach().abs() if adaptive else torch.ones_like(weight) for weight in weights]
    norm = sum((scale * one).square().sum() for scale, one in zip(scales, gradients, strict=True)).sqrt()
    with torch.no_grad():
        for weight, scale, one in zip(weights, scales, gradients, strict=True):
            weight.add_(0.3 * scale**2 * one / norm)
    expected = torch.autograd.grad(mean_loss(oracle), weights)
    for ours, theirs in zip(module.parameters(), expected, strict=True):
        torch.testing.assert_close(ours.grad, theirs, rtol=1e-9, atol=1e-12)


def test_weights_and_statistics_are_those_of_a_plain_step():
    module = network(norm=True)
    plain = copy.deepcopy(module).train()
    before = [parameter.detach().clone() for parameter in module.parameters()]
    add_uphill_gradients(job_of(module, rho=0.3), module, iter(micro_batches()), 0)
    for batch, _ in micro_batches():
        plain(batch.pixels)
    assert all(torch.equal(one, own) for one, own in zip(module.parameters(), before, strict=True))
    assert all(torch.equal(one, own) for one, own in zip(module.buffers(), plain.buffers(), strict=True))


def test_both_gradients_see_the_same_dropout():
    seen: list[torch.Tensor] = []
    module = network(dropout=0.5)
    module[2].register_forward_hook(lambda *call: seen.append(call[2].detach() == 0))
    add_uphill_gradients(job_of(module, rho=0.3), module, iter(micro_batches()), 0)
    assert len(seen) == 4 and torch.equal(seen[0], seen[2]) and torch.equal(seen[1], seen[3])
    assert bool(seen[0].any())


def test_the_way_does_not_depend_on_the_scale_of_the_loss():
    module = network()
    mean_loss(module).backward()
    learning = list(module.parameters())
    plain = ascent(learning, 0.1, False)
    for parameter in learning:
        parameter.grad = parameter.grad * 2.0**16
    for one, scaled in zip(plain, ascent(learning, 0.1, False), strict=True):
        torch.testing.assert_close(one, scaled)


def test_a_gradient_that_is_not_finite_leads_nowhere():
    module = network()
    mean_loss(module).backward()
    module[0].bias.grad[0] = float("inf")
    assert all(not bool(way.any()) for way in ascent(list(module.parameters()), 0.1, False))
