"""From the settings of the model stage to a network with its head."""

from typing import Any

from torch import nn

from sightline import plug
from sightline.errors import ModelError
from sightline.model.build import MODELS, Built, build
from sightline.model.config import ModelConfig
from sightline.model.heads import with_head


def make_model(
    config: ModelConfig, classes: int, channels: int, *, size: int | None = None, hub: bool = False
) -> Built:
    """Build the network that the settings name, with the head that they name.

    Args:
        config: name, options, head and stochastic depth; weights are loaded elsewhere, but for the published ones.
        classes: outputs.
        channels: of the input.
        size: side of the images in pixels.
        hub: whether to fetch the model's published weights.

    Raises:
        ModelError: unknown name, options that the model does not take, a head that it cannot have, or a stochastic
            depth that it has not.
        WeightsError: published weights were asked for and cannot be had.
        PlugError: the user's own model or head does not give a module.
    """
    options = dict(config.options)
    if config.drop_path:
        options = _with_drop_path(config, options)
    try:
        built = build(config.name, classes, channels, options, size=size, hub=hub)
    except ModelError as error:
        if config.drop_path and "'drop_path_rate'" in str(error.got).rpartition(":")[2]:
            raise _no_branches(config) from error
        raise
    if config.drop_path and not any(map(_drops_path, built.module.modules())):
        raise _no_branches(config)
    return with_head(built, config.name, classes, config.head)


def _no_branches(config: ModelConfig) -> ModelError:
    return ModelError(
        f"model.drop_path has no effect: '{config.name}' has no residual branches that could be left out",
        where="model.drop_path", got=config.drop_path, hint="remove it, or name another model",
    )  # fmt: skip


def _with_drop_path(config: ModelConfig, options: dict[str, Any]) -> dict[str, Any]:
    if config.name in MODELS or plug.is_plug(config.name):
        raise ModelError(
            "model.drop_path is for timm's models", where="model.drop_path", got=config.name,
            hint="remove it; a module of your own takes what it needs by model.options",
        )  # fmt: skip
    if "drop_path_rate" in options:
        raise ModelError(
            "stochastic depth is given twice", where="model.drop_path, model.options.drop_path_rate",
            hint="give one of the two",
        )  # fmt: skip
    return options | {"drop_path_rate": config.drop_path}


def _drops_path(layer: nn.Module) -> bool:
    return type(layer).__name__.startswith("DropPath") and float(getattr(layer, "drop_prob", 0.0) or 0.0) > 0
