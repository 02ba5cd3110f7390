"""Fingerprints of what a step saw and did: its batches, its gradients, its weights."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from sightline.data.loader import Batch

PARTS = ("batch", "gradients", "weights")
"""What is fingerprinted, in the order in which one follows from the other."""
_LENGTH = 16  # hexadecimal digits; two of 2^64 values are equal by chance once in a very long while


class Digests:
    """Takes the fingerprints of each step, which waits for the device and reads everything off it.

    Args:
        apart: whether each tensor is also fingerprinted for itself, in ``steps``.
    """

    def __init__(self, apart: bool = False):
        self.apart = apart
        self.steps: list[dict[str, dict[str, str]]] = []
        """For each step so far, the fingerprint of each tensor by part and name, if they were wanted apart."""
        self._step: dict[str, dict[str, str]] = {}

    def see(self, batches: Iterable[Batch], module: nn.Module) -> None:
        """After the backward pass of a step, before anything is done to the gradients."""
        found: dict[str, str] = {}
        for place, batch in enumerate(batches):
            named = {key: getattr(batch, key) for key in ("pixels", "targets", "weights", "answers")}
            found |= {f"{key} of micro-batch {place}": _of(value) for key, value in named.items() if value is not None}
        gradients = {name: _of(parameter.grad) for name, parameter in module.named_parameters()}
        self._step = {"batch": found, "gradients": gradients}

    def told(self, module: nn.Module) -> dict[str, str]:
        """After the step: its values for the record, ``digest_batch`` and so on."""
        self._step["weights"] = weights_apart(module)
        if self.apart:
            self.steps.append(self._step)
        return {f"digest_{part}": _together(self._step[part]) for part in PARTS}


def weights_apart(module: nn.Module) -> dict[str, str]:
    """The fingerprint of each tensor of a network's state."""
    return {name: _of(value) for name, value in module.state_dict().items()}


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Names whose values differ or that only one of the two has, in the order of the first."""
    return [name for name in dict.fromkeys([*one, *other]) if one.get(name) != other.get(name)]


def _of(tensor: torch.Tensor | None) -> str:
    if tensor is None:
        return "none"
    own = getattr(tensor, "to_local", lambda: tensor)()  # of a sharded tensor, what lies here
    plain = own.detach().cpu().contiguous()
    digest = hashlib.sha256(f"{plain.dtype} {list(plain.shape)}\n".encode())
    digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:_LENGTH]


def _together(named: Mapping[str, str]) -> str:
    words = "\n".join(f"{name} {digest}" for name, digest in named.items())
    return hashlib.sha256(words.encode()).hexdigest()[:_LENGTH]
