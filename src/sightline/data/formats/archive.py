"""Archives (.zip, .tar, .tar.gz, .tgz): unpacked once into the cache, or refused before a byte is written."""

import fcntl
import gzip
import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

from sightline.data.formats.members import SUFFIXES, inside, members, refused
from sightline.errors import DataError
from sightline.files import cache_folder, cannot_write, sha256_of, write_json

_DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError,
    RuntimeError,
)  # fmt: skip


def unpacked(path: Path) -> Path:
    """The folder in the cache with the content of an archive, unpacking it if that was not done before.

    The folder is named after the SHA-256 of the archive, so a changed archive is a new folder. Of several processes
    one unpacks and the others wait; after a kill the next one starts over.

    Raises:
        DataError: damaged, encrypted, larger than the free disk, or with a member that would land outside the folder.
        RunError: the cache cannot be written.
    """
    try:
        digest = sha256_of(path)
    except OSError as error:
        raise DataError(f"cannot read {path}", got=error.strerror or str(error)) from error
    place = cache_folder().absolute() / "archives" / digest
    try:
        if not (place / "complete.json").is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.with_name(f".{digest}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not (place / "complete.json").is_file():
                    _unpack(path, place)
    except _DAMAGED as error:
        raise DataError(
            f"{path.name} is no archive that can be unpacked",
            where=str(path),
            got=str(error) or type(error).__name__,
            allowed=SUFFIXES,
            hint="fetch or pack it again",
        ) from error
    except OSError as error:
        raise cannot_write(place, error) from error
    return place / "files"


def _unpack(path: Path, place: Path) -> None:
    """Check every member, then unpack next to ``place`` and rename."""
    links = _checked_links(path, place.parent)
    temporary = place.with_name(f".{place.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(place, ignore_errors=True)
    try:
        files = temporary / "files"
        files.mkdir(parents=True)
        for member in members(path):
            if member.kind == "folder":
                (files / inside(member.name)).mkdir(parents=True, exist_ok=True)
            elif member.data is not None:
                _write(member.data, files / inside(member.name))
        for name, source in links.items():
            (files / name).parent.mkdir(parents=True, exist_ok=True)
            (files / name).unlink(missing_ok=True)
            os.link(files / source, files / name)
        os.sync()  # one call for all files: the marker must not reach the disk before them
        write_json(temporary / "complete.json", {"archive": path.name, "sha256": place.name})
        temporary.rename(place)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(source: IO[bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)


def _checked_links(path: Path, cache: Path) -> dict[str, str]:
    """Refuse what must not be unpacked; otherwise each link and the file in the archive that it leads to.

    Links become second names of that file, so that nothing unpacked is ever a symbolic link that could be followed.
    """
    total, links, free = 0, dict[str, str](), shutil.disk_usage(cache).free
    for member in members(path):
        name = inside(member.name)
        total += member.size
        if total > free:
            raise DataError(
                f"{path.name} needs {total / 1e9:.1f} GB or more unpacked and {free / 1e9:.1f} GB is free",
                where=str(cache),
                hint="free some space, or set SIGHTLINE_CACHE to a folder on a larger disk",
            )
        if member.kind == "device":
            raise refused(member.name, "a device or pipe")
        if member.kind.endswith("link"):
            above = os.path.dirname(name) if member.kind == "symbolic link" else ""  # noqa: PTH120 - no real path
            links[name] = inside(os.path.join(above, member.target), member.name)  # noqa: PTH118
    ends = {name: _followed(name, links) for name in links}
    wanted = set(ends.values())
    files = {inside(member.name) for member in members(path) if member.kind == "file"} & wanted if wanted else set()
    for name, end in ends.items():
        if end not in files:
            raise refused(name, f"a link to '{end}', which is no file in the archive")
    return ends


def _followed(name: str, links: dict[str, str]) -> str:
    end, seen = links[name], {name}
    while end in links and end not in seen:
        seen.add(end)
        end = links[end]
    return end
