"""Numbers that a training needs on its device at every step."""

import torch


class Constant:
    """A tensor that is copied to a device once: a copy at each step would let the host wait for the device.

    Args:
        value: on the CPU.
    """

    def __init__(self, value: torch.Tensor):
        self.value = value
        self._copies: dict[tuple[torch.device, torch.dtype], torch.Tensor] = {}

    def on(self, device: torch.device, dtype: torch.dtype | None = None) -> torch.Tensor:
        """The tensor on a device, of this type where one is given."""
        place = (device, self.value.dtype if dtype is None else dtype)
        if place not in self._copies:
            self._copies[place] = self.value.to(*place)
        return self._copies[place]
