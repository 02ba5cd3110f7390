"""The ranks of a training, seen from one of them: how they meet, agree, wait for one another and notice a loss.

A process that nothing told of others is rank 0 of 1, and every function here is then free of charge.
"""

import contextlib
import datetime
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Generator
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from sightline.errors import ConfigError, RankError

RENDEZVOUS = "SIGHTLINE_RENDEZVOUS"
"""Environment: where the ranks meet when torchrun does not start them: ``tcp://host:port`` or ``file:///path``."""
TIMEOUT = "SIGHTLINE_TIMEOUT"
"""Environment: seconds after which a rank that does not answer counts as lost."""
_SECONDS, _SILENCE, _BEAT = 600.0, 60.0, 2.0
_LOST = re.compile(r"gloo|nccl|connection|broken pipe|timed? ?out|socket|tcpstore|filestore", re.IGNORECASE)
_met: dict[str, Any] = {"store": None, "parts": 0, "flags": None}


def world() -> int:
    """How many processes train together."""
    return _number("WORLD_SIZE", 1)


def rank() -> int:
    """The place of this process among them; rank 0 writes files and speaks."""
    return _number("RANK", 0)


def local_rank() -> int:
    """The place of this process among those on this machine."""
    return _number("LOCAL_RANK", 0)


def local_world() -> int:
    """How many of the processes run on this machine."""
    return _number("LOCAL_WORLD_SIZE", 1)


def is_main() -> bool:
    """Whether this is rank 0."""
    return rank() == 0


def launch() -> str:
    """What is the same in every restart of the ranks by one torchrun on this machine; empty without torchrun."""
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    return f"{name} {socket.gethostname()} {os.getppid()}" if name else ""


def restarts() -> tuple[int, int]:
    """How often torchrun has restarted the ranks, and how often it would."""
    return _number("TORCHELASTIC_RESTART_COUNT", 0), _number("TORCHELASTIC_MAX_RESTARTS", 0)


def timeout() -> float:
    """Seconds that a rank waits for the others before it takes them for lost.

    Raises:
        ConfigError: the environment names no such length.
    """
    text = os.environ.get(TIMEOUT, str(_SECONDS))
    with contextlib.suppress(ValueError):
        if 1 <= float(text) < 1e7:
            return float(text)
    raise ConfigError(f"{TIMEOUT} is no length of time", where="environment", got=text, allowed=["seconds, from 1 on"])


def start(device: torch.device) -> None:
    """Meet the other ranks: nccl between CUDA devices, gloo otherwise.

    Raises:
        ConfigError: the environment does not say where to meet, or contradicts itself.
        RankError: the others did not come in time.
    """
    place = _meeting_place()
    if device.type == "cuda" and ":" in str(device):
        torch.cuda.set_device(device)  # random numbers, and objects that travel, go by the current device
    if world() == 1 or dist.is_initialized():
        return
    limit = datetime.timedelta(seconds=timeout())
    with lost_ranks_told():
        found, _, _ = next(rendezvous(place, rank(), world(), timeout=limit))
        store = PrefixStore(_attempt(found), found)
        _met["store"] = PrefixStore("sightline", store)
        on_gpu = device.type == "cuda"
        dist.init_process_group(
            "nccl" if on_gpu else "gloo", store=PrefixStore("ranks", store), rank=rank(), world_size=world(),
            timeout=limit, device_id=device if on_gpu else None,
        )  # fmt: skip
        _met["flags"] = dist.new_group(backend="gloo", timeout=limit) if on_gpu else None


def finish() -> None:
    """Leave the group, once all have come to this point."""
    if dist.is_initialized():
        with contextlib.suppress(RuntimeError):
            dist.barrier()  # rank 0 may hold the store that the others still ask
        dist.destroy_process_group()


def any_rank(flag: bool) -> bool:
    """Whether the flag is up on any rank. All ranks must call it, and all get the same answer."""
    if world() == 1:
        return flag
    up = torch.tensor(float(flag))
    dist.all_reduce(up, op=dist.ReduceOp.MAX, group=_met["flags"])  # between hosts: no device is waited for
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


@contextlib.contextmanager
def together(doing: str) -> Generator[None]:
    """Work that may take each rank a different and any time; no rank goes on before all are through.

    Collective operations have a time limit that has to be short enough to notice a loss. Here every rank gives a sign
    of life while it works, and only one that gives none counts as lost.

    Args:
        doing: what the work is, for the message.

    Raises:
        RankError: another rank failed in its work, or gives no sign of life.
    """
    if world() == 1:
        yield
        return
    _met["parts"] += 1
    part, over = f"{_met['parts']}", threading.Event()
    beating = threading.Thread(target=_beat, args=(f"{part}/beat/{rank()}", over), daemon=True)
    beating.start()
    try:
        try:
            yield
        except BaseException as error:
            with contextlib.suppress(RuntimeError):
                _met["store"].set(f"{part}/end/{rank()}", f"{type(error).__name__}: {error}".split("\n")[0])
            raise
        _met["store"].set(f"{part}/end/{rank()}", "")
        _wait_for_all(part, doing)
    finally:
        over.set()
        beating.join()


@contextlib.contextmanager
def lost_ranks_told() -> Generator[None]:
    """Turn what torch says when another rank is gone into an error of ours.

    Raises:
        RankError: names this rank, what was seen, and how to go on.
    """
    try:
        yield
    except RuntimeError as error:
        known = isinstance(error, dist.DistError) or _LOST.search(str(error))
        if world() == 1 or not known:
            raise
        told = str(error).strip().split("\n")[0][:300]
        raise _lost("another rank ended or does not answer", told) from error


def _lost(what: str, got: str) -> RankError:
    hint = "see what the other ranks say; `sightline resume RUN` goes on from the last checkpoint"
    return RankError(what, where=f"rank {rank()} of {world()}", got=got, hint=hint)


def _beat(key: str, over: threading.Event) -> None:
    with contextlib.suppress(RuntimeError):  # without a store the others notice in another way
        _met["store"].add(key, 1)
        while not over.wait(_BEAT):
            _met["store"].add(key, 1)


def _wait_for_all(part: str, doing: str) -> None:
    store, pause, limit = _met["store"], 0.001, max(min(_SILENCE, timeout()), 2 * _BEAT)
    seen = dict.fromkeys(set(range(world())) - {rank()}, (0, time.monotonic()))
    while seen:
        for other, (beats, since) in list(seen.items()):
            if store.check([f"{part}/end/{other}"]):
                fault = store.get(f"{part}/end/{other}").decode()
                if fault:
                    raise _lost(f"rank {other} failed while {doing}", fault)
                del seen[other]
                continue
            now = store.add(f"{part}/beat/{other}", 0)
            if now != beats:
                seen[other] = (now, time.monotonic())
            elif time.monotonic() - since > limit:
                raise _lost(f"rank {other} is lost", f"no sign of life for {limit:.0f} s while {doing}")
        time.sleep(pause)
        pause = min(0.2, 2 * pause)


def _attempt(store: Any) -> str:
    """A name for this meeting, the same on all ranks and new each time.

    Neither torchrun's store nor a file forgets what the ranks of an earlier attempt left there, and who goes by it
    waits for processes that are gone. So each rank says hello by a name of its own, and rank 0 answers to that name.
    """
    own, until = uuid.uuid4().hex, time.monotonic() + timeout()
    others = set(range(1, world())) if is_main() else set[int]()
    if not is_main():
        store.set(f"hello/{rank()}", own)
        store.wait([f"welcome/{own}"], datetime.timedelta(seconds=timeout()))
        name = store.get(f"welcome/{own}").decode()
        store.set(f"here/{name}/{rank()}", "")
        return name
    while others:
        for other in [one for one in others if store.check([f"hello/{one}"])]:
            store.set(f"welcome/{store.get(f'hello/{other}').decode()}", own)
        others -= {one for one in others if store.check([f"here/{own}/{one}"])}
        if others and time.monotonic() > until:
            raise _lost("the other ranks did not come", f"no word of ranks {sorted(others)} in {timeout():.0f} s")
        time.sleep(0.01)
    return own


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdecimal():
        raise ConfigError(f"{name} is no number", where="environment", got=text)
    return int(text)


def _meeting_place() -> str:
    """Where the ranks meet, after a look at whether the environment makes sense."""
    place = os.environ.get(RENDEZVOUS, "env://")
    if not re.match(r"env://$|tcp://[^/]+:\d+$|file:///.", place):
        raise ConfigError(
            f"{RENDEZVOUS} is no place to meet", where="environment", got=place,
            allowed=["env://", "tcp://HOST:PORT", "file:///PATH"],
        )  # fmt: skip
    needed = ["RANK", "WORLD_SIZE", *(["MASTER_ADDR", "MASTER_PORT"] if place == "env://" else [])]
    missing = [name for name in needed if name not in os.environ]
    if missing and (RENDEZVOUS in os.environ or world() > 1):
        raise ConfigError(
            f"the ranks cannot meet without {', '.join(missing)}", where="environment",
            hint=f"start them with torchrun, or give each RANK, WORLD_SIZE and {RENDEZVOUS}",
        )  # fmt: skip
    if not 0 <= rank() < world():
        allowed = [f"0 to {world() - 1}"]
        raise ConfigError("RANK is not among WORLD_SIZE ranks", where="environment", got=rank(), allowed=allowed)
    return place
