"""From a name to a network. Of timm's, nothing is made anywhere else."""

import contextlib
import dataclasses
import re
from collections.abc import Callable
from typing import Any

import timm
import timm.models
from torch import nn

from sightline import plug
from sightline.data.derive import Preferred
from sightline.errors import ModelError, PlugError, SightlineError, WeightsError, did_you_mean
from sightline.model import hub as published
from sightline.model.cnn import cnn
from sightline.model.mlp import mlp

MODELS: dict[str, Callable[..., nn.Module]] = {"cnn": cnn, "mlp": mlp}
"""Built-in models; every timm name works beside them."""
_FILLING = ("pretrained", "checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay")
"""Arguments of timm's that say which weights to load."""


@dataclasses.dataclass(frozen=True, eq=False)
class Built:
    """A network and what training must know of its insides."""

    module: nn.Module
    """Normalized float32 ``[n, channels, h, w]`` to logits ``[n, classes]``."""
    head: frozenset[str]
    """Names of the parameters of the last layer, which no pretrained weights can give; empty: it is not known."""
    depth: dict[str, int]
    """Layer of each parameter, 0 at the input; the head has the largest."""
    stages: dict[str, int] = dataclasses.field(default_factory=dict[str, int])
    """Stage of each parameter, 0 at the input; empty: each layer is one. See ``model.stages.stages_of``."""
    fixed: frozenset[str] = frozenset()
    """Names of the parameters that the network itself keeps from learning: they ask for no gradient."""


def preferred_input(name: str) -> Preferred | None:
    """The input that the published weights of a timm model expect; ``None`` for other models.

    Raises:
        ModelError: there is no such model; says the nearest names.
    """
    if name in MODELS or plug.is_plug(name):
        return None
    _require_known(name)
    cfg = timm.models.get_pretrained_cfg(name)
    if cfg is None:
        return None
    return Preferred(
        size=int(cfg.input_size[-1]),
        crop_share=float(cfg.crop_pct or 1.0),
        interpolation=cfg.interpolation if cfg.interpolation in ("bilinear", "bicubic") else "bicubic",
        mean=tuple(float(v) for v in cfg.mean),
        std=tuple(float(v) for v in cfg.std),
    )


def license_of(name: str) -> str:
    """Licence of a timm model's published weights, as its authors state it."""
    if name in MODELS or plug.is_plug(name):
        return ""
    cfg = timm.models.get_pretrained_cfg(name)
    return str(cfg.license or "not stated") if cfg is not None else "not stated"


def build(
    name: str, classes: int, channels: int, options: dict[str, Any], *, size: int | None = None, hub: bool = False
) -> Built:
    """Build a network.

    Args:
        name: built-in, timm name, or the user's ``my_file:make_model``, called with (num_classes, in_chans, **options).
        classes: outputs.
        channels: channels of the input.
        options: extra arguments of the constructor.
        size: side of the images in pixels, for models that are built for one size; missing: the model's own.
        hub: whether to fetch the model's published weights.

    Raises:
        ModelError: unknown name, or options that the model does not take or that name weights.
        WeightsError: published weights were asked for and cannot be had.
        PlugError: the user's function does not give a module.
    """
    if hub and (name in MODELS or plug.is_plug(name)):
        raise WeightsError(
            f"'{name}' has no published weights", where="model.weights", allowed=["none", "a weights file"]
        )
    if name == "mlp":
        options = ({} if size is None else {"img_size": size}) | options
    if name in MODELS or plug.is_plug(name):
        module = _call(name, plug.resolve("model", name, MODELS, "model.name"), classes, channels, options)
        return Built(module, _last_layer(module, classes), _depth_by_order(module), fixed=_fixed(module))
    _require_known(name)
    _refuse_weights(name, options)
    if size is not None and getattr(timm.models.get_pretrained_cfg(name), "fixed_input_size", False):
        options = {"img_size": size} | options
    module = _timm(name, classes, channels, options, hub)
    head = frozenset(key for key, _ in module.named_parameters() if _in_any(key, _classifiers(module)))
    return Built(
        module,
        head or _last_layer(module, classes),
        _grouped(module, coarse=False),
        _grouped(module, coarse=True),
        _fixed(module),
    )


def _fixed(module: nn.Module) -> frozenset[str]:
    return frozenset(name for name, one in module.named_parameters() if not one.requires_grad)


def _require_known(name: str) -> None:
    known = timm.list_models()
    if timm.is_model(name):
        try:
            timm.models.get_pretrained_cfg(name)
        except RuntimeError as error:  # the part after the dot
            raise ModelError(
                f"unknown weights of a model '{name}'", where="model.name",
                allowed=timm.list_pretrained(f"{name.partition('.')[0]}.*"),
            ) from error  # fmt: skip
        return
    raise ModelError(
        f"unknown model '{name}'",
        where="model.name",
        hint=" ".join(
            part
            for part in (
                did_you_mean(name, [*MODELS, *known]),
                f"Any of timm's {len(known)} names, the built-in {', '.join(MODELS)},",
                'or your own: "my_file:make_model"',
            )
            if part
        ),
    )


def _refuse_weights(name: str, options: dict[str, Any]) -> None:
    given = [key for key in _FILLING if key in options]
    if given:
        raise ModelError(
            f"model.options.{given[0]} would fill '{name}' with weights that the run knows nothing of",
            where="model.options", got=options[given[0]],
            hint="remove it, and give the file, its address, or hub with -s model.weights=…",
        )  # fmt: skip


def _timm(name: str, classes: int, channels: int, options: dict[str, Any], hub: bool) -> Any:
    if hub and name not in {full.split(".")[0] for full in timm.list_pretrained()} and "." not in name:
        raise WeightsError(
            f"'{name}' has no published weights in timm", where="model.weights", allowed=["none", "a weights file"]
        )
    try:
        with published.asked_once() if hub else contextlib.nullcontext():
            return timm.create_model(name, pretrained=hub, num_classes=classes, in_chans=channels, **options)
    except TypeError as error:
        raise ModelError(
            f"model '{name}' does not take these options", where="model.options", got=f"{options}: {error}"
        ) from error
    except Exception as error:
        if not hub:
            raise ModelError(f"model '{name}' cannot be built", where="model", got=_first_line(error)) from error
        cfg = timm.models.get_pretrained_cfg(name)
        place = published.address(getattr(cfg, "hf_hub_id", None), getattr(cfg, "url", None))
        raise WeightsError(
            f"the published weights of '{name}' could not be fetched",
            where="model.weights",
            got=_first_line(error),
            hint=f"check the network, or download the file from {place} elsewhere and give it with "
            "-s model.weights=FILE, or train without: -s model.weights=none",
        ) from error


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return re.split(r"[\n]", text)[0][:300]


def _grouped(module: Any, coarse: bool) -> dict[str, int]:
    """Layer (or stage, where ``coarse``) of each parameter, as timm's author of the network divides it."""
    try:
        matcher = module.group_matcher(coarse=coarse)
    except AssertionError:  # some have no coarse division
        return {}
    groups = timm.models.group_parameters(module, matcher)
    return {parameter: place for place, parameters in groups.items() for parameter in parameters}


def _classifiers(module: Any) -> list[str]:
    names = module.pretrained_cfg.get("classifier", "")
    return [names] if isinstance(names, str) else list(names)


def _in_any(key: str, prefixes: list[str]) -> bool:
    return any(prefix and key.startswith(prefix + ".") for prefix in prefixes)


def _call(name: str, make: Any, classes: int, channels: int, options: dict[str, Any]) -> nn.Module:
    try:
        module = make(num_classes=classes, in_chans=channels, **options)
    except TypeError as error:
        raise ModelError(f"model '{name}' does not take these arguments", where="model", got=str(error)) from error
    except SightlineError:
        raise
    except Exception as error:
        if name not in MODELS:  # the traceback leads into the user's own file
            raise
        raise ModelError(
            f"model '{name}' cannot be built with these options", where="model.options",
            got=f"{options}: {_first_line(error)}",
        ) from error  # fmt: skip
    if not isinstance(module, nn.Module):
        raise PlugError(
            f"'{name}' did not give a module", where="model.name", got=type(module).__name__,
            hint="return a torch.nn.Module from (num_classes, in_chans, **options)",
        )  # fmt: skip
    return module


def outputs_of(layer: nn.Module) -> int | None:
    """How many outputs a layer has that may be a last one: a linear one, or a convolution of single pixels."""
    if isinstance(layer, nn.Linear):
        return layer.out_features
    if isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) and layer.groups == 1:
        return layer.out_channels
    return None


def _last_layer(module: nn.Module, classes: int) -> frozenset[str]:
    """Parameters of the last linear layer or convolution of single pixels that has an output for each class, the head
    of a module that does not name it; none where there is no such layer."""
    layers = [name for name, layer in module.named_modules() if outputs_of(layer) == classes]
    before = f"{layers[-1]}." if layers and layers[-1] else ""
    return frozenset(key for key, _ in module.named_parameters() if layers and key.startswith(before))


def _depth_by_order(module: nn.Module) -> dict[str, int]:
    """Layer of each parameter, by the order of the children of the module.

    Where one child holds everything, as in a wrapper around another network, its children count.
    """
    paths = {key: key.split(".") for key, _ in module.named_parameters()}
    level = 0
    while len({path[level] for path in paths.values()}) == 1 and min(map(len, paths.values())) > level + 2:
        level += 1
    children = list(dict.fromkeys(path[level] for path in paths.values()))
    return {key: children.index(path[level]) for key, path in paths.items()}
