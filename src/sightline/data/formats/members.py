"""What an archive holds, member by member, and whether a member stays inside its folder."""

import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, cast

from sightline.errors import DataError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
"""Endings of archives, in lower case; files may write them in any case."""

_LONGEST_PATH = 4096


class Member(NamedTuple):
    """One entry of an archive."""

    name: str
    """Path as the archive writes it."""
    kind: Literal["file", "folder", "symbolic link", "hard link", "device"]
    """What it would become on disk; ``device`` stands for pipes too."""
    size: int
    """Bytes it declares to hold when unpacked."""
    target: str
    """Where a link leads, as the archive writes it."""
    data: IO[bytes] | None
    """Content of a file; readable until the next member is asked for."""


def is_archive_name(name: str) -> bool:
    """Whether a file name ends like an archive."""
    return name.lower().endswith(SUFFIXES)


def inside(name: str, member: str = "") -> str:
    """The plain relative path of a member.

    Raises:
        DataError: the path is absolute or leads outside; names the member.
    """
    # A backslash is a separator where these archives may be unpacked next, so it must not hide anything here.
    if name.startswith(("/", "\\")) or name[1:3] in (":/", ":\\"):
        raise refused(member or name, f"leads to the absolute path '{name}'" if member else "an absolute path")
    plain = os.path.normpath(name)
    outside = plain.split("/")[0] == ".."
    if outside or (not member and ".." in name.replace("\\", "/").split("/")):
        raise refused(member or name, f"a link to '{name}', outside the folder" if member else "a path with '..'")
    return plain


def refused(member: str, reason: str) -> DataError:
    """The error for a member that must not be unpacked."""
    return DataError(
        f"the archive holds '{member}', which could write outside its folder",
        got=reason,
        allowed=["files and folders below the folder they are unpacked into"],
        hint="nothing was unpacked; pack the images again, without this member",
    )


def members(path: Path) -> Iterator[Member]:
    """The entries of a zip, tar or gzipped tar, told apart by their first bytes, in order."""
    with path.open("rb") as file:
        magic = file.read(4)
    return (
        _zip_members(path) if magic[:2] == b"PK" else _tar_members(path, "r:gz" if magic[:2] == b"\x1f\x8b" else "r:")
    )


def _zip_members(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name, mode = info.filename.replace("\\", "/"), info.external_attr >> 16
            if info.is_dir() or name.endswith("/"):
                yield Member(name, "folder", 0, "", None)
            elif stat.S_ISLNK(mode):
                if info.file_size > _LONGEST_PATH:  # before it is unpacked: it may claim to hold gigabytes
                    raise refused(name, f"a link with a target of {info.file_size} bytes")
                yield Member(name, "symbolic link", 0, os.fsdecode(archive.read(info)), None)
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                yield Member(name, "device", 0, "", None)
            else:
                with archive.open(info) as data:
                    yield Member(name, "file", info.file_size, "", data)


def _tar_members(path: Path, mode: Literal["r:", "r:gz"]) -> Iterator[Member]:
    with tarfile.open(path, mode) as archive:
        while (info := archive.next()) is not None:
            cast(Any, archive).members.clear()  # it would keep a million of them
            if info.isdir():
                yield Member(info.name, "folder", 0, "", None)
            elif info.issym():
                yield Member(info.name, "symbolic link", 0, info.linkname, None)
            elif info.islnk():
                yield Member(info.name, "hard link", 0, info.linkname, None)
            elif not info.isreg():
                yield Member(info.name, "device", 0, "", None)
            else:
                yield Member(info.name, "file", info.size, "", archive.extractfile(info))
