"""Whatever a server answers, a source gives bytes or a SourceError: no other exception, no waiting without end."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcapstream.errors import SourceError
from pcapstream.sources.http import Retry
from pcapstream.sources.http_stream import Candidate
from pcapstream.sources.policy import Policy
from tests.sources.helpers import http
from tests.support.http_server import Exchange, ScriptedServer

ONCE = Retry(in_a_row=2, in_all=2, first_seconds=0, max_seconds=0)

NAMES = (
    "Content-Length",
    "Content-Range",
    "Transfer-Encoding",
    "Content-Encoding",
    "Location",
    "ETag",
    "Last-Modified",
    "Date",
    "Retry-After",
    "Accept-Ranges",
    "Set-Cookie",
    "Connection",
    "X",
)
VALUES = (
    "",
    "0",
    "5",
    "-1",
    "+5",
    "5, 5",
    "99999999999999999999999",
    "\xb2",
    "bytes 0-4/5",
    "bytes 5-4/3",
    "bytes */5",
    "bytes 0-99999999999999999999/5",
    "chunked",
    "gzip, chunked",
    "identity",
    "gzip",
    '"v1"',
    'W/"v1"',
    "Mon, 06 Jul 2020 10:00:00 GMT",
    "Mon, 06 Jul 99999 10:00:00 GMT",
    "-0000",
    "none",
    "close",
    "/a",
    "http://",
    "http://[",
    "http://\xff/",
    "http://a b/",
    "http://xn--/",
    "http://" + "a." * 200 + "/",
    "ftp://x/",
    "\x00",
    "a=b; Domain=.; Path=\xff; Max-Age=x",
)

header = st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES) | st.text(max_size=8))
body = st.sampled_from(
    [b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"ffffffffffffffffffff\r\n", b"5\r\nhel", b"-1\r\n\r\n"]
)


@pytest.fixture(scope="module")
def hostile() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


numbers = itertools.count()


def only_loopback(host: str, port: int) -> Sequence[Candidate]:
    """No redirect of a made-up server leads to a look-up in the world."""
    if host != "127.0.0.1":
        raise socket.gaierror(socket.EAI_NONAME, "not here")
    return [(socket.AF_INET, (host, port))]


def outcome(server: ScriptedServer, answer: bytes, parallel: int) -> None:
    """Read what the server gives to every request for one URL."""

    def script(exchange: Exchange) -> None:
        exchange.send(answer)
        exchange.hang_up()

    policy = Policy(
        allow_private_urls=True, read_seconds=5, total_seconds=20, max_bytes=100_000, parallel_ranges=parallel
    )
    source = http(
        server.script(f"/{next(numbers)}", script), policy, retry=ONCE, resolver=only_loopback, segment_bytes=3
    )
    room = memoryview(bytearray(1000))
    refusal: SourceError | None = None
    try:
        source.open()
        assert source.size is None or source.size >= 0
        while source.read(room):
            pass
    except SourceError as error:
        refusal = error
    finally:
        source.close()
    if refusal is not None:
        assert refusal.code != "timeout"
        assert str(refusal).isprintable()
    assert source.bytes_fetched <= 100_000


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    status=st.sampled_from([100, 101, 103, 200, 200, 200, 204, 206, 206, 301, 302, 304, 308, 404, 416, 429, 503, 999]),
    headers=st.lists(header, max_size=5),
    body=body,
    parallel=st.sampled_from([1, 3]),
)
def test_any_head_and_body(
    hostile: ScriptedServer, status: int, headers: list[tuple[str, str]], body: bytes, parallel: int
) -> None:
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers), "", ""]
    outcome(hostile, "\r\n".join(lines).encode("latin-1", "replace") + body, parallel)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(answer=st.binary(max_size=60) | st.binary(max_size=30).map(lambda junk: b"HTTP/1.1 200 " + junk + b"\r\n\r\n"))
def test_any_bytes(hostile: ScriptedServer, answer: bytes) -> None:
    outcome(hostile, answer, 1)
