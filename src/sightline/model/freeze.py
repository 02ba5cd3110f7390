"""Which parameters learn."""

from torch import nn

from sightline.model.build import Built

_NORMS = (nn.modules.batchnorm._BatchNorm,)  # pyright: ignore[reportPrivateUsage]  the one parent of all batch norms


def backbone_of(built: Built) -> frozenset[str]:
    """Names of all parameters but those of the head."""
    return frozenset(name for name, _ in built.module.named_parameters() if name not in built.head)


def set_frozen(built: Built, frozen: frozenset[str]) -> None:
    """Let every parameter learn but those that are named, and those that the network itself keeps from it."""
    for name, parameter in built.module.named_parameters():
        parameter.requires_grad_(name not in frozen and name not in built.fixed)


def training_mode(built: Built, frozen: frozenset[str]) -> None:
    """Put the network into training mode; batch statistics of frozen layers stay what they were.

    Batch norm without parameters of its own goes with the smallest part of the network around it that has some.
    """
    built.module.train()
    if not frozen:
        return
    names = [name for name, _ in built.module.named_parameters()]
    for place, layer in built.module.named_modules():
        if isinstance(layer, _NORMS) and frozen.issuperset(_around(place, names)):
            layer.eval()


def _around(place: str, names: list[str]) -> list[str]:
    """The parameters below a module, or below the nearest one around it that has any."""
    while place:
        own = [name for name in names if name.startswith(place + ".")]
        if own:
            return own
        place = place.rpartition(".")[0]
    return names
