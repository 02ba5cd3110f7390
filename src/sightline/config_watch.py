"""Settings of watching that have no effect beside the others."""

from collections.abc import Iterator

from sightline.config import RunConfig
from sightline.config_useless import Useless

_DIVIDED = ("fsdp", "hybrid")


def _rows() -> Iterator[Useless]:
    for key in ("every", "layers", "probe", "maps"):
        yield Useless(
            f"watch.{key}",
            lambda config, key=key: _divided(config) and getattr(config.watch, key) not in ("auto", 0, (), "", None),
            "the layers of a network in shards are not looked at",
            "remove it",
        )
    for key in ("layers", "probe"):
        yield Useless(
            f"watch.{key}",
            lambda config, key=key: config.watch.every == 0 and not (key == "layers" and config.watch.maps),
            "with watch.every=0 no step is looked at",
            "remove it, or watch.every",
        )
    yield Useless(
        "watch.layers",
        lambda config: not config.train.tensorboard and config.watch.probe is None and not config.watch.maps,
        "histograms are shown by TensorBoard, which is off",
        "remove it, or train.tensorboard=false",
    )
    yield Useless(
        "watch.what",
        lambda config: not config.watch.layers or not config.train.tensorboard or config.watch.every == 0,
        "no histograms are made",
        "remove it, or name layers with watch.layers and leave TensorBoard on",
    )
    yield Useless(
        "watch.what",
        lambda config: config.watch.what == (),
        "nothing is named",
        "remove watch.layers, or name some of activations, gradients and weights",
    )
    yield Useless(
        "watch.maps_at", lambda config: not config.watch.maps, "no images are named", "remove it, or set watch.maps"
    )


def _divided(config: RunConfig) -> bool:
    return config.train.distributed.kind in _DIVIDED


WATCH_ROWS: tuple[Useless, ...] = tuple(_rows())
"""Every such setting."""
