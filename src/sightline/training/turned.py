"""Which part of the network was the first to give a number that is none."""

import contextlib
import functools
from collections.abc import Generator
from typing import Any

import torch
from torch import nn

from sightline import distributed
from sightline.training.gradients import add_gradients
from sightline.training.job import Job
from sightline.training.noise import noisy_weights
from sightline.training.parallel import is_sharded, own_part, whole
from sightline.training.sharpness import add_uphill_gradients

LATE = "which had turned in a step before"
_BACKWARD = "the gradient at the output of"


def first_turned(job: Job, step: int) -> str:
    """Compute a step again and watch every layer: what turned first, in words. No weight changes; gradients do.

    Every rank must call it; of several that saw something, the lowest is believed.

    Args:
        job: as it was before the step.
        step: the step, counted from 0.
    """
    told = _weights(job.built.module)
    if not told:
        job.optimizer.zero_grad(set_to_none=True)
        seen: list[str] = []
        compute = add_uphill_gradients if job.plan.sam.rho else add_gradients
        with _watched(job.built.module, seen), torch.compiler.set_stance("force_eager"), noisy_weights(job, step):
            sums = compute(job, job.built.module, job.batches(step, step + 1), step)
        if not _finite(sums.totals[0]) and (not seen or seen[0].startswith(_BACKWARD)):
            seen.insert(0, "the loss itself, of finite outputs of the network")
        gradients = _gradients(job.built.module)  # every rank takes part, whatever it has seen
        told = seen[0] if seen else gradients
        job.optimizer.zero_grad(set_to_none=True)
    return next((one for one in distributed.gathered(told) if one), "")


def _weights(module: nn.Module) -> str:
    bad = [name for name, parameter in module.named_parameters() if not _all_finite(parameter)]
    return f"the weights {bad[0]}, {LATE}" if bad else ""


def _gradients(module: nn.Module) -> str:
    for name, parameter in module.named_parameters():
        if parameter.grad is not None and not _all_finite(parameter.grad):
            return f"the gradient of the weights {name}"
    return ""


@contextlib.contextmanager
def _watched(module: nn.Module, seen: list[str]) -> Generator[None]:
    """Watch what goes into and comes out of each layer, forward and backward."""
    handles = [module.register_forward_pre_hook(functools.partial(_look_at_inputs, seen))]
    for name, layer in module.named_modules():
        if next(layer.children(), None) is None:
            handles.append(layer.register_forward_hook(functools.partial(_look_at_output, seen, name)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _look_at_inputs(seen: list[str], _: nn.Module, inputs: Any) -> None:
    if not all(map(_finite, _tensors(inputs))):
        seen.append("the images, before the first layer")


def _look_at_output(seen: list[str], name: str, layer: nn.Module, _: Any, output: Any) -> None:
    kind = type(layer).__name__.removeprefix("FSDP") if is_sharded(layer) else type(layer).__name__
    place = f"{name or 'the network'} ({kind})"
    for tensor in _tensors(output):
        if not _finite(tensor):
            seen.append(f"the activations of {place}")
        elif tensor.requires_grad:
            tensor.register_hook(functools.partial(_look_at_gradient, seen, place))


def _look_at_gradient(seen: list[str], place: str, gradient: torch.Tensor) -> None:
    if not _finite(gradient):
        seen.append(f"{_BACKWARD} {place}")


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value] if value.is_floating_point() else []
    if isinstance(value, dict):
        return [tensor for item in value.values() for tensor in _tensors(item)]
    return [tensor for item in value for tensor in _tensors(item)] if isinstance(value, list | tuple) else []


def _finite(tensor: torch.Tensor) -> bool:
    return bool(torch.isfinite(own_part(tensor)).all())


def _all_finite(tensor: torch.Tensor) -> bool:
    return _finite(whole(tensor))
