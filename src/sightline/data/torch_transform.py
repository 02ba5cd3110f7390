"""The preprocessing contract for one's own PyTorch code, made of torchvision's transforms v2."""

from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from sightline.data.contract import Contract
from sightline.data.image import to_color, upright
from sightline.errors import DataError

_Picture = Any  # Pillow image or uint8 tensor; torchvision takes both but states only tensors
_MODES = {
    "nearest": InterpolationMode.NEAREST,
    "bilinear": InterpolationMode.BILINEAR,
    "bicubic": InterpolationMode.BICUBIC,
    "lanczos": InterpolationMode.LANCZOS,
}


class ContractTransform(nn.Module):
    """An image to what the model sees, uint8 ``[channels, height, width]``; ``torch_transform`` makes it."""

    def __init__(self, contract: Contract):
        super().__init__()
        self.contract = contract

    def forward(self, image: Image.Image | Tensor) -> Tensor:
        """Convert, resize and crop.

        Args:
            image: a Pillow image in any mode, turned upright by its EXIF tag where that was not done yet; or uint8
                ``[1 or 3, h, w]`` on the CPU, already upright.

        Raises:
            DataError: the tensor is no such image.
            ImageError: the image's pixels have no agreed range.
        """
        if isinstance(image, Image.Image):
            return tv.pil_to_tensor(self._resized(to_color(upright(image), self.contract.color)))
        if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] not in (1, 3):
            raise DataError(
                "the tensor is not an image", got=f"{image.dtype} {list(image.shape)}", allowed=["uint8 [1 or 3, h, w]"]
            )
        return self._resized(self._colored(image))

    def extra_repr(self) -> str:
        """The rule in short, for ``print``."""
        own = self.contract
        return f"{own.color} {own.height}x{own.width}, {own.resize}, {own.interpolation}"

    def _colored(self, image: Tensor) -> Tensor:
        if image.shape[0] == self.contract.channels:
            return image
        if self.contract.color == "rgb":
            return image.expand(3, -1, -1)
        # Pillow's weights in 16-bit fixed point; torchvision's own gray is up to 1 lower.
        red, green, blue = image.to(torch.int32)
        return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).to(torch.uint8)[None]

    def _resized(self, image: _Picture) -> _Picture:
        own = self.contract
        height, width = tv.get_size(image)
        if own.resize == "squash":
            return self._resize(image, own.height, own.width)
        if own.resize == "crop":
            short = min(height, width)
            covering = self._resize(image, height * own.shorter // short, width * own.shorter // short)
            return tv.center_crop(covering, [own.height, own.width])
        scale = min(own.width / width, own.height / height)
        high, wide = max(1, round(height * scale)), max(1, round(width * scale))
        left, top = (own.width - wide) // 2, (own.height - high) // 2
        border = [left, top, own.width - wide - left, own.height - high - top]
        return tv.pad(self._resize(image, high, wide), border, fill=own.fill)

    def _resize(self, image: _Picture, height: int, width: int) -> _Picture:
        mode = _MODES[self.contract.interpolation]
        if isinstance(image, Tensor) and mode is not InterpolationMode.BILINEAR:
            # Torch's own kernels for these are up to 2 of 255 away, and nearest now and then a whole pixel.
            resized = tv.resize(tv.to_pil_image(image), [height, width], mode)
            return tv.pil_to_tensor(resized)
        return tv.resize(image, [height, width], mode, antialias=True)


def torch_transform(contract: Contract) -> ContractTransform:
    """The contract as a module: Pillow image or uint8 tensor in, uint8 ``[channels, height, width]`` out.

    From a Pillow image the pixels equal those of ``Contract.pixels``; from a tensor each is within 1 of 255, because
    torch rounds its bilinear weights more coarsely. Scaling to the model's input is left
    to the caller: ``tv.normalize(pixels / 255, contract.mean, contract.std)``.
    """
    return ContractTransform(contract)
