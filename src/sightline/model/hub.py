"""Published weights: where they lie, and a quick answer where that place cannot be reached."""

import contextlib
import socket
from collections.abc import Generator
from urllib.parse import ParseResult, urlparse
from urllib.request import getproxies


def address(repository: str | None, url: str | None) -> str:
    """Where published weights can be downloaded by hand: their repository's page at the hub, else the file itself."""
    from huggingface_hub import constants  # noqa: PLC0415  needed for published weights only

    return f"{constants.ENDPOINT}/{repository}" if repository else url or "their authors"


@contextlib.contextmanager
def asked_once() -> Generator[None]:
    """Look only at files that were fetched before, where the hub's host has no address on this network.

    The hub's library retries for more than a minute, which is right for a network that fails now and then, and a long
    silence where there is none. Behind a proxy the host is the proxy's to find, so nothing is changed.
    """
    from huggingface_hub import constants  # noqa: PLC0415  needed for published weights only

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _found(urlparse(constants.ENDPOINT))
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _found(place: ParseResult) -> bool:
    proxies = getproxies()
    if place.scheme in proxies or "all" in proxies:
        return True
    try:
        return bool(socket.getaddrinfo(place.hostname or "", 443))
    except OSError:
        return False
