"""The contract of losses; ``sightline.testing`` hands it out with the others."""

import dataclasses
from collections.abc import Callable

import torch
from torch import nn

from sightline.data.outputs import Kind
from sightline.errors import PlugError
from sightline.task.task import LossFunction
from sightline.training.config import LossConfig
from sightline.training.losses import judging, of_batch, weighed

_ROWS = 7


def check_loss(
    make: Callable[[LossConfig], LossFunction],
    config: LossConfig | None = None,
    classes: int = 5,
    mixed: bool = True,
    kind: Kind = "class",
) -> None:
    """Check that a loss honours its contract: outputs ``[n, classes]`` and targets to the losses ``[n]``.

    Targets are classes ``[n]``, for ``labels`` 0 or 1 ``[n, classes]``, for ``numbers`` any ``[n, classes]``. Losses
    are one per sample and do not depend on the other samples of the batch (so that micro-batches and ranks add up to
    the whole batch), they and their gradients are finite for outputs of any size, the gradient is that of the loss
    (``torch.autograd.gradcheck`` in float64), and bfloat16 gives nearly what float32 gives. For mixed images, targets
    may be the shares of the classes ``[n, classes]``: the same holds for them, and shares that are all on one class
    give what that class gives. All of this holds with class weights, too, which are put around the loss. A loss of
    labels may have a method ``weighed(weights)``; a weight then acts on the images that have the label alone.

    A loss that says ``of_batch`` may depend on the other samples, but not on their order; it says by what an image is
    judged alone, and takes no mixed images.

    Args:
        make: makes the loss from its settings.
        config: the settings; the defaults where none are given.
        classes: width of the outputs.
        mixed: whether it is meant for MixUp and CutMix too.
        kind: what it is about: ``class``, ``labels`` or ``numbers``.

    Raises:
        PlugError: names the clause that is broken.
    """
    config = config or LossConfig()
    loss = make(config if kind == "class" else dataclasses.replace(config, label_smoothing=0.0))
    _need(callable(loss), "is a function of logits and targets", type(loss).__name__)
    random = torch.Generator().manual_seed(0)
    outputs = torch.randn(_ROWS, classes, generator=random, dtype=torch.float64, requires_grad=True)
    targets = _targets(kind, classes, random)
    _check_losses(loss, outputs, targets)
    if kind == "labels" and hasattr(loss, "weighed"):
        _check_weighed(loss, outputs, targets)
    if of_batch(loss):
        _check_losses(judging(loss), outputs, targets)
    elif mixed:
        _check_mixed(loss, outputs, targets, random)
    _check_weights(loss, outputs, targets, kind)
    _check_low_precision(loss, outputs, targets)


def check_box_loss(loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], gradient: bool = True) -> None:
    """Check that a loss of boxes honours its contract: boxes and targets ``[n, 4]`` to the losses ``[n]``.

    Losses are one per pair and do not depend on the others, are 0 for equal boxes and never below, do not change when
    both boxes are moved together, are finite with their gradient for boxes without an area, far apart, tiny or huge,
    and the gradient is that of the loss.

    Args:
        loss: what is checked.
        gradient: whether the gradient is meant to be that of the values; that of ``ciou`` leaves out its weight.

    Raises:
        PlugError: names the clause that is broken.
    """
    random = torch.Generator().manual_seed(0)
    boxes, targets = (_boxes(random) for _ in range(2))
    losses = loss(boxes, targets)
    _need(losses.shape == (_ROWS,), "gives one value per pair of boxes", f"{list(losses.shape)}")
    alone = torch.cat([loss(boxes[row : row + 1], targets[row : row + 1]) for row in range(_ROWS)])
    _need(torch.allclose(losses, alone), "gives a pair the same value in any batch", str(losses - alone))
    same = loss(boxes, boxes.detach().clone())
    _need(bool((same.abs() < 1e-6).all() and (losses >= 0).all()), "is 0 for equal boxes and never below", str(same))
    moved = loss(boxes + 100, targets + 100)
    _need(torch.allclose(losses, moved, atol=1e-6), "is the same wherever both boxes lie", str(losses - moved))
    nothing = torch.zeros_like(boxes).float()
    for one, other in ((nothing, nothing), (nothing, targets.float()), (boxes.float() * 1e-6, targets.float() * 1e6)):
        found = one.detach().clone().requires_grad_(True)
        values = loss(found, other.detach())
        (slope,) = torch.autograd.grad(values.sum(), found)
        finite = bool(torch.isfinite(values).all() and torch.isfinite(slope).all())
        _need(finite, "is finite, with its gradient, for boxes of any size", str(values.detach()))
    if gradient:
        _check_gradient(lambda values: loss(values, targets.detach()), boxes)


def _targets(kind: Kind, classes: int, random: torch.Generator) -> torch.Tensor:
    if kind == "class":
        return torch.randint(classes, (_ROWS,), generator=random)
    if kind == "labels":
        return torch.randint(2, (_ROWS, classes), generator=random).double()
    return torch.rand(_ROWS, classes, generator=random, dtype=torch.float64)


def _boxes(random: torch.Generator) -> torch.Tensor:
    corner, size = (torch.rand(_ROWS, 2, generator=random, dtype=torch.float64) for _ in range(2))
    return torch.cat([corner * 4, corner * 4 + size * 4 + 0.5], dim=1).requires_grad_(True)


def _check_losses(loss: LossFunction, logits: torch.Tensor, targets: torch.Tensor) -> None:
    """What holds for targets of every kind."""
    losses = loss(logits, targets)
    got = f"{list(losses.shape)} for logits {list(logits.shape)}"
    _need(losses.shape == targets.shape[:1], "gives one value per sample", got)
    if of_batch(loss):
        order = torch.arange(len(targets)).flip(0)
        turned = loss(logits[order], targets[order])
        _need(torch.allclose(losses, turned[order]), "does not depend on the order of a batch", str(losses - turned))
    else:
        alone = torch.cat([loss(logits[row : row + 1], targets[row : row + 1]) for row in range(len(targets))])
        _need(torch.allclose(losses, alone), "gives a sample the same value in any batch", str(losses - alone))
    for size in (0.0, 1e2, 1e4):
        extreme = (logits.detach().sign() * size).float().requires_grad_(True)
        values = loss(extreme, targets.float() if targets.is_floating_point() else targets)
        (slope,) = torch.autograd.grad(values.sum(), extreme)
        finite = bool(torch.isfinite(values).all() and torch.isfinite(slope).all())
        _need(finite, f"is finite, with its gradient, for logits of ±{size:g}", str(values.detach()))
    _check_gradient(lambda values: loss(values, targets), logits)


def _check_gradient(loss: Callable[[torch.Tensor], torch.Tensor], values: torch.Tensor) -> None:
    try:
        torch.autograd.gradcheck(loss, (values,))
    except RuntimeError as error:  # gradcheck's own way to say no
        raise _broken("has the gradient of its values", str(error).split("\n")[0]) from error


def _check_mixed(loss: LossFunction, outputs: torch.Tensor, targets: torch.Tensor, random: torch.Generator) -> None:
    """Targets as MixUp and CutMix make them."""
    width = outputs.shape[1]
    if targets.ndim == 2:
        _check_losses(loss, outputs, 0.3 * targets + 0.7 * targets.flip(0))
        return
    shares = nn.functional.one_hot(targets, width).double()
    clause = "gives for shares of classes that are all on one class what that class gives"
    losses = _losses_of_shares(loss, outputs, shares)
    _need(losses.shape == targets.shape, clause, f"shape {list(losses.shape)}")
    difference = losses - loss(outputs, targets)
    _need(bool((difference.abs() < 1e-9).all()), clause, f"{difference.tolist()} more")
    shares_of_all = torch.rand(_ROWS, width, generator=random, dtype=torch.float64).softmax(dim=1)
    _check_losses(loss, outputs, shares_of_all)
    _check_losses(weighed(loss, torch.arange(width).double()), outputs, shares_of_all)


def _losses_of_shares(loss: LossFunction, logits: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    try:
        return loss(logits, shares)
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise _broken("takes shares of classes [n, classes] as targets", told) from error


def _check_weights(loss: LossFunction, outputs: torch.Tensor, targets: torch.Tensor, kind: Kind) -> None:
    """Class weights around the loss: twice as much of a class is twice its loss."""
    if kind != "class":
        return
    weights = torch.arange(outputs.shape[1]).double()
    found, wanted = weighed(loss, weights)(outputs, targets), loss(outputs, targets) * weights[targets]
    _need(torch.allclose(found, wanted), "can be weighed by the class", str(found - wanted))


def _check_weighed(loss: LossFunction, outputs: torch.Tensor, targets: torch.Tensor) -> None:
    """Weights of labels, which the loss puts on the images that have them."""
    make: Callable[[torch.Tensor], LossFunction] = loss.weighed  # pyright: ignore[reportFunctionMemberAccess]
    ones = torch.ones(outputs.shape[1], dtype=torch.float64)
    plain = loss(outputs, targets)
    _need(torch.allclose(make(ones)(outputs, targets), plain), "is itself with weights of 1", "another value")
    heavy = ones.clone()
    heavy[0] = 3.0
    more = (make(heavy)(outputs, targets) - plain).detach()
    right = torch.equal(more.abs() > 1e-9, targets[:, 0] > 0) and bool((more >= 0).all())
    _need(right, "weighs the images that have a label, and no others", str(more))
    _check_losses(make(heavy), outputs, targets)


def _check_low_precision(loss: LossFunction, outputs: torch.Tensor, targets: torch.Tensor) -> None:
    """bfloat16, given and under autocast, against float32 of the same numbers."""
    rounded = outputs.detach().bfloat16()
    wanted = targets.float() if targets.is_floating_point() else targets
    exact = loss(rounded.float(), wanted)
    with torch.autocast("cpu", torch.bfloat16):
        for values in (rounded, rounded.float()):
            low = loss(values, wanted).float()
            close = bool(torch.allclose(low, exact, rtol=0.03, atol=0.03))
            _need(close, "gives in bfloat16 nearly what it gives in float32", str((low - exact).detach()))


def _need(honoured: bool, clause: str, got: str) -> None:
    if not honoured:
        raise _broken(clause, got)


def _broken(clause: str, got: str) -> PlugError:
    return PlugError(f"broken contract: a loss {clause}", got=got)
