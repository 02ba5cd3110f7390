"""Penalties on the weights, against the gradient that autograd gives in float64."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from sightline.training.penalties import add_penalties, layer_weights, orthogonality_gradient


def job_of(module: nn.Module, **plan: float) -> Any:
    settings = {"l1": 0.0, "orthogonal": 0.0} | plan
    return SimpleNamespace(plan=SimpleNamespace(**settings), built=SimpleNamespace(module=module))


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5), (6, 3, 3, 3), (40, 2, 3, 3), (8, 1, 3, 3)])
def test_the_gradient_of_soft_orthogonality_is_autograds(shape: tuple[int, ...]):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    matrix = weight.reshape(shape[0], -1)
    penalty = (matrix @ matrix.T - torch.eye(shape[0], dtype=torch.float64)).square().sum()
    (oracle,) = torch.autograd.grad(penalty, weight)
    ours = orthogonality_gradient(weight.detach().float())
    torch.testing.assert_close(ours.double(), oracle, rtol=1e-4, atol=1e-4)


def test_an_orthonormal_matrix_is_left_alone():
    matrix, _ = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0)))
    assert float(orthogonality_gradient(matrix).abs().max()) < 1e-5


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))


def test_penalties_are_terms_of_the_loss():
    module, twin = network(), network()
    images = torch.randn(5, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    module(images).square().mean().backward()
    add_penalties(job_of(module, l1=0.03, orthogonal=0.2))
    weights = [twin[0].weight, twin[3].weight]
    matrices = [weight.flatten(1) for weight in weights]
    lasso = sum(weight.abs().sum() for weight in weights)
    soft = sum((one @ one.T - torch.eye(len(one))).square().sum() for one in matrices)
    (twin(images).square().mean() + 0.03 * lasso + 0.2 * soft).backward()
    for (name, ours), theirs in zip(module.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, msg=name)


def test_what_does_not_learn_is_not_penalized():
    module = network()
    module[0].requires_grad_(False)
    module(torch.randn(5, 1, 4, 4)).square().mean().backward()
    add_penalties(job_of(module, l1=0.03, orthogonal=0.2))
    assert module[0].weight.grad is None


def test_a_zero_weight_stays_where_it_is():
    module = nn.Linear(2, 1)
    nn.init.zeros_(module.weight)
    module.weight.grad = torch.zeros_like(module.weight)
    add_penalties(job_of(module, l1=1.0))
    assert torch.equal(module.weight.grad, torch.zeros(1, 2))


def test_only_linear_and_convolutional_layers_are_made_orthogonal():
    module = nn.Sequential(nn.Embedding(3, 4), nn.Linear(4, 4), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))
    assert [tuple(weight.shape) for weight in layer_weights(module)] == [(4, 4), (4, 4, 1, 1)]


def test_a_weight_of_two_layers_counts_once_and_transposed_filters_not():
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.ConvTranspose2d(2, 4, 3))
    module[1].weight = module[0].weight
    assert [id(weight) for weight in layer_weights(module)] == [id(module[0].weight)]
