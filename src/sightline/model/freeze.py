"""Training only the head for a while."""

from torch import nn

from sightline.model.build import Built

_NORMS = (nn.modules.batchnorm._BatchNorm,)  # pyright: ignore[reportPrivateUsage]  the one parent of all batch norms


def set_frozen(built: Built, frozen: bool) -> None:
    """Let only the head learn, or everything."""
    for name, parameter in built.module.named_parameters():
        parameter.requires_grad_(not frozen or name in built.head)


def training_mode(built: Built, frozen: bool) -> None:
    """Put the network into training mode; batch statistics of a frozen backbone stay what they were."""
    built.module.train()
    if not frozen:
        return
    for name, layer in built.module.named_modules():
        if isinstance(layer, _NORMS) and not any(key.startswith(name + ".") for key in built.head):
            layer.eval()
