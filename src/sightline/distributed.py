"""The ranks of a training started by torchrun, seen from one of them.

A process that torchrun did not start is rank 0 of 1, and every function here is then free of charge.
"""

import datetime
import os
from typing import Any

import torch
import torch.distributed as dist


def world() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """The place of this process among them; rank 0 writes files and speaks."""
    return int(os.environ.get("RANK", "0"))


def local_rank() -> int:
    """The place of this process among those on this machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def local_world() -> int:
    """How many of the processes run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def is_main() -> bool:
    """Whether this is rank 0."""
    return rank() == 0


def start(device: torch.device) -> None:
    """Meet the other ranks: nccl between CUDA devices, gloo otherwise."""
    if world() > 1 and not dist.is_initialized():
        minutes = datetime.timedelta(minutes=30)
        if device.type == "cuda":
            torch.cuda.set_device(device)  # objects travel by way of the current device
            dist.init_process_group("nccl", timeout=minutes, device_id=device)
        else:
            dist.init_process_group("gloo", timeout=minutes)


def finish() -> None:
    """Leave the group."""
    if dist.is_initialized():
        dist.destroy_process_group()


def any_rank(flag: bool, device: torch.device) -> bool:
    """Whether the flag is up on any rank. All ranks must call it, and all get the same answer."""
    if world() == 1:
        return flag
    up = torch.tensor(float(flag), device=device)
    dist.all_reduce(up, op=dist.ReduceOp.MAX)
    return bool(up.item())


def summed(values: torch.Tensor) -> torch.Tensor:
    """The sum of each element over all ranks."""
    if world() > 1:
        values = values.clone()
        dist.all_reduce(values)
    return values


def same_buffers(module: torch.nn.Module) -> None:
    """Give every rank rank 0's running statistics, so that all evaluate the same network."""
    if world() > 1:
        for buffer in module.buffers():
            dist.broadcast(buffer, src=0)


def from_main(value: Any) -> Any:
    """Rank 0's value, on every rank."""
    if world() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def gathered(value: Any) -> list[Any]:
    """Every rank's value, in the order of the ranks, on every rank."""
    if world() == 1:
        return [value]
    box: list[Any] = [None] * world()
    dist.all_gather_object(box, value)
    return box
