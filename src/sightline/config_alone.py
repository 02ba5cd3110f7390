"""Settings about processes, devices and failures that have no effect beside the others."""

from sightline.config import RunConfig
from sightline.config_useless import Useless


def _stops(config: RunConfig) -> bool:
    return config.train.non_finite.then == "stop"


ALONE = (
    Useless(
        "train.distributed.shard",
        lambda config: config.train.distributed.kind != "hybrid",
        "only hybrid has groups of processes",
        "remove it, or set train.distributed.kind=hybrid",
    ),
    Useless(
        "train.distributed.devices",
        lambda config: config.train.distributed.kind != "layers",
        "only layers are spread over devices",
        "remove it, or set train.distributed.kind=layers",
    ),
    Useless(
        "train.device",
        lambda config: config.train.distributed.kind == "layers" and config.train.device != "auto",
        "layers go to train.distributed.devices",
        "remove it",
    ),
    Useless(
        "train.compile",
        lambda config: config.train.distributed.kind != "ddp" and config.train.compile != "off",
        "kernels are made for a network that lies whole on one device",
        "remove it, or set train.distributed.kind=ddp",
        "cannot be had with a divided network",
    ),
    Useless(
        "train.memory",
        lambda config: config.train.distributed.kind != "ddp",
        "a divided network is not measured",
        "remove it, and set train.accumulate",
    ),
    Useless(
        "train.sam.rho",
        lambda config: config.train.distributed.kind == "layers" and config.train.sam.rho > 0,
        "the way uphill goes through all layers at once, and they are on several devices",
        "remove it, or set train.distributed.kind=fsdp",
        "cannot be had with layers on devices",
    ),
    *(
        Useless(
            f"train.non_finite.{name}",
            _stops,
            "the training stops at the first number that is none",
            "remove it, or set train.non_finite.then=rollback",
        )
        for name in ("factor", "times")
    ),
)
"""Every such setting."""
