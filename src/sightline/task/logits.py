"""Whether a network gives logits, where the loss takes them: found out before the first step."""

import torch
from torch import nn

from sightline.errors import ModelError

OF_LOGITS = frozenset({"cross_entropy", "focal"})
"""Built-in losses that take the softmax themselves."""
_ENDINGS: dict[type[nn.Module], str] = {
    nn.Softmax: "softmax",
    nn.Softmax2d: "softmax",
    nn.Softmin: "softmax",
    nn.Sigmoid: "sigmoid",
}
_NEAR = 1e-4


def refuse_softmax(module: nn.Module, images: torch.Tensor, *, loss: str, where: str) -> None:
    """Refuse a network that gives probabilities where the loss takes logits.

    A softmax of probabilities is almost flat: with ten classes none gets more than 0.23, and the training stands still
    far from its end. Logarithms of probabilities pass: their softmax is the probabilities themselves.

    Args:
        module: the network; its mode and its random numbers stay as they are.
        images: as the network sees them, ``[n, channels, h, w]``.
        loss: name of the loss.
        where: the setting that named the network.

    Raises:
        ModelError: it ends in a softmax or sigmoid layer, or every row that it gives is not negative and sums to 1.
    """
    last: list[tuple[nn.Module, torch.Tensor]] = []

    def keep(layer: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, torch.Tensor):
            last.append((layer, output))

    mode = module.training
    hooks = [layer.register_forward_hook(keep) for layer in module.modules()]
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            given = module.eval()(images)
    except Exception:  # noqa: BLE001 - a network that cannot be run is told of when its training is tried
        return
    finally:
        module.train(mode)
        for hook in hooks:
            hook.remove()
    if not isinstance(given, torch.Tensor) or given.ndim != 2:
        return
    ending = next((_ENDINGS[type(layer)] for layer, output in last if output is given and type(layer) in _ENDINGS), "")
    if ending or _probabilities(given):
        found = f"its last layer is a {ending}" if ending else "each row is not negative and sums to 1"
        raise ModelError(
            f"the model gives probabilities, and {loss} takes logits: it applies the softmax itself",
            where=where, got=f"outputs such as {[round(value, 3) for value in given[0].tolist()][:5]}; {found}",
            hint=f"remove the {ending or 'softmax'} at its end; evaluation and export apply it for you",
        )  # fmt: skip


def _probabilities(given: torch.Tensor) -> bool:
    rows = given.double()
    return bool((rows >= 0).all() and ((rows.sum(dim=1) - 1).abs() < _NEAR).all() and given.shape[1] > 1)
