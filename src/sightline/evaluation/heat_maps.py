"""Where in an image a network saw what speaks for a class: maps of the Grad-CAM family.

The last features that still have places are multiplied by the gradient of the class's output, place by place, and
added over the channels (Draelos and Carin, 2020: HiResCAM). Where the network averages over all places and then has one
linear layer, that is Grad-CAM (Selvaraju et al., 2017); elsewhere Grad-CAM averages gradients that belong to different
places, and may find nothing where the class's output is high. The computing is done by the library pytorch-grad-cam;
here is which layer it looks at, and what its output means in a transformer, where the places are tokens.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sightline.errors import MissingExtra
from sightline.model.places import Place, place_of

_HINT = 'pip install "sightline[explain]"'


def heat_maps(
    module: nn.Module, images: torch.Tensor, classes: Sequence[int], place: Place | None = None
) -> NDArray[np.float32]:
    """What speaks for a class in each image.

    Args:
        module: the network; it is put into evaluation mode and otherwise left as it is.
        images: as the network takes them, ``[n, channels, h, w]``.
        classes: of each image, the class that is asked about.
        place: the layer to look at; where missing, that of ``place_of``.

    Returns:
        ``[n, h, w]`` from 0 to 1; each image has its own scale.

    Raises:
        MissingExtra: pytorch-grad-cam is not installed.
        ModelError: no layer has features of several places.
    """
    try:
        from pytorch_grad_cam import HiResCAM  # noqa: PLC0415  optional
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("pytorch-grad-cam is not installed", where="heat maps", hint=_HINT) from error
    place = place or place_of(module, images[:1])
    wanted: list[Any] = [ClassifierOutputTarget(int(one)) for one in classes]
    frozen = [parameter for parameter in module.parameters() if not parameter.requires_grad]
    with torch.enable_grad(), HiResCAM(module, [place.layer], reshape_transform=place.as_picture) as cam:
        # Frozen layers give no gradients to look at; the input's do.
        found = cam(images.detach().clone().requires_grad_(), wanted)
    module.zero_grad(set_to_none=True)
    for parameter in frozen:
        parameter.requires_grad_(False)
    return np.asarray(found, np.float32)
