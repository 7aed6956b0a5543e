"""TLS in a tunnel that an HTTP proxy opened, beside what tshark shows of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapstream._core import Decoder
from tests.support import wireshark
from tests.support.talk import Talk, write

pytestmark = [pytest.mark.tshark, wireshark.needs_tshark()]

NAME = b"inner.example"


def client_hello() -> bytes:
    """A record with a hello of TLS 1.2 that names `NAME` (RFC 5246 7.4.1.2, RFC 6066 3)."""
    entry = b"\0" + len(NAME).to_bytes(2, "big") + NAME
    names = len(entry).to_bytes(2, "big") + entry
    extension = b"\0\0" + len(names).to_bytes(2, "big") + names
    body = (
        b"\3\3" + bytes(range(32)) + b"\0" + b"\0\2\xc0\x2f" + b"\1\0" + len(extension).to_bytes(2, "big") + extension
    )
    message = b"\1" + len(body).to_bytes(3, "big") + body
    return b"\x16\3\1" + len(message).to_bytes(2, "big") + message


def server_hello() -> bytes:
    body = b"\3\3" + bytes(32) + b"\0" + b"\xc0\x2f" + b"\0"
    message = b"\2" + len(body).to_bytes(3, "big") + body
    return b"\x16\3\3" + len(message).to_bytes(2, "big") + message


@pytest.fixture(params=[8080, 3128, 9999])
def tunnel(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    talk = Talk(server_port=request.param)
    talk.handshake()
    talk.client(b"CONNECT inner.example:443 HTTP/1.1\r\nHost: inner.example:443\r\n\r\n")
    talk.server(b"HTTP/1.1 200 Connection established\r\n\r\n")
    hello = client_hello()
    talk.client(hello[:40])
    talk.client(hello[40:])
    talk.server(server_hello())
    talk.client(b"\x17\3\3\0\x05abcde")
    talk.server(b"\x15\3\3\0\2\2\x28")
    path = tmp_path / "tunnel.pcap"
    write(path, talk)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "http",
        "tls",
        "http.request.method == CONNECT",
        "tls.handshake.type == 1",
        'tls.handshake.extensions_server_name == "inner.example"',
        "tls.handshake.type == 2",
        "tls.app_data",
        "tls.alert_message.desc == 40",
    ],
)
def test_frames_are_those_of_tshark(tunnel: Path, text: str) -> None:
    text = text.replace("CONNECT", '"CONNECT"')
    decoder = Decoder(tcp=False, tally=False, rows=True, apps=["http", "tls"], display_filter=text)
    rows = [*decoder.feed(tunnel.read_bytes()).rows, *decoder.finish().rows]
    assert [row.number for row in rows] == wireshark.frames(tunnel, text)
