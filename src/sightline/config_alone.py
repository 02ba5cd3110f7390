"""Settings about processes, devices and failures that have no effect beside the others."""

from sightline.config import RunConfig
from sightline.config_useless import Useless

_WHOLE = ("swa", "sam.rho", "orthogonal", "noise.weights", "noise.gradients", "compile", "digests")


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
    *(
        Useless(
            f"train.{name}",
            lambda config: config.train.distributed.kind in ("fsdp", "hybrid"),
            "it looks at whole tensors, and each process has a shard of them",
            "remove it, or set train.distributed.kind=ddp",
            "cannot be had",
        )
        for name in _WHOLE
    ),
    Useless(
        "train.device",
        lambda config: config.train.distributed.kind == "layers" and config.train.device != "auto",
        "layers go to train.distributed.devices",
        "remove it",
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
