"""Settings of the model stage."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Which network, from which weights."""

    name: str = "auto"
    """A timm name (resnet18, mobilenetv3_large_100, …), the built-in cnn, or your own "my_file:make_model"."""
    weights: str = "auto"
    """none, hub (the model's published weights), or a .safetensors, .pt or .pth file; auto: hub for photos."""
    options: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    """Extra arguments for the model's constructor, such as {drop_rate: 0.2, pad_type: same}."""
