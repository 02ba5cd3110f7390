"""Checkpoints in a folder, into which every rank writes its own part at the same time.

The tensors are in the format of ``torch.distributed.checkpoint``; all else is in ``rest.pt``, with the names of the
tensors where those belong. Nothing in such a folder is code: of the pickled index, only names of tensors, their sizes
and their places in files are accepted.
"""

import contextlib
import hashlib
import os
import pickle
import re
import shutil
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import torch
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.metadata import Metadata, StorageMeta, TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from sightline import distributed
from sightline.errors import CheckpointError, RunError
from sightline.files import cannot_write, sha256_of, sync_folder, whole_file

REST, INDEX = "rest.pt", ".metadata"
_MARK = "tensor of a sharded checkpoint"
_KNOWN = re.compile(
    r"torch\.distributed\.checkpoint\.(metadata|filesystem)|torch(\._C|\.serialization|\._utils)?|torch\.distributed\._shard.*"
    r"|collections|datetime|pathlib(\._local)?"
)
_CLASSES = frozenset([
    "Metadata", "MetadataIndex", "TensorStorageMetadata", "TensorProperties", "ChunkStorageMetadata", "StorageMeta",
    "_StorageInfo", "BytesStorageMetadata", "_MEM_FORMAT_ENCODING", "Size", "strided", "_get_layout", "OrderedDict",
    "PosixPath",
])  # fmt: skip


def write_sharded(folder: Path, content: dict[str, Any]) -> str:
    """Write a checkpoint from all ranks, whole or not at all. Every rank must call it.

    Args:
        folder: is made.
        content: nested dictionaries and lists; tensors are whole and equal on all ranks, or shards.

    Returns:
        The checksum of the folder.

    Raises:
        RunError: the disk is full or the folder cannot be written.
    """
    tensors: dict[str, torch.Tensor] = {}
    rest = _without_tensors(content, "", tensors)
    part = folder.with_name(f".{folder.name}.part")
    try:
        with distributed.together("making room for a checkpoint"):
            if distributed.is_main():
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir(parents=True)
        with _silent():
            save(tensors, storage_writer=FileSystemWriter(part), no_dist=distributed.world() == 1)
        with distributed.together("writing a checkpoint"):
            if distributed.is_main():
                with whole_file(part / REST) as file:
                    torch.save(rest, file)
        digest = _told_by_all(part)
        with distributed.together("naming a checkpoint"):
            if distributed.is_main():
                shutil.rmtree(folder, ignore_errors=True)
                part.replace(folder)
                sync_folder(folder.parent)
    except (OSError, RunError, CheckpointException) as error:
        if distributed.is_main():
            shutil.rmtree(part, ignore_errors=True)
        raise _not_written(folder, error) from error
    return digest


def read_sharded(folder: Path) -> dict[str, Any]:
    """The content of a checkpoint with whole tensors on the CPU, whatever number of ranks wrote it.

    Raises:
        CheckpointError: something in it is no tensor and no plain value.
    """
    try:
        reader = _Reader(folder)
        tensors = {
            name: torch.empty(kept.size, dtype=kept.properties.dtype)
            for name, kept in reader.read_metadata().state_dict_metadata.items()
            if isinstance(kept, TensorStorageMetadata)
        }
        with _silent():
            load(cast(dict[str, Any], tensors), storage_reader=reader, no_dist=True)
        rest = torch.load(folder / REST, map_location="cpu", weights_only=True)
    except (CheckpointException, pickle.UnpicklingError, OSError, AttributeError, KeyError) as error:
        told = str(error).strip().split("\n")[0]
        raise CheckpointError(f"the checkpoint {folder.name} cannot be read", where=str(folder), got=told) from error
    return _with_tensors(rest, tensors)


def sharded_sha256(folder: Path) -> str:
    """Hex SHA-256 over name and SHA-256 of each file of a checkpoint, in sorted order of the names."""
    return _over({path.name: sha256_of(path) for path in folder.iterdir()})


class _Reader(FileSystemReader):
    """Reads the index without running any code that it may hold."""

    def read_metadata(self, *_: Any, **__: Any) -> Metadata:
        with (Path(str(self.path)) / INDEX).open("rb") as file:
            metadata: Metadata = _Plain(file).load()
        metadata.storage_meta = metadata.storage_meta or StorageMeta()
        metadata.storage_meta.load_id = self.load_id
        return metadata


class _Plain(pickle.Unpickler):
    """Accepts what an index of tensors is made of, and nothing that acts."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        plain = global_name in _CLASSES or (module_name == "torch" and hasattr(torch, global_name) and
                                            isinstance(getattr(torch, global_name), torch.dtype))  # fmt: skip
        if not plain or not _KNOWN.fullmatch(module_name):
            raise pickle.UnpicklingError(f"{module_name}.{global_name} has no place in a checkpoint")
        return super().find_class(module_name, global_name)


def _without_tensors(value: Any, place: str, tensors: dict[str, torch.Tensor]) -> Any:
    """The same tree with the names of its tensors in their places; the tensors go into a flat dictionary."""
    if isinstance(value, torch.Tensor):
        tensors[place] = value
        return {_MARK: place}
    if isinstance(value, dict):
        return {key: _without_tensors(item, f"{place}/{key}", tensors) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_tensors(item, f"{place}/{number}", tensors) for number, item in enumerate(value)]
    return value


def _with_tensors(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, dict):
        if _MARK in value:
            return tensors[value[_MARK]]
        return {key: _with_tensors(item, tensors) for key, item in value.items()}
    return [_with_tensors(item, tensors) for item in value] if isinstance(value, list) else value


@contextlib.contextmanager
def _silent() -> Generator[None]:
    """Torch warns that one process alone reads or writes, which is meant."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield


def _told_by_all(folder: Path) -> str:
    """The checksum of the folder; every rank reads the files that it wrote itself."""
    with distributed.together("reading back a checkpoint"):
        mine = [path for path in folder.iterdir() if path.name.startswith(f"__{distributed.rank()}_")]
        mine += [folder / INDEX, folder / REST] if distributed.is_main() else []
        own = {path.name: sha256_of(path) for path in mine}
    return _over({name: digest for told in distributed.gathered(own) for name, digest in told.items()})


def _over(digests: dict[str, str]) -> str:
    return hashlib.sha256("".join(f"{name} {digests[name]}\n" for name in sorted(digests)).encode()).hexdigest()


def _not_written(folder: Path, error: BaseException) -> RunError:
    """What kept a checkpoint from being written, on whatever rank."""
    if isinstance(error, RunError):
        return error
    found = [error]
    if isinstance(error, CheckpointException):
        found = [fault for fault, _ in error.failures.values()]
    for fault in found:
        if isinstance(fault, OSError):
            return cannot_write(folder, fault)
    with contextlib.suppress(OSError):
        free = os.statvfs(folder.parent)
        if free.f_bavail * free.f_frsize < 1 << 20:  # torch's writer tells of a full disk in words of its own
            return cannot_write(folder, OSError(28, os.strerror(28)))
    return RunError(f"cannot write: {folder.name} was not saved", where=str(folder.parent), got=str(found[0]))
