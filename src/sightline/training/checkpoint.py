"""Checkpoints: written whole or not at all, named by an index that is the only word on which ones count.

A checkpoint file is written and renamed first, then the index is replaced. A kill between the two leaves a
file that the index does not name and that the next save removes; training then continues from the one before.
"""

import contextlib
import dataclasses
import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import torch

from sightline import distributed
from sightline.errors import CheckpointError
from sightline.files import sha256_of, whole_file, write_json
from sightline.training.sharded_checkpoint import read_sharded, sharded_sha256, write_sharded

INDEX = "index.json"
KEPT = 2
"""How many of the latest checkpoints are kept, beside the best."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One checkpoint, as the index knows it."""

    file: str
    """``step-00000012.pt``, or the folder ``step-00000012`` of a sharded one."""
    step: int
    sha256: str
    """Of the file; of a folder, over its files."""


class Checkpoints:
    """The checkpoints of a run, oldest first."""

    def __init__(self, folder: Path):
        self.folder = folder

    def entries(self) -> list[Entry]:
        """All checkpoints that count.

        Raises:
            CheckpointError: the index is damaged.
        """
        return [Entry(**entry) for entry in self._index()["checkpoints"]]

    def named(self, which: str) -> Entry:
        """The ``last`` or the ``best`` checkpoint.

        Raises:
            CheckpointError: there is none yet.
        """
        file = self.names(which)
        for entry in self.entries():
            if entry.file == file:
                return entry
        raise CheckpointError(
            f"the run has no {which} checkpoint yet", where=str(self.folder),
            hint=f"sightline resume {self.folder.parent}",
        )  # fmt: skip

    def names(self, which: str) -> str | None:
        """The file of the ``last`` or the ``best`` checkpoint; ``None`` before there is one."""
        return self._index().get(which)

    def save(self, state: dict[str, Any], step: int, *, best: bool) -> Path:
        """Write a checkpoint and make it the last one, and the best one if it is.

        Raises:
            RunError: the disk is full or the folder cannot be written; what was there before still counts.
        """
        self._commit(self.write_whole(state, step), best)
        return self.folder / f"step-{step:08d}.pt"

    def save_sharded(self, state: dict[str, Any], step: int, *, best: bool) -> Path:
        """The same, written by all ranks, which must all call it, each with its own shards.

        Raises:
            RunError: the disk is full or the folder cannot be written; what was there before still counts.
        """
        folder = self.folder / f"step-{step:08d}"
        entry = Entry(file=folder.name, step=step, sha256=write_sharded(folder, state))
        with distributed.together("writing the index of checkpoints"):
            if distributed.is_main():
                self._commit(entry, best)
        return folder

    def write_whole(self, state: dict[str, Any], step: int) -> Entry:
        """Write one file that the index does not name yet."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = buffer.getbuffer()
        entry = Entry(file=f"step-{step:08d}.pt", step=step, sha256=hashlib.sha256(content).hexdigest())
        with whole_file(self.folder / entry.file) as file:
            file.write(content)
        return entry

    def replace(self, old: Entry, new: Entry) -> None:
        """Name one checkpoint in the place of another of the same step, and remove the other."""
        index = self._index()
        index["checkpoints"] = [dataclasses.asdict(new if one == old else one) for one in self.entries()]
        write_json(self.folder / INDEX, {key: new.file if value == old.file else value for key, value in index.items()})
        self._tidy(index)

    def load(self, entry: Entry) -> dict[str, Any]:
        """Read a checkpoint, on the CPU.

        Raises:
            CheckpointError: the file is missing or not what was saved; names the previous good one.
        """
        path = self.folder / entry.file
        if not self.is_good(entry):
            size = f"{path.stat().st_size} bytes" if path.is_file() else "a folder"
            raise CheckpointError(
                f"the checkpoint {entry.file} is {'damaged' if path.exists() else 'missing'}",
                where=str(self.folder),
                got=f"{size} with another checksum" if path.exists() else None,
                hint=self._way_out(entry),
            )
        return read_sharded(path) if path.is_dir() else torch.load(path, map_location="cpu", weights_only=True)

    def is_good(self, entry: Entry) -> bool:
        """Whether a checkpoint is there and is what was saved."""
        path = self.folder / entry.file
        if path.is_dir():
            return sharded_sha256(path) == entry.sha256
        return path.is_file() and sha256_of(path) == entry.sha256

    def good_before(self, entry: Entry) -> Entry | None:
        """The newest undamaged checkpoint other than this one."""
        for other in sorted(self.entries(), key=lambda one: -one.step):
            if other.file != entry.file and self.is_good(other):
                return other
        return None

    def rewind(self, entry: Entry, best_step: int | None) -> None:
        """Forget what came after a checkpoint: it becomes the last one again.

        Args:
            entry: the checkpoint to go on from.
            best_step: the step of the best checkpoint at that time.
        """
        kept = [dataclasses.asdict(one) for one in self.entries() if one.step <= entry.step]
        best = [one["file"] for one in kept if one["step"] == best_step]
        index: dict[str, Any] = {"checkpoints": kept, "last": entry.file}
        write_json(self.folder / INDEX, index | ({"best": best[0]} if best else {}))

    def _way_out(self, entry: Entry) -> str:
        good = self.good_before(entry)
        run = self.folder.parent
        if good is None:
            return f"no other checkpoint is good; train again with -c {run / 'config.yaml'}"
        return f"sightline resume {run} --from {good.file} goes on from the previous good one, step {good.step}"

    def _commit(self, entry: Entry, best: bool) -> None:
        index = self._index()
        if best:
            index["best"] = entry.file
        index["last"] = entry.file
        others = [old for old in index["checkpoints"] if old["step"] < entry.step]
        latest = [*others, dataclasses.asdict(entry)]
        index["checkpoints"] = [one for one in latest if one in latest[-KEPT:] or one["file"] == index.get("best")]
        write_json(self.folder / INDEX, index)
        self._tidy(index)

    def _tidy(self, index: dict[str, Any]) -> None:
        """Remove what the index does not name."""
        named = {one["file"] for one in index["checkpoints"]}
        for path in [*self.folder.glob("step-*"), *self.folder.glob(".*.part")]:
            if path.name not in named:
                with contextlib.suppress(OSError):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _index(self) -> dict[str, Any]:
        path = self.folder / INDEX
        if not path.exists():
            return {"checkpoints": []}
        try:
            index = json.loads(path.read_text(encoding="utf-8"))
            for entry in index["checkpoints"]:
                Entry(**entry)
        except (ValueError, TypeError, KeyError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise CheckpointError("the checkpoint index is damaged", where=str(path), got=reason) from error
        return index


def weights_sha256(state: dict[str, torch.Tensor]) -> str:
    """Hex SHA-256 over name, dtype, shape and bytes of each tensor, in sorted order of the names."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
