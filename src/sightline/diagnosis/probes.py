"""What the layers of a network do in a step: how large weights, gradients and changes are, and what comes out of them.

Forward hooks reduce what they see to a few numbers a layer, on the device, and only at the steps that are looked at. No
number is read before a record is, and nothing of the training changes: weights are bit for bit the same.
"""

import contextlib
import functools
from collections.abc import Generator, Sequence
from typing import Any

import torch
from torch import nn

FIGURES = ("weight_norm", "gradient_norm", "update_ratio", "mean", "std", "zeros", "dead", "saturated")
"""What is known of a layer, in the order of the table's columns."""
_SIZES = 3  # the first of them, which are of the parameters
_FIRST = (1, 2, 5)
_NEAR = 0.01
_BOUNDS = {
    "Sigmoid": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "Softsign": (-1.0, 1.0),
    "Hardsigmoid": (0.0, 1.0),
    "HardSigmoid": (0.0, 1.0),
}
"""Lowest and highest output of activation functions, torch's and timm's, by the name of their class."""


def is_due(step: int, every: int) -> bool:
    """Whether a step, counted from 1, is looked at: 1, 2, 5, 10, 20, 50, … and from ``every`` on its multiples.

    Args:
        step: the step.
        every: 0: none is.
    """
    if not every or step < 1:
        return False
    if step >= every:
        return step % every == 0
    power = 10 ** (len(str(step)) - 1)
    return step % power == 0 and step // power in _FIRST


def watched_layers(module: nn.Module) -> dict[str, nn.Module]:
    """The layers that are looked at, by name: those with parameters of their own, and activation functions.

    Parameters that the network holds itself, beside its parts, are in no layer; where there is no layer, the network
    is one.
    """
    found = {name: layer for name, layer in module.named_modules() if name and (own(layer) or is_activation(layer))}
    return found or {"network": module}


def is_activation(layer: nn.Module) -> bool:
    """Whether a layer is an activation function of torch's or timm's, by the file that its class is from."""
    plain = next(layer.children(), None) is None and not own(layer)
    return plain and type(layer).__module__.rpartition(".")[2].startswith("activation")


def own(layer: nn.Module) -> list[nn.Parameter]:
    """The parameters of a layer itself, without those of its parts; whole numbers and empty ones have no size."""
    return [one for one in layer.parameters(recurse=False) if one.is_floating_point() and one.numel()]


class Probes:
    """Looks at the layers of a network.

    Args:
        module: the network, whole on this process.
        device: where the figures are put together.
    """

    def __init__(self, module: nn.Module, device: torch.device):
        self.device = device
        self.layers = watched_layers(module)
        self._blank = torch.full((len(FIGURES) - _SIZES,), float("nan"), device=device)
        self._zero, self._nothing = torch.zeros((), device=device), torch.full((), float("nan"), device=device)
        self._forget()

    def _forget(self) -> None:
        self._met: dict[str, torch.Tensor] = {}
        self._axis = 1
        self._gradients: torch.Tensor | None = None
        self._before: list[list[torch.Tensor]] = []

    def begin(self, step: int) -> None:
        """A step that is looked at begins, counted from 1."""
        del step
        self._forget()

    @contextlib.contextmanager
    def forward(self) -> Generator[None]:
        """Look at what comes out of the layers within; one that is called more than once is seen the first time."""
        self._forget()
        handles = list[Any]()
        for name, layer in self.layers.items():
            handles.append(layer.register_forward_pre_hook(functools.partial(self._meet, name)))
            handles.append(layer.register_forward_hook(functools.partial(self._see, name)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @torch.no_grad()
    def backward(self, scale: torch.Tensor) -> None:
        """Look at the gradients of the step, and remember the weights.

        Args:
            scale: what the gradients are multiplied by; a tensor without dimensions.
        """
        parameters = [own(layer) for layer in self.layers.values()]
        gradients = [[one.grad for one in row if one.grad is not None] for row in parameters]
        self._gradients = self._norms(gradients) / scale.to(self.device)
        self._before = [[one.detach().clone() for one in row] for row in parameters]

    @torch.no_grad()
    def told(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """After the step: the values of its record, a row for each layer in the order in which the step met them.

        Layers with parameters that the step did not meet come last. Nothing goes into the record's arrays.
        """
        places = {name: place for place, name in enumerate(self.layers)}
        names = [*self._met, *(name for name in places if name not in self._met and own(self.layers[name]))]
        sizes = self._sizes()
        rows = [torch.cat([sizes[places[name]], self._met.get(name, self._blank)]) for name in names]
        kinds = [type(self.layers[name]).__name__ for name in names]
        self._forget()
        return {"layers": names, "kinds": kinds, "figures": list(FIGURES), "table": torch.stack(rows)}, {}

    def _sizes(self) -> torch.Tensor:
        """Of the parameters, their gradient and their change, of each layer ``[layers, 3]``."""
        if self._gradients is None:
            return self._nothing.expand(len(self.layers), _SIZES)
        now = [own(layer) for layer in self.layers.values()]
        changes = [
            [new.detach() - old for new, old in zip(*pair, strict=True)] for pair in zip(now, self._before, strict=True)
        ]
        weights = self._norms(self._before)
        return torch.stack([weights, self._gradients, self._norms(changes) / weights], dim=1)

    def _norms(self, rows: Sequence[Sequence[torch.Tensor]]) -> torch.Tensor:
        """L2 over all elements of each row's tensors ``[rows]``; of a row without any, NaN."""
        flat = [tensor for row in rows for tensor in row]
        found = iter(torch._foreach_norm(flat) if flat else ())  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        most = max([1, *map(len, rows)])
        padded: list[torch.Tensor] = []
        for row in rows:
            norms = [next(found).to(self.device, torch.float32) for _ in row]
            padded += [*norms, *[self._zero if norms else self._nothing] * (most - len(norms))]
        return torch.linalg.vector_norm(torch.stack(padded).view(len(rows), most), dim=1)

    def _meet(self, name: str, _layer: nn.Module, _inputs: Any) -> None:
        self._met.setdefault(name, self._blank)

    def _see(self, name: str, layer: nn.Module, _inputs: Any, output: Any) -> None:
        values = first_tensor(output)
        if values is None or self._met[name] is not self._blank:
            return
        if own(layer):
            self._axis = _axis_of(layer, values)
        # Memory that runs out here, or a kind of tensor that has no mean, must not disturb the training.
        with contextlib.suppress(RuntimeError, MemoryError):
            self._met[name] = _reduced(layer, values.detach(), self._axis).to(self.device)


def first_tensor(output: Any) -> torch.Tensor | None:
    """The tensor of numbers that a layer gave, the first of several; ``None``: it gave none."""
    if isinstance(output, torch.Tensor):
        return output if output.is_floating_point() and output.numel() else None
    found = [first_tensor(one) for one in output] if isinstance(output, list | tuple) else []
    return next((one for one in found if one is not None), None)


def _axis_of(layer: nn.Module, values: torch.Tensor) -> int:
    """Where the channels of a layer's output are, by its kind and by the length of its parameters."""
    last = values.ndim - 1
    axes = (last, 1) if isinstance(layer, nn.Linear | nn.LayerNorm) else (1, last)
    lengths = {parameter.shape[0] for parameter in own(layer) if parameter.ndim}
    return next((axis for axis in axes if 0 <= axis <= last and values.shape[axis] in lengths), axes[0])


@torch.no_grad()
def _reduced(layer: nn.Module, values: torch.Tensor, axis: int) -> torch.Tensor:
    """Mean, standard deviation, share of zeros, of dead channels and of saturated outputs: float32 ``[5]``.

    Written in passes that are quick on a CPU: ``std_mean`` takes seven times as long as what stands here, and counting
    by channel twelve times as long as looking for the largest.
    """
    values = values.float()
    mean = values.mean()
    std = torch.linalg.vector_norm(values - mean) / values.numel() ** 0.5
    zeros = 1 - torch.count_nonzero(values) / values.numel()
    nothing = dead = torch.full_like(mean, float("nan"))
    if 0 < axis < values.ndim:
        largest = values.abs().amax(dim=[place for place in range(values.ndim) if place != axis])
        dead = (largest == 0).float().mean()
    bounds = _bounds_of(layer)
    saturated = nothing if bounds is None else _beyond(values, *bounds)
    return torch.stack([mean, std, zeros, dead, saturated])


def _bounds_of(layer: nn.Module) -> tuple[float | None, float] | None:
    """Lowest and highest output of a bounded activation function; zeros of a ReLU are no bound."""
    if isinstance(layer, nn.ReLU6):
        return None, 6.0
    if isinstance(layer, nn.Hardtanh):
        return float(layer.min_val), float(layer.max_val)
    return _BOUNDS.get(type(layer).__name__)


def _beyond(values: torch.Tensor, low: float | None, high: float) -> torch.Tensor:
    """Share of the outputs within 1 % of a bound, as a share of the way between the two."""
    margin = _NEAR * (high - (low or 0.0))
    near = values >= high - margin
    return (near if low is None else near | (values <= low + margin)).float().mean()
