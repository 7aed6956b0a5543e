"""Ending a download: cancel in whatever it waits for, and the time limits."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from pcapstream.errors import SourceError
from pcapstream.sources.http import HttpSource, Retry
from pcapstream.sources.http_stream import Candidate
from pcapstream.sources.policy import Policy
from tests.sources.helpers import WAIT, Background, failure_of, http, read_all, read_exactly, read_on, some_bytes
from tests.support.http_server import Exchange, ScriptedServer

DATA = some_bytes(300_000)
ETAG = '"v1"'
PATIENT = Policy(allow_private_urls=True, connect_seconds=3600, read_seconds=3600, total_seconds=3600)
"""No limit of it can end a test: what ends is the cancel."""


def cancelled(source: HttpSource, waiting: threading.Event, action: Callable[[], object]) -> None:
    """`action` runs until `waiting` is set; then a cancel must end it, and every read after it."""
    running = Background(action)
    assert waiting.wait(WAIT)
    source.cancel()
    source.cancel()
    running.finished()
    assert isinstance(running.error, SourceError)
    assert running.error.code == "cancelled"
    assert failure_of(lambda: source.read(memoryview(bytearray(10)))).code == "cancelled"
    source.close()
    source.cancel()


def test_cancel_before_open(server: ScriptedServer) -> None:
    source = http(server.script("/a", lambda exchange: exchange.file(DATA)))
    source.cancel()
    assert failure_of(source.open).code == "cancelled"
    assert server.count_connection() == 0


def test_cancel_while_the_name_is_looked_up() -> None:
    asked, answer = threading.Event(), threading.Event()

    def stuck(host: str, port: int) -> Sequence[Candidate]:
        asked.set()
        answer.wait(WAIT)
        return []

    source = http("http://capture.example/a", PATIENT, resolver=stuck)
    cancelled(source, asked, source.open)
    answer.set()


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port whose queue of connections is full: the next one gets no answer at all."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_cancel_while_connecting(full_port: int) -> None:
    resolved = threading.Event()

    def resolver(host: str, port: int) -> Sequence[Candidate]:
        resolved.set()
        return [(socket.AF_INET, ("127.0.0.1", port))]

    source = http(f"http://capture.example:{full_port}/a", PATIENT, resolver=resolver)
    cancelled(source, resolved, source.open)


def test_connect_limit(full_port: int) -> None:
    policy = Policy(allow_private_urls=True, connect_seconds=0.05)
    assert failure_of(http(f"http://127.0.0.1:{full_port}/a", policy).open).code == "connect"


def test_cancel_while_tls_is_agreed_on() -> None:
    accepted = threading.Event()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        connections: list[socket.socket] = []

        def accept() -> None:
            connection, _ = listener.accept()
            # The first bytes of the handshake are here: the client waits for the answer.
            connection.recv(5)
            connections.append(connection)
            accepted.set()

        server = Background(accept)
        source = http(f"https://127.0.0.1:{listener.getsockname()[1]}/a", PATIENT)
        cancelled(source, accepted, source.open)
        server.finished()
        connections[0].close()


def silent(exchange: Exchange, reached: threading.Event, before: Callable[[], None] = lambda: None) -> None:
    before()
    reached.set()
    exchange.closing.wait(WAIT)
    exchange.hang_up()


def test_cancel_while_waiting_for_the_head(server: ScriptedServer) -> None:
    reached = threading.Event()
    source = http(server.script("/a", lambda exchange: silent(exchange, reached)), PATIENT)
    cancelled(source, reached, source.open)


def test_cancel_while_waiting_for_the_body(server: ScriptedServer) -> None:
    reached = threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": str(len(DATA)), "ETag": ETAG})
        exchange.send(DATA[:1000])
        silent(exchange, reached)

    source = http(server.script("/a", script), PATIENT)
    source.open()
    assert read_exactly(source, 1000) == DATA[:1000]
    cancelled(source, reached, lambda: source.read(memoryview(bytearray(1000))))


def test_cancel_while_waiting_for_a_chunk(server: ScriptedServer) -> None:
    reached = threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.head(200, {"Transfer-Encoding": "chunked"})
        exchange.chunk(DATA[:1000])
        silent(exchange, reached)

    source = http(server.script("/a", script), PATIENT)
    source.open()
    assert read_exactly(source, 1000) == DATA[:1000]
    cancelled(source, reached, lambda: source.read(memoryview(bytearray(1000))))


def test_cancel_while_waiting_to_try_again(server: ScriptedServer) -> None:
    reached = threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.reply(503, b"busy")
        reached.set()

    patient = Retry(first_seconds=3600, max_seconds=3600)
    source = http(server.script("/a", script), PATIENT, retry=patient)
    cancelled(source, reached, source.open)


def test_cancel_with_ranges_under_way(server: ScriptedServer) -> None:
    reached = threading.Event()

    def script(exchange: Exchange) -> None:
        if exchange.number < 2:
            exchange.file(DATA, etag=ETAG)
        else:
            silent(exchange, reached)

    policy = Policy(
        allow_private_urls=True, connect_seconds=3600, read_seconds=3600, total_seconds=3600, parallel_ranges=3
    )
    source = http(server.script("/a", script), policy, segment_bytes=10_000)
    source.open()
    cancelled(source, reached, lambda: read_on(source))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pcapstream-range")]


def test_a_pause_of_the_server_hands_over_what_is_there(server: ScriptedServer) -> None:
    more = threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": "2000"})
        exchange.send(DATA[:1000])
        more.wait(WAIT)
        exchange.send(DATA[1000:2000])

    source = http(server.script("/a", script), PATIENT)
    source.open()
    room = memoryview(bytearray(1 << 20))
    # The server goes on only when these are handed over.
    filled = 0
    while filled < 1000:
        filled += source.read(room[filled:])
    assert bytes(room[:filled]) == DATA[:1000]
    more.set()
    assert read_on(source) == DATA[1000:2000]
    source.close()


def test_silence_within_the_body_ends_at_the_read_limit(server: ScriptedServer) -> None:
    def script(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": str(len(DATA)), "ETag": ETAG})
        if exchange.number == 0:
            exchange.send(DATA[:1000])
        exchange.closing.wait(WAIT)
        exchange.hang_up()

    policy = Policy(allow_private_urls=True, read_seconds=0.1)
    source = http(server.script("/a", script), policy, retry=Retry(in_a_row=1))
    source.open()
    error = failure_of(lambda: read_on(source))
    assert error.code == "timeout"
    assert source.bytes_fetched == 1000
    source.close()


def test_silence_before_the_head_ends_at_the_read_limit(server: ScriptedServer) -> None:
    url = server.script("/a", lambda exchange: silent(exchange, threading.Event()))
    policy = Policy(allow_private_urls=True, read_seconds=0.1)
    assert failure_of(http(url, policy, retry=Retry(in_a_row=1)).open).code == "connect"


def test_head_that_drips_ends_at_the_read_limit(server: ScriptedServer) -> None:
    def drip(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nX: ")
        while not exchange.closing.wait(0.01):
            exchange.send(b"x")

    # Each byte comes well within the limit; all of the head does not.
    policy = Policy(allow_private_urls=True, read_seconds=0.3)
    assert failure_of(http(server.script("/a", drip), policy, retry=Retry(in_a_row=1)).open).code == "connect"


@pytest.mark.parametrize("framing", [{"Content-Length": "1000000000"}, {"Transfer-Encoding": "chunked"}])
def test_body_that_drips_ends_at_the_total_limit(server: ScriptedServer, framing: dict[str, str]) -> None:
    def drip(exchange: Exchange) -> None:
        exchange.head(200, {"ETag": ETAG, **framing})
        while not exchange.closing.wait(0.01):
            if "Content-Length" in framing:
                exchange.send(b"x")
            else:
                exchange.chunk(b"x")

    policy = Policy(allow_private_urls=True, total_seconds=0.5)
    source = http(server.script("/a", drip), policy)
    source.open()
    assert failure_of(lambda: read_on(source)).code == "timeout"
    assert source.bytes_fetched > 0
    assert len(server.requests) == 1, "the total limit is not tried again"
    source.close()


def test_total_limit_holds_while_waiting_to_try_again(server: ScriptedServer) -> None:
    url = server.script("/a", lambda exchange: exchange.reply(503))
    policy = Policy(allow_private_urls=True, total_seconds=0.1)
    error = failure_of(http(url, policy, retry=Retry(first_seconds=3600, max_seconds=3600)).open)
    assert error.code == "timeout"


def test_download_that_stalled_goes_on(server: ScriptedServer) -> None:
    def script(exchange: Exchange) -> None:
        if exchange.number == 0:
            exchange.head(200, {"Content-Length": str(len(DATA)), "ETag": ETAG})
            exchange.send(DATA[:1000])
            exchange.closing.wait(WAIT)
            exchange.hang_up()
        else:
            exchange.file(DATA, etag=ETAG)

    policy = Policy(allow_private_urls=True, read_seconds=0.1)
    assert read_all(http(server.script("/a", script), policy)) == DATA
