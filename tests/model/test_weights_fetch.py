"""Weights from an address, on a server of this machine: whole or not at all."""

import functools
import hashlib
import http.server
import socket
import threading

import pytest

from sightline.errors import RunError, WeightsError
from sightline.model.weights_fetch import fetch

CONTENT = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Served(http.server.SimpleHTTPRequestHandler):
    asked: list[str]

    def do_GET(self):
        self.asked.append(self.path)
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/weights.pt")
            self.end_headers()
        elif self.path.startswith("/any"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(CONTENT)
        elif self.path.startswith("/cut"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:700_000])
        else:
            super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Address of a folder with ``weights.pt``, and what was asked for."""
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "weights.pt").write_bytes(CONTENT)
    Served.asked = []
    handler = functools.partial(Served, directory=str(tmp_path / "served"))
    own = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=own.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{own.server_port}"
    own.shutdown()
    thread.join()
    own.server_close()


def kept(tmp_path):
    return [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_file_is_fetched_once_and_then_found(server, tmp_path):
    told = []
    path = fetch(f"{server}/weights.pt", SHA256, lambda *done: told.append(done))
    assert path.name == "weights.pt" and path.read_bytes() == CONTENT and kept(tmp_path) == [path]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert fetch(f"{server}/weights.pt", SHA256.upper()) == path and Served.asked == ["/weights.pt"]


@pytest.mark.parametrize("name", ["a%00b.pt", "%C3%A9" * 90 + ".pt", "x" * 300 + ".pt", "..%2f..%2fup.pt", "%2e%2e"])
def test_a_name_that_no_file_can_have_is_changed_for_the_cache(server, tmp_path, name):
    path = fetch(f"{server}/any/{name}", SHA256)
    assert path.read_bytes() == CONTENT and kept(tmp_path) == [path] and len(path.name) <= 100
    assert path.suffix == ("" if name == "%2e%2e" else ".pt") and path.parent.parent == tmp_path / "cache" / "weights"
    assert fetch(f"{server}/any/{name}", SHA256) == path and len(Served.asked) == 1


def test_a_redirect_is_followed(server):
    assert fetch(f"{server}/moved/other.pt", SHA256).read_bytes() == CONTENT


def test_a_file_that_was_changed_in_the_cache_is_fetched_anew(server):
    path = fetch(f"{server}/weights.pt", SHA256)
    path.write_bytes(b"no more")
    assert fetch(f"{server}/weights.pt", SHA256).read_bytes() == CONTENT and len(Served.asked) == 2


def test_without_a_checksum_nothing_is_asked_for(server, tmp_path):
    message = r"weights from an address need their checksum \(model.weights_sha256\)\n  got: http.*\n  next: -s model.w"
    with pytest.raises(WeightsError, match=message):
        fetch(f"{server}/weights.pt", "")
    with pytest.raises(WeightsError, match=r"this is no SHA-256 \(model.weights_sha256\)\n  got: 123"):
        fetch(f"{server}/weights.pt", "123")
    assert not Served.asked and not kept(tmp_path)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/weights.pt", rf"is not the one that was meant .*\n  got: SHA-256 {SHA256}\n  allowed: 0{{64}}\n"),
        (
            "/absent.pt",
            r"the weights could not be fetched \(http.*/absent.pt\)\n  got: 404 File not found\n",
        ),
        (
            "/cut/weights.pt",
            r"the weights could not be fetched .*\n  got: the connection ended after 700,000 of 1,280,000 bytes\n",
        ),
    ],
)
def test_nothing_is_kept_of_a_file_that_is_not_the_right_one(server, tmp_path, path, told):
    with pytest.raises(WeightsError, match=told):
        fetch(server + path, "0" * 64)
    assert not kept(tmp_path)


def test_a_server_that_is_not_there(tmp_path, server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(WeightsError, match=r"the weights could not be fetched .*\n  got: .*refused"):
        fetch(f"http://127.0.0.1:{port}/weights.pt", SHA256)
    with pytest.raises(WeightsError, match=r"the weights could not be fetched"):
        fetch("http://[broken/weights.pt", SHA256)
    assert not kept(tmp_path)


def test_a_cache_that_cannot_be_written(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "file"))
    with pytest.raises(RunError, match="cannot write"):
        fetch(f"{server}/weights.pt", SHA256)
