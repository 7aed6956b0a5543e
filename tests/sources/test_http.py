"""One request: what is read, told, followed and refused."""

from __future__ import annotations

import gzip
import logging
import subprocess
import sys

import pytest

from pcapstream.errors import SourceError
from pcapstream.sources import resolve
from pcapstream.sources.base import Source
from pcapstream.sources.http import HttpSource, Retry
from pcapstream.sources.policy import Policy
from tests.sources.helpers import AT_ONCE, LOCAL, failure_of, http, read_all, read_exactly, read_on, some_bytes
from tests.support.http_server import Exchange, ScriptedServer

DATA = some_bytes(300_000)
ETAG = '"v1"'
LONG_AGO = "Mon, 06 Jul 2020 10:00:00 GMT"


def test_a_file_is_read_byte_for_byte(server: ScriptedServer) -> None:
    url = server.script("/a.pcap", lambda exchange: exchange.file(DATA, etag=ETAG))
    source = resolve(url, LOCAL)
    assert isinstance(source, HttpSource)
    assert isinstance(source, Source)
    assert read_all(source) == DATA
    assert source.size == source.bytes_fetched == len(DATA)
    assert len(server.requests) == 1


@pytest.mark.parametrize("block", [1, 7, 4096, 1 << 20])
def test_any_buffer_size_gives_the_same(server: ScriptedServer, block: int) -> None:
    data = DATA[:5000]
    assert read_all(http(server.script("/a", lambda exchange: exchange.file(data))), block) == data
    assert read_all(http(server.script("/b", lambda exchange: _chunked(exchange, data, 999))), block) == data


def test_the_request_asks_for_the_bytes_as_they_are(server: ScriptedServer) -> None:
    read_all(http(server.script("/a", lambda exchange: exchange.file(DATA))))
    headers = server.requests[0].headers
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"] == "pcapstream"
    assert "range" not in headers


def test_query_is_sent_and_fragment_is_not(server: ScriptedServer) -> None:
    read_all(http(server.script("/a", lambda exchange: exchange.file(DATA)) + "?sig=1%2F2#top"))
    assert server.requests[0].path == "/a?sig=1%2F2"


def test_user_and_password_are_sent_and_not_shown(server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    url = server.script("/a", lambda exchange: exchange.file(DATA, etag=ETAG))
    source = http(url.replace("//", "//fox:hen%20house@") + "?token=cluck#end")
    with caplog.at_level(logging.DEBUG):
        read_all(source)
    # base64 of "fox:hen house"
    assert server.requests[0].headers["authorization"] == "Basic Zm94OmhlbiBob3VzZQ=="
    assert source.name == url
    for shown in (source.name, source.identity or "", caplog.text):
        assert "hen" not in shown
        assert "cluck" not in shown


def test_empty_file(server: ScriptedServer) -> None:
    source = http(server.script("/a", lambda exchange: exchange.file(b"")))
    assert read_all(source) == b""
    assert source.size == 0


def test_chunked_body_has_no_size(server: ScriptedServer) -> None:
    source = http(server.script("/a", lambda exchange: _chunked(exchange, DATA, 10_000)))
    assert read_all(source) == DATA
    assert source.size is None
    assert source.bytes_fetched == len(DATA)


def test_body_that_ends_with_the_connection(server: ScriptedServer) -> None:
    def until_closed(exchange: Exchange) -> None:
        exchange.head(200, {"Connection": "close"})
        exchange.send(DATA)
        exchange.hang_up()

    source = http(server.script("/a", until_closed))
    assert read_all(source) == DATA
    assert source.size is None


def test_head_that_trickles_in_and_body_on_its_heels(server: ScriptedServer) -> None:
    head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"

    def trickle(exchange: Exchange) -> None:
        for position in range(len(head)):
            exchange.send(head[position : position + 1])
        exchange.send(b"\n\r\n\nmore than was said")
        exchange.hang_up()

    assert read_all(http(server.script("/a", trickle))) == b"\n\r\n\n"


def test_more_than_the_length_that_was_told_is_not_read(server: ScriptedServer) -> None:
    def too_much(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": "1000"})
        exchange.send(DATA)
        exchange.hang_up()

    assert read_all(http(server.script("/a", too_much))) == DATA[:1000]


@pytest.mark.parametrize(
    ("etag", "modified", "has_one"),
    [(ETAG, None, True), (None, LONG_AGO, True), (ETAG, LONG_AGO, True), ('W/"v"', None, True), (None, None, False)],
)
def test_identity_needs_a_validator(
    server: ScriptedServer, etag: str | None, modified: str | None, has_one: bool
) -> None:
    source = http(server.script("/a", lambda exchange: exchange.file(DATA, etag=etag, modified=modified)))
    assert source.identity is None
    read_all(source)
    assert (source.identity is not None) is has_one


def test_identity_tells_versions_and_urls_apart(server: ScriptedServer) -> None:
    def identity(path: str, etag: str, data: bytes = DATA) -> str | None:
        source = http(server.script(path.partition("?")[0], lambda exchange: exchange.file(data, etag=etag)))
        source = http(server.url(path))
        read_all(source)
        return source.identity

    first = identity("/a", '"1"')
    assert identity("/a", '"1"') == first
    others = {identity("/a", '"2"'), identity("/b", '"1"'), identity("/a?x", '"1"'), identity("/a", '"1"', b"x")}
    assert len(others) == 4
    assert first not in others


@pytest.mark.parametrize(
    ("status", "said"), [(404, "404 Not Found"), (401, "401 Unauthorized"), (403, "403 Forbidden"), (410, "410 Gone")]
)
def test_refusals_of_the_server_are_told_and_not_repeated(server: ScriptedServer, status: int, said: str) -> None:
    url = server.script("/a", lambda exchange: exchange.reply(status, b"<html>secret of the server</html>"))
    error = failure_of(http(url).open)
    assert (error.code, error.problem) == ("http_status", f"the server answered {said}")
    assert "secret" not in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [204, 206, 300, 304, 305, 418, 599, 799])
def test_odd_statuses_are_errors(server: ScriptedServer, status: int) -> None:
    url = server.script("/a", lambda exchange: exchange.reply(status, b"" if status in (204, 304) else b"x"))
    assert failure_of(http(url).open).code in ("http_status", "protocol")


def test_server_that_recovers_is_asked_again(server: ScriptedServer) -> None:
    def third_time_lucky(exchange: Exchange) -> None:
        if exchange.number < 2:
            exchange.reply((503, 500)[exchange.number], b"busy")
        else:
            exchange.file(DATA)

    assert read_all(http(server.script("/a", third_time_lucky))) == DATA
    assert len(server.requests) == 3


def test_server_that_stays_broken_is_given_up(server: ScriptedServer) -> None:
    url = server.script("/a", lambda exchange: exchange.reply(502, b"no"))
    error = failure_of(http(url).open)
    assert (error.code, error.problem) == ("http_status", "the server answered 502 Bad Gateway")
    assert len(server.requests) == Retry().in_a_row


def test_retry_after_beyond_patience_is_not_waited_for(server: ScriptedServer) -> None:
    url = server.script("/a", lambda exchange: exchange.reply(503, headers={"Retry-After": "3600"}))
    assert failure_of(http(url).open).code == "http_status"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "rubbish",
    [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00\x01\x02\x03", b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 abc\r\n\r\n"],
)
def test_what_is_no_http_is_told_as_unreachable_is(server: ScriptedServer, rubbish: bytes) -> None:
    def answer(exchange: Exchange) -> None:
        exchange.send(rubbish)
        exchange.hang_up()

    error = failure_of(http(server.script("/a", answer)).open)
    with ScriptedServer() as gone:
        port = gone.port
    closed_port = failure_of(http(f"http://127.0.0.1:{port}/a").open)
    assert error.code == closed_port.code == "connect"
    assert str(error) == str(closed_port), "no map of open and closed ports"


def test_conflicting_lengths_are_refused(server: ScriptedServer) -> None:
    def two(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef")
        exchange.hang_up()

    assert failure_of(http(server.script("/a", two)).open).code == "connect"


def test_endless_head_is_given_up(server: ScriptedServer) -> None:
    def endless(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\n")
        while not exchange.closing.is_set():
            exchange.send(b"X-Filler: " + b"x" * 1000 + b"\r\n")

    assert failure_of(http(server.script("/a", endless)).open).code == "connect"


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "rot13"])
def test_content_encoding_that_is_no_capture_compression_is_an_error(server: ScriptedServer, encoding: str) -> None:
    url = server.script("/a", lambda exchange: exchange.file(DATA, headers={"Content-Encoding": encoding}))
    assert failure_of(http(url).open).code == "encoding"


def test_gzip_encoding_is_handed_over_as_the_compression_of_the_capture(server: ScriptedServer) -> None:
    packed = gzip.compress(DATA)
    url = server.script("/a", lambda exchange: exchange.file(packed, headers={"Content-Encoding": "gzip"}))
    source = http(url)
    assert read_all(source) == packed
    assert source.size == len(packed)


def test_redirects_are_followed(server: ScriptedServer) -> None:
    end = server.script("/end", lambda exchange: exchange.file(DATA))
    server.script("/b", lambda exchange: exchange.reply(307, headers={"Location": end}))
    source = http(server.script("/a", lambda exchange: exchange.reply(302, b"moved", {"Location": "b?x=1"})))
    assert read_all(source) == DATA
    assert [request.path for request in server.requests] == ["/a", "/b?x=1", "/end"]
    assert source.name == server.url("/a")


def test_password_does_not_follow_to_another_origin(server: ScriptedServer) -> None:
    with ScriptedServer() as other:
        end = other.script("/end", lambda exchange: exchange.file(DATA))
        url = server.script("/a", lambda exchange: exchange.reply(302, headers={"Location": end}))
        assert read_all(http(url.replace("//", "//fox:hen@"))) == DATA
        assert "authorization" in server.requests[0].headers
        assert "authorization" not in other.requests[0].headers


def test_redirect_in_a_circle_ends(server: ScriptedServer) -> None:
    url = server.script("/a", lambda exchange: exchange.reply(302, headers={"Location": "/a"}))
    assert failure_of(http(url).open).code == "redirects"
    assert len(server.requests) == 9


@pytest.mark.parametrize("target", ["ftp://example.org/a", "file:///etc/passwd", "gopher://x/", "http://[::1"])
def test_redirect_to_what_is_no_http_url_is_refused(server: ScriptedServer, target: str) -> None:
    url = server.script("/a", lambda exchange: exchange.reply(302, headers={"Location": target}))
    error = failure_of(http(url).open)
    assert error.code == "redirects"
    assert "passwd" not in str(error)
    assert len({request.path for request in server.requests}) == 1


def test_size_that_is_told_and_too_large_is_refused_before_reading(server: ScriptedServer) -> None:
    url = server.script("/a", lambda exchange: exchange.file(DATA))
    policy = Policy(allow_private_urls=True, max_bytes=len(DATA) - 1)
    assert failure_of(http(url, policy).open).code == "too_large"
    exactly = Policy(allow_private_urls=True, max_bytes=len(DATA))
    assert read_all(http(url, exactly)) == DATA


def test_size_that_is_not_told_is_limited_while_reading(server: ScriptedServer) -> None:
    url = server.script("/a", lambda exchange: _chunked(exchange, DATA, 10_000))
    source = http(url, Policy(allow_private_urls=True, max_bytes=100_000))
    source.open()
    assert failure_of(lambda: read_on(source)).code == "too_large"
    assert source.bytes_fetched <= 100_000
    source.close()
    exactly = Policy(allow_private_urls=True, max_bytes=len(DATA))
    assert read_all(http(url, exactly)) == DATA


def test_proxies_of_the_environment_are_not_used(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
        assert read_all(http(server.script("/a", lambda exchange: exchange.file(DATA)))) == DATA
        assert proxy.requests == []


def test_a_source_can_be_closed_at_any_time(server: ScriptedServer) -> None:
    url = server.script("/a", lambda exchange: exchange.file(DATA))
    never_opened = http(url)
    never_opened.close()
    never_opened.close()
    never_opened.cancel()
    half_read = http(url)
    half_read.open()
    read_exactly(half_read, 1000)
    half_read.close()
    half_read.close()
    with pytest.raises(SourceError):
        half_read.read(memoryview(bytearray(10)))
    failed = http(server.url("/none"), retry=AT_ONCE)
    failure_of(failed.open)
    failed.close()


def test_the_http_client_is_imported_only_to_open_a_url() -> None:
    program = (
        "import sys\n"
        "from pcapstream.sources import resolve\n"
        "from pcapstream.sources.policy import Policy\n"
        "resolve('http://example.org/a', Policy()), resolve('a.pcap', Policy())\n"
        "assert not {'httpx2', 'httpcore2', 'h11', 'anyio'} & set(sys.modules), 'too early'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def _chunked(exchange: Exchange, data: bytes, size: int) -> None:
    exchange.head(200, {"Transfer-Encoding": "chunked"})
    for start in range(0, len(data), size):
        exchange.chunk(data[start : start + size])
    exchange.chunk(b"")
