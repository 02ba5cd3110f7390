"""Listing folders: sorted, without an object per file, and without what the system strews about."""

import os
from collections.abc import Iterator
from pathlib import Path

from sightline.data.image import is_image_name
from sightline.errors import DataError

STRAY = frozenset({"__macosx", "__pycache__", "@eadir", "$recycle.bin", "system volume information"})
"""Folders that systems leave behind, in lower case; hidden ones need no name here."""


def is_stray(folder: str) -> bool:
    """Whether a folder is hidden or left behind by a system, so that it never is a class."""
    return folder.startswith(".") or folder.lower() in STRAY


def listing(folder: Path) -> list[str]:
    """Names in a folder; those of folders end with ``/``, which makes their order that of whole paths.

    Raises:
        DataError: the folder cannot be read, or an image in it is a link that leads nowhere or no file.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(_name(entry) for entry in entries)
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}", got=error.strerror or str(error)) from error


def subfolders(names: list[str]) -> list[str]:
    """Of a listing, the folders that are not stray, without their ``/``."""
    return [name[:-1] for name in names if name.endswith("/") and not is_stray(name[:-1])]


def images_below(root: Path, prefix: str, ignored: list[str], above: frozenset[tuple[int, int]]) -> Iterator[str]:
    """Paths of all images at any depth below ``root/prefix``, sorted.

    Args:
        root: the data folder, which paths are relative to.
        prefix: the folder to walk, relative to ``root``, with a ``/`` at its end.
        ignored: takes the files and folders that were passed over.
        above: device and inode of the folders on the way here, to notice a link that leads back up.
    """
    status = (root / prefix).stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise DataError(f"the folder {prefix} leads back to a folder above it", where=str(root), hint="remove the link")
    for name in listing(root / prefix):
        if not name.endswith("/"):
            if is_image_name(name):
                yield prefix + name
            else:
                ignored.append(prefix + name)
        elif is_stray(name[:-1]):
            ignored.append(prefix + name)
        else:
            yield from images_below(root, prefix + name, ignored, above | {here})


def _name(entry: os.DirEntry[str]) -> str:
    if entry.is_dir():
        return entry.name + "/"
    if not entry.is_file() and is_image_name(entry.name):
        kind = "a link that leads nowhere" if entry.is_symlink() else "no regular file"
        raise DataError(f"{entry.name} cannot be read", where=str(Path(entry.path).parent), got=kind)
    return entry.name
