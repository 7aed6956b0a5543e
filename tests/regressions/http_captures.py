"""HTTP captures on which other tools gave wrong or no answers, made with scapy, and what Wireshark counts in them."""

from __future__ import annotations

from pathlib import Path

from tests.regressions.captures import Made
from tests.support.talk import START, Talk, write

FORM = b"user=eve%40example.net&password=H1DDEN"
BASIC = b"Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"
"""Of RFC 7617: Aladdin, open sesame."""


def get(uri: bytes = b"/", *more: bytes, host: bytes = b"www.example.net") -> bytes:
    return b"GET " + uri + b" HTTP/1.1\r\nHost: " + host + b"\r\n" + b"".join(more) + b"\r\n"


def response(status: int = 200, body: bytes = b"", *more: bytes) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"HTTP/1.1 %d Reason\r\n" % status + length + b"".join(more) + b"\r\n" + body


def late(path: Path) -> Path:
    """A request behind 150 other frames."""
    other = Talk(server_port=9999, start=START)
    other.handshake()
    for _ in range(147):
        other.client(b"\x00data")
    talk = Talk(client_port=40001, start=START + 10)
    talk.handshake()
    talk.client(get(b"/late"))
    talk.server(response(body=b"found"))
    return write(path, other, talk)


def over_ipv6(path: Path) -> Path:
    talk = Talk("2001:db8::1", 40000, "2001:db8::2", 80)
    talk.handshake()
    talk.client(get(b"/six"))
    talk.server(response(body=b"6"))
    return write(path, talk)


def slow_and_failing(path: Path) -> Path:
    """Three requests on one connection: answered after 40 ms, after 2 s with 503, not at all. Handshake: 10 ms."""
    talk = Talk()
    talk.handshake()
    talk.client(get(b"/quick"))
    talk.server(response(body=b"12345"), after=0.04)
    talk.client(get(b"/slow"))
    talk.server(response(503), after=2.0)
    talk.client(get(b"/never"))
    return write(path, talk)


def in_pieces(path: Path) -> Path:
    """A head in two segments, a chunked body in three, two requests in one segment, a body that ends with the
    connection."""
    talk = Talk()
    talk.handshake()
    talk.client(get(b"/chunks")[:20])
    talk.client(get(b"/chunks")[20:])
    talk.server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
    talk.server(b"lo\r\n3\r\nabc")
    talk.server(b"\r\n0\r\n\r\n")
    talk.client(get(b"/a") + get(b"/b"))
    talk.server(response(body=b"a" * 10))
    talk.server(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil ")
    talk.server(b"the end")
    talk.close()
    return write(path, talk)


def logins(path: Path) -> Path:
    """Basic, refused and then taken; a form; a token in a URI."""
    talk = Talk()
    talk.handshake()
    talk.client(get(b"/private", BASIC, b"Cookie: id=C00KIE\r\n"))
    talk.server(response(401))
    talk.client(get(b"/private?access_token=T0KEN&x=1", BASIC))
    talk.server(response(200, b"ok", b"Set-Cookie: id=C00KIE\r\n"))
    head = b"POST /login HTTP/1.1\r\nHost: www.example.net\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    talk.client(head + b"Content-Length: %d\r\n\r\n" % len(FORM) + FORM)
    talk.server(response(302, b"", b"Location: http://eve:H1DDEN@www.example.net/?session=S3SSION\r\n"))
    return write(path, talk)


def other_ports(path: Path) -> Path:
    """On port 8000 Wireshark finds HTTP by its look, on port 3306 it does not look."""
    first, second = Talk(server_port=8000), Talk(client_port=40001, server_port=3306)
    for talk in (first, second):
        talk.handshake()
        talk.client(get(b"/elsewhere"))
        talk.server(response(404))
    return write(path, first, second)


def switched(path: Path) -> Path:
    """A WebSocket with two frames, and a tunnel through a proxy."""
    web, proxy = Talk(), Talk(client_port=40001, server_port=3128)
    web.handshake()
    web.client(get(b"/chat", b"Upgrade: websocket\r\nConnection: Upgrade\r\n"))
    web.server(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    web.server(b"\x81\x05hello")
    web.client(b"\x81\x85abcd")
    web.client(b"\x01\x02\x03\x04\x05")
    proxy.handshake()
    proxy.client(b"CONNECT secret.example:7777 HTTP/1.1\r\nHost: secret.example:7777\r\n\r\n")
    proxy.server(b"HTTP/1.1 200 Connection established\r\n\r\n")
    proxy.client(b"\x00\x01\x02")
    return write(path, web, proxy)


HTTP_MADE = (
    Made(late, {"http.request": 1, "http.response": 1, "frame.number <= 150 && http": 0}, 2),
    Made(over_ipv6, {"http": 2}, 1),
    Made(
        slow_and_failing, {"http.request": 3, "http.response": 2, "http.response.code >= 500": 1, "http.time > 1": 1}, 1
    ),
    Made(in_pieces, {"http": 5, "http.request": 2, "http.response": 3, "http && tcp.flags.fin == 1": 1}, 1),
    Made(logins, {"http.authbasic": 2, "http.response.code == 401": 1, "urlencoded-form": 1}, 1),
    Made(other_ports, {"http": 2, "http && tcp.port == 8000": 2}, 2),
    Made(switched, {"http": 5, "websocket": 2, 'http.request.method == "CONNECT"': 1}, 2),
)
"""All of them, by tshark: -Y FILTER, and the number of tcp.stream values."""
