"""Where the parts of a network lie while it is trained: whole on each rank, in shards, or layer by layer on devices."""

import dataclasses
import functools
import itertools
from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from sightline import distributed
from sightline.errors import ConfigError
from sightline.model.blocks import blocks_of
from sightline.training.config import DistributedConfig

_KIND = "train.distributed.kind"


@dataclasses.dataclass(frozen=True)
class Parallel:
    """How the ranks and devices share the work."""

    kind: str
    """``ddp``, ``fsdp``, ``hybrid`` or ``layers``; of one rank alone the first three are the same."""
    devices: list[torch.device]
    """Where this rank computes; the first is where images go and outputs come from."""
    shard: int = 1
    """How many ranks hold one copy of the network between them."""

    @property
    def divided(self) -> bool:
        """Whether no single device holds the whole network."""
        return self.shard > 1 or len(self.devices) > 1

    def place(self, module: nn.Module, layout: torch.memory_format) -> None:
        """Bring a network to where it is trained, in place. Weights and results do not change.

        Args:
            module: on the CPU; under ``fsdp`` no device ever holds more than a block and its shards.
            layout: memory layout of the filters; shards are always contiguous.
        """
        if self.shard > 1:
            mesh = _mesh(self.devices[0], self.shard)
            for _, block in blocks_of(module):
                fully_shard(block, mesh=mesh)
            fully_shard(module, mesh=mesh)
        elif len(self.devices) > 1:
            split_layers(module.to(memory_format=layout), self.devices)
        else:
            module.to(self.devices[0]).to(memory_format=layout)


def parallel_of(config: DistributedConfig, device: torch.device, *, fresh: bool = False) -> Parallel:
    """How this start of a training shares the work.

    Args:
        config: what the settings say.
        device: that of this rank.
        fresh: whether the run begins; one that is resumed may do so on fewer ranks, down to one alone.

    Raises:
        ConfigError: ranks or devices do not fit; says which would.
    """
    world = distributed.world()
    if config.kind == "layers":
        return Parallel("layers", _devices(config, world))
    if config.kind == "ddp" or (world == 1 and not fresh):
        return Parallel(config.kind, [device])
    if world == 1:
        raise ConfigError(
            f"{config.kind} divides the network among processes, and there is one", where=_KIND,
            hint=f"torchrun --nproc-per-node 2 -m sightline -- …, or remove {_KIND}",
        )  # fmt: skip
    if config.kind == "fsdp":
        return Parallel("fsdp", [device], world)
    shard = distributed.local_world() if config.shard == "auto" else config.shard
    if world % shard or (fresh and not 1 < shard < world):
        raise ConfigError(
            "the processes cannot be divided into equal groups that hold one copy of the network each",
            where="train.distributed.shard", got=f"groups of {shard}, {world} processes",
            allowed=[size for size in range(2, world) if world % size == 0] or ["kind=fsdp, as there is one group"],
        )  # fmt: skip
    return Parallel("hybrid", [device], shard)


def whole(value: Any) -> Any:
    """Shards put together wherever they are in nested dictionaries and lists. All ranks must call it."""
    if isinstance(value, DTensor):
        return value.full_tensor()
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(whole(item) for item in value)
    return value


def whole_on_main(value: Any) -> Any:
    """The same in the memory of rank 0, tensor by tensor, so that no device ever holds the network; others get nothing.

    All ranks must call it. What is no shard stays where it is.
    """
    if isinstance(value, DTensor):
        full = value.full_tensor()
        return full.cpu() if distributed.is_main() else None
    if isinstance(value, dict):
        return {key: whole_on_main(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(whole_on_main(item) for item in value)
    return value


def like(value: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """A whole tensor, divided as the other one is where the two have one shape; every rank keeps its own part."""
    if not isinstance(other, DTensor) or value.shape != other.shape:
        return value
    return distribute_tensor(value.to(other.device), other.device_mesh, other.placements, src_data_rank=None)


def whole_shape(value: torch.Tensor) -> torch.Tensor:
    """A tensor without memory of the shape, type and strides of a whole one."""
    return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")


def own_part(value: torch.Tensor) -> torch.Tensor:
    """What of a tensor lies on this rank."""
    return value.to_local() if isinstance(value, DTensor) else value


def is_sharded(module: nn.Module) -> bool:
    """Whether the ranks hold the network in shards."""
    return isinstance(module, FSDPModule)


def to_shards(module: nn.Module) -> None:
    """Divide again what a forward pass alone leaves whole, in memory that the next backward pass frees."""
    for part in module.modules():
        if isinstance(part, FSDPModule):
            part.reshard()


def split_layers(module: nn.Module, devices: list[torch.device]) -> None:
    """Put the blocks of a network on devices, in their order, so that each device's share fits its memory.

    What goes into a block is moved to where the block is, and what comes out of the network to the first device.
    Parameters that the network holds itself stay on the first one.
    """
    blocks = blocks_of(module)
    placed = dict(zip((name for name, _ in blocks), shares(blocks, devices), strict=True))
    for name, block in blocks:
        block.to(placed[name])
        block.register_forward_pre_hook(functools.partial(_move_inputs, placed[name]), with_kwargs=True)
    inside = {id(tensor) for _, block in blocks for tensor in (*block.parameters(), *block.buffers())}
    for own in (*module.parameters(), *module.buffers()):
        if id(own) not in inside:
            own.data = own.data.to(devices[0])
    module.register_forward_hook(functools.partial(_move_outputs, devices[0]))


def shares(blocks: list[tuple[str, nn.Module]], devices: list[torch.device]) -> list[torch.device]:
    """The device of each block: contiguous groups, whose bytes are to one another as the devices' memories are.

    Raises:
        ConfigError: there are fewer blocks than devices.
    """
    if len(blocks) < len(devices):
        raise ConfigError(
            "the network has fewer blocks than there are devices", where="train.distributed.devices",
            got=f"{len(blocks)} blocks for {len(devices)} devices", hint="give fewer devices, or use kind=fsdp",
        )  # fmt: skip
    ends = list(
        itertools.accumulate(sum(p.numel() * p.element_size() for p in block.parameters()) for _, block in blocks)
    )
    room = list(itertools.accumulate(_memory(device) for device in devices))
    cuts = [0]
    for place in range(1, len(devices)):
        wanted = ends[-1] * room[place - 1] / room[-1]
        possible = range(cuts[-1] + 1, len(blocks) - (len(devices) - place) + 1)
        cuts.append(min(possible, key=lambda cut: abs(ends[cut - 1] - wanted)))
    counts = (end - start for start, end in itertools.pairwise([*cuts, len(blocks)]))
    return [device for device, count in zip(devices, counts, strict=True) for _ in range(count)]


def _memory(device: torch.device) -> float:
    return float(torch.cuda.get_device_properties(device).total_memory) if device.type == "cuda" else 1.0


def _devices(config: DistributedConfig, world: int) -> list[torch.device]:
    """The devices that a network is split over.

    Raises:
        ConfigError: there are fewer than two, or several processes.
    """
    if world > 1:
        raise ConfigError(
            "layers splits the network of one process over its devices", where=_KIND, got=f"{world} processes",
            hint="start one process, or divide the network among them: fsdp, hybrid",
        )  # fmt: skip
    names = config.devices or tuple(f"cuda:{place}" for place in range(torch.cuda.device_count()))
    if len(names) < 2:
        raise ConfigError(
            "layers needs two devices at least", where="train.distributed.devices", got=list(names),
            hint="name them: [cuda:0, cuda:1]",
        )  # fmt: skip
    return [torch.device(name) for name in names]


def _mesh(device: torch.device, shard: int) -> DeviceMesh:
    """All ranks in a row, or groups of ``shard`` in rows: within a row shards, between rows the same shards."""
    world = distributed.world()
    if shard == world:
        return init_device_mesh(device.type, (world,))
    return init_device_mesh(device.type, (world // shard, shard), mesh_dim_names=("replicate", "shard"))


def _move_inputs(device: torch.device, _: nn.Module, args: Any, kwargs: Any) -> Any:
    return _moved(args, device), _moved(kwargs, device)


def _move_outputs(device: torch.device, _: nn.Module, __: Any, output: Any) -> Any:
    return _moved(output, device)


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {key: _moved(item, device) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_moved(item, device) for item in value)
    return value
