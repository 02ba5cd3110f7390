"""Files that are either whole or absent: temp file, fsync, rename."""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import IO, Any

from sightline.errors import RunError


@contextlib.contextmanager
def whole_file(path: Path, mode: str = "wb") -> Generator[IO[Any]]:
    """Open a temporary neighbour of ``path`` for writing; rename it into place once it is safely on disk.

    On any failure the neighbour is removed and what stood at ``path`` before stays untouched.

    Raises:
        RunError: the disk is full or the folder cannot be written; names the folder and what to do.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "b" not in mode
        odd = "backslashreplace" if text else None  # for file names that are no text
        with temporary.open(mode, encoding="utf-8" if text else None, errors=odd) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise cannot_write(path, error) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def cannot_write(path: Path, error: OSError) -> RunError:
    """The error for a file that could not be written, in words that name the next step."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return RunError(
        f"{'disk full' if full else 'cannot write'}: {path.name} was not saved",
        where=str(path.parent),
        got=error.strerror or str(error),
        hint="free some space and run the same command again" if full else "check that the folder can be written",
    )


def write_json(path: Path, document: Any) -> None:
    """Write a JSON document that people can read, whole or not at all."""
    with whole_file(path, "w") as file:
        json.dump(document, file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def cache_folder() -> Path:
    """Where things are kept that can be made again: ``$SIGHTLINE_CACHE``, else the user's cache folder."""
    own = os.environ.get("SIGHTLINE_CACHE")
    if own:
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "sightline"


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make a rename durable; a no-op on systems that cannot open folders."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
