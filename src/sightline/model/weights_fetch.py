"""Weights from an address: fetched once, whole or not at all, and only those that were meant."""

import hashlib
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sightline.errors import WeightsError
from sightline.files import cache_folder, sha256_of, whole_file

_TIMEOUT = 30.0
_BLOCK = 1 << 20
_LONGEST = 100
Tell = Callable[[int, int], None]
"""Is told how many bytes have come, and how many will."""


def is_address(text: str) -> bool:
    """Whether this is the address of a file on the web."""
    return text.startswith(("http://", "https://"))


def fetch(url: str, sha256: str, tell: Tell | None = None) -> Path:
    """The file at an address, from the cache where it lies there already.

    Args:
        url: its address.
        sha256: what its checksum must be.
        tell: is told how far it is.

    Raises:
        WeightsError: no checksum was given, the address gives no file, or another one than was meant.
        RunError: the cache cannot be written.
    """
    wanted = needed_sha256(url, sha256)
    path = cache_folder() / "weights" / wanted[:16] / (_name(url) or "weights")
    if path.is_file() and sha256_of(path) == wanted:
        return path
    digest = hashlib.sha256()
    with whole_file(path) as file:
        for block in _blocks(url, tell):
            digest.update(block)
            file.write(block)
        if digest.hexdigest() != wanted:
            raise WeightsError(
                "the file at this address is not the one that was meant", where=url,
                got=f"SHA-256 {digest.hexdigest()}", allowed=[wanted],
                hint="nothing was kept; ask whoever publishes it which of the two is right",
            )  # fmt: skip
    return path


def _name(url: str) -> str:
    """The file's name, as any file system takes it, for the folder of the cache; an address that is none is told of
    when it is opened."""
    name = Path(unquote(re.split(r"[?#]", url)[0])).name
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[-_LONGEST:].lstrip(".")


def needed_sha256(url: str, sha256: str) -> str:
    """The checksum of what an address gives, in small letters.

    Raises:
        WeightsError: there is none, or it is no checksum.
    """
    if not sha256:
        raise WeightsError(
            "weights from an address need their checksum", where="model.weights_sha256", got=url,
            hint="-s model.weights_sha256=… as their publisher states it, or what sha256sum FILE says of a copy that "
            "you trust",
        )  # fmt: skip
    return checked_sha256(sha256)


def checked_sha256(sha256: str) -> str:
    """The checksum in small letters.

    Raises:
        WeightsError: it is none.
    """
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise WeightsError(
            "this is no SHA-256", where="model.weights_sha256", got=sha256, allowed=["64 digits of 0-9 and a-f"]
        )
    return sha256.lower()


def _blocks(url: str, tell: Tell | None) -> Any:
    """What comes from the address; a fault on the way is one of the address and not of the cache it is written to."""
    done = 0
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:
            total = int(answer.headers.get("Content-Length") or 0)
            while block := answer.read(_BLOCK):
                done += len(block)
                if tell is not None:
                    tell(done, max(done, total))
                yield block
        if done < total:
            raise _refused(url, f"the connection ended after {done:,} of {total:,} bytes")
    except urllib.error.HTTPError as error:
        raise _refused(url, f"{error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _refused(url, str(getattr(error, "reason", None) or error) or type(error).__name__) from error


def _refused(url: str, got: str) -> WeightsError:
    return WeightsError(
        "the weights could not be fetched", where=url, got=got,
        hint="nothing was kept; check address and network, or fetch the file elsewhere and give it with "
        "-s model.weights=FILE",
    )  # fmt: skip
