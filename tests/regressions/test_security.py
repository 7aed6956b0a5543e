"""Ways in which other tools could be turned against who runs them. Servers are real ones on loopback."""

from __future__ import annotations

import bz2
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import pcapstream
from pcapstream import CaptureError, SourceError
from pcapstream.sources import resolve
from pcapstream.sources.policy import Policy
from tests.support.pcap import conversation, pcap

Handle = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def server(handle: Handle) -> Iterator[tuple[str, list[str]]]:
    """A web server on loopback; gives its address and the list of paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            handle(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}", asked
        finally:
            running.shutdown()
            thread.join()


def body(data: bytes, **headers: str) -> Handle:
    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(data)

    return handle


def redirect(target: str) -> Handle:
    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", target)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return handle


def test_addresses_inside_the_network_are_refused_before_anything_is_sent() -> None:
    with server(body(pcap(conversation()))) as (url, asked):
        with pytest.raises(SourceError) as refused:
            pcapstream.analyze(f"{url}/capture.pcap")
        # A closed port must look the same: otherwise the error tells which ports are open.
        with pytest.raises(SourceError) as closed:
            pcapstream.analyze("http://127.0.0.1:1/capture.pcap")

    assert refused.value.code == closed.value.code == "refused_address"
    assert asked == []


@pytest.mark.parametrize(
    "host",
    ["localhost", "169.254.169.254", "10.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "127.1"],
)
def test_no_way_of_writing_an_inner_address_gets_through(host: str) -> None:
    with pytest.raises(SourceError) as refused:
        pcapstream.analyze(f"http://{host}/capture.pcap")

    assert refused.value.code in ("refused_address", "bad_url")


def test_an_inner_address_can_be_allowed() -> None:
    frames = conversation()
    with server(body(pcap(frames))) as (url, _):
        report = pcapstream.analyze(f"{url}/capture.pcap", allow_private_urls=True)

    assert report.capture["packets"] == len(frames)
    assert report.name == f"{url}/capture.pcap"


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x.pcap", "gopher://127.0.0.1/"])
def test_redirects_leave_http_never(target: str) -> None:
    with server(redirect(target)) as (url, _), pytest.raises(SourceError) as refused:
        pcapstream.analyze(f"{url}/capture.pcap", allow_private_urls=True)

    assert refused.value.code in ("bad_url", "redirects")


def test_encoded_bodies_are_not_expanded_on_the_way() -> None:
    with server(body(b"anything", Content_Encoding="br")) as (url, _), pytest.raises(SourceError) as refused:
        pcapstream.analyze(f"{url}/capture.pcap", allow_private_urls=True)

    assert refused.value.code == "encoding"


def test_a_compression_bomb_ends_the_reading() -> None:
    """bzip2 makes 45 bytes out of a megabyte of zeros."""
    bomb = bz2.compress(pcap(conversation()) + bytes(128 << 20))
    with server(body(bomb)) as (url, _):
        report = pcapstream.analyze(f"{url}/capture.pcap", allow_private_urls=True)

    assert report.capture["packets"] == len(conversation())
    assert not report.coverage.complete
    assert report.coverage.error == "compression_bomb"


def test_a_body_of_zeros_is_no_capture() -> None:
    with server(body(bytes(8 << 20))) as (url, _), pytest.raises(CaptureError) as refused:
        pcapstream.analyze(f"{url}/capture.pcap", allow_private_urls=True)

    assert refused.value.code == "unknown_format"


def test_remote_captures_leave_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with server(body(pcap(conversation()))) as (url, _):
        pcapstream.analyze(f"{url}/capture.pcap", allow_private_urls=True)

    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """An allowed folder with a capture, and another with one."""
    for name in ("allowed", "secret"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "capture.pcap").write_bytes(pcap(conversation()))
    return tmp_path / "allowed", tmp_path / "secret"


def test_files_outside_the_allowed_folders_cannot_be_read(folders: tuple[Path, Path]) -> None:
    allowed, secret = folders
    (allowed / "link.pcap").symlink_to(secret / "capture.pcap")
    (allowed / "folder").symlink_to(secret)
    policy = Policy(allow_dirs=(str(allowed),))

    for path in (
        secret / "capture.pcap",
        allowed / ".." / "secret" / "capture.pcap",
        allowed / "link.pcap",
        allowed / "folder" / "capture.pcap",
        Path("/etc/hostname"),
    ):
        with pytest.raises(SourceError) as refused:
            resolve(str(path), policy).open()
        assert refused.value.code == "not_allowed"

    inside = resolve(str(allowed / "capture.pcap"), policy)
    inside.open()
    inside.close()


def test_an_error_does_not_tell_what_exists_outside_the_allowed_folders(folders: tuple[Path, Path]) -> None:
    allowed, secret = folders
    policy = Policy(allow_dirs=(str(allowed),))
    said = []
    for path in (secret / "capture.pcap", secret / "nothing.pcap"):
        with pytest.raises(SourceError) as refused:
            resolve(str(path), policy).open()
        said.append((refused.value.code, str(refused.value).replace(path.name, "NAME")))

    assert said[0] == said[1]


def test_errors_say_nothing_of_the_machine(tmp_path: Path) -> None:
    """No text of a library, no folder that the caller did not give."""
    (tmp_path / "capture.pcap").write_bytes(b"no capture at all, but some text")
    with pytest.raises(CaptureError) as refused:
        pcapstream.analyze(tmp_path / "capture.pcap")

    said = str(refused.value)
    assert str(tmp_path) not in said
    assert "Traceback" not in said
    assert "errno" not in said.lower()
    assert refused.value.next_step
