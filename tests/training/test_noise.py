"""Noise is Gaussian, as large as was set, and a function of seed and step alone."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from sightline.training.config import NoiseConfig
from sightline.training.noise import add_gradient_noise, noisy_inputs, noisy_weights


def job_of(module: nn.Module, seed: int = 0, **noise: float) -> Any:
    plan = SimpleNamespace(noise=NoiseConfig(**noise), seed=seed, device=torch.device("cpu"))
    return SimpleNamespace(plan=plan, built=SimpleNamespace(module=module))


def test_noise_on_images_has_the_size_and_follows_the_key():
    images = torch.rand(8, 3, 40, 40)
    noise = noisy_inputs(images, 0.25, key=7) - images
    assert float(noise.std()) == pytest.approx(0.25, rel=0.02) and abs(float(noise.mean())) < 0.01
    assert torch.equal(noisy_inputs(images, 0.25, key=7) - images, noise)
    assert not torch.equal(noisy_inputs(images, 0.25, key=8) - images, noise)
    assert noisy_inputs(images, 0.0, key=7) is images


def test_noise_on_weights_comes_and_goes_without_a_trace():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(60, 60), nn.LayerNorm(60), nn.Linear(60, 60))
    module[2].requires_grad_(False)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with noisy_weights(job_of(module, weights=0.1), step=3):
        moved = {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}
        noise = module[0].weight.detach() - before["0.weight"]
    assert moved == {"0.weight"}
    assert float(noise.std()) == pytest.approx(0.1, rel=0.05)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_weights_come_back_when_the_step_fails():
    module = nn.Linear(3, 3)
    before = module.weight.detach().clone()
    with pytest.raises(RuntimeError), noisy_weights(job_of(module, weights=0.1), step=3):
        raise RuntimeError
    assert torch.equal(module.weight, before)


@pytest.mark.parametrize(("seed", "step", "same"), [(0, 3, True), (0, 4, False), (1, 3, False)])
def test_noise_on_weights_follows_seed_and_step(seed: int, step: int, same: bool):
    noises: list[torch.Tensor] = []
    module = nn.Linear(5, 5)
    before = module.weight.detach().clone()
    for own in ((0, 3), (seed, step)):
        with noisy_weights(job_of(module, own[0], weights=0.1), own[1]):
            noises.append(module.weight.detach() - before)
    assert torch.equal(*noises) is same


@pytest.mark.parametrize("step", [0, 9, 999])
def test_noise_on_gradients_is_annealed_as_in_the_paper(step: int):
    module = nn.Linear(200, 200)
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    add_gradient_noise(job_of(module, gradients=0.3), step)
    noise = module.weight.grad - 1
    assert float(noise.var()) == pytest.approx(0.3 / (1 + step) ** 0.55, rel=0.03)
    assert abs(float(noise.mean())) < 0.02


def test_what_does_not_learn_gets_no_noise():
    module = nn.Linear(2, 2)
    module.weight.grad = torch.zeros_like(module.weight)
    add_gradient_noise(job_of(module, gradients=0.3), 0)
    assert module.bias.grad is None and bool(module.weight.grad.any())
