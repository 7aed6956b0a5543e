"""Several ranges at a time: the same bytes in the same order, whatever each connection does."""

from __future__ import annotations

import threading

import pytest

from pcapstream.sources.http import HttpSource
from pcapstream.sources.policy import Policy
from tests.sources.helpers import WAIT, failure_of, http, read_all, read_exactly, read_on, some_bytes
from tests.support.http_server import Exchange, ScriptedServer

DATA = some_bytes(1_000_003)
ETAG = '"v1"'
SEGMENT = 100_000


def ranged(url: str, parallel: int = 4, segment: int = SEGMENT) -> HttpSource:
    return http(url, Policy(allow_private_urls=True, parallel_ranges=parallel), segment_bytes=segment)


@pytest.mark.parametrize("parallel", [2, 3, 8])
@pytest.mark.parametrize("segment", [7_919, SEGMENT, len(DATA) - 1, len(DATA), len(DATA) + 1])
def test_all_bytes_in_order(server: ScriptedServer, parallel: int, segment: int) -> None:
    source = ranged(server.script("/a", lambda exchange: exchange.file(DATA, etag=ETAG)), parallel, segment)
    assert read_all(source, block=65_537) == DATA
    assert source.size == len(DATA)
    asked = sorted(int(request.headers["range"].split("=")[1].split("-")[0]) for request in server.requests)
    assert asked == list(range(0, len(DATA), segment)), "each segment once"


def test_identity_is_that_of_a_single_request(server: ScriptedServer) -> None:
    url = server.script("/a", lambda exchange: exchange.file(DATA, etag=ETAG))
    one, four = ranged(url, 1), ranged(url, 4)
    read_all(one)
    read_all(four)
    assert one.identity == four.identity is not None


def test_connections_are_used_again(server: ScriptedServer) -> None:
    source = ranged(server.script("/a", lambda exchange: exchange.file(DATA, etag=ETAG)), 2)
    assert read_all(source) == DATA
    assert len(server.requests) == 11
    assert len({request.connection for request in server.requests}) <= 3


def test_they_run_side_by_side_and_no_more_than_allowed(server: ScriptedServer) -> None:
    lock = threading.Lock()
    meeting = threading.Barrier(4)
    now, most = [0], [0]

    def script(exchange: Exchange) -> None:
        if exchange.number == 0:
            exchange.file(DATA, etag=ETAG)
            return
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        if exchange.number <= 4:
            # Passes only when four requests are here at once.
            meeting.wait(30)
        with lock:
            now[0] -= 1
        exchange.file(DATA, etag=ETAG)

    assert read_all(ranged(server.script("/a", script), 4)) == DATA
    assert most[0] == 4


def test_a_reader_that_waits_bounds_what_is_fetched(server: ScriptedServer) -> None:
    three, four = threading.Event(), threading.Event()

    def script(exchange: Exchange) -> None:
        {2: three, 3: four}.get(exchange.number, threading.Event()).set()
        exchange.file(DATA, etag=ETAG)

    source = ranged(server.script("/a", script), 2)
    source.open()
    assert three.wait(WAIT)
    # Three segments are there or on their way and nobody has room for a fourth. (That nothing happens can only be
    # waited for; a machine too slow to do the wrong thing in this time passes.)
    assert not four.wait(0.2)
    assert read_on(source) == DATA
    source.close()


def test_server_without_ranges_gives_the_whole_file(server: ScriptedServer) -> None:
    url = server.script("/a", lambda exchange: exchange.reply(200, DATA, {"ETag": ETAG}))
    assert read_all(ranged(url)) == DATA
    assert len(server.requests) == 1


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_validator_one_request_does_it(server: ScriptedServer, etag: str | None) -> None:
    # Ranges that nothing ties together could be of two files.
    source = ranged(server.script("/a", lambda exchange: exchange.file(DATA, etag=etag)))
    assert read_all(source) == DATA
    assert "range" in server.requests[0].headers
    assert "range" not in server.requests[1].headers
    assert len(server.requests) == 2


def test_empty_file(server: ScriptedServer) -> None:
    assert read_all(ranged(server.script("/a", lambda exchange: exchange.file(b"", etag=ETAG)))) == b""


def test_each_connection_may_be_lost(server: ScriptedServer) -> None:
    url = server.script("/a", lambda exchange: exchange.file(DATA, etag=ETAG, drop_after=60_000))
    assert read_all(ranged(url)) == DATA


def test_busy_answers_in_between(server: ScriptedServer) -> None:
    def script(exchange: Exchange) -> None:
        if exchange.number % 3 == 2:
            exchange.reply(503)
        else:
            exchange.file(DATA, etag=ETAG)

    assert read_all(ranged(server.script("/a", script))) == DATA


def test_file_that_changes_in_the_middle_is_an_error_and_no_mix(server: ScriptedServer) -> None:
    other = some_bytes(len(DATA), seed=2)

    def script(exchange: Exchange) -> None:
        if exchange.number < 4:
            exchange.file(DATA, etag=ETAG)
        else:
            exchange.file(other, etag='"v2"', if_range=False)

    source = ranged(server.script("/a", script))
    source.open()
    seen = bytearray()
    room = memoryview(bytearray(4096))

    def on() -> None:
        while got := source.read(room):
            seen.extend(room[:got])

    assert failure_of(on).code == "changed"
    assert bytes(seen) == DATA[: len(seen)]
    source.close()


def test_refusal_in_the_middle_is_told(server: ScriptedServer) -> None:
    def script(exchange: Exchange) -> None:
        if exchange.number < 3:
            exchange.file(DATA, etag=ETAG)
        else:
            exchange.reply(403)

    source = ranged(server.script("/a", script))
    source.open()
    assert failure_of(lambda: read_on(source)).code == "http_status"
    source.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pcapstream-range")]


def test_close_in_the_middle_ends_the_threads(server: ScriptedServer) -> None:
    source = ranged(server.script("/a", lambda exchange: exchange.file(DATA, etag=ETAG)))
    source.open()
    read_exactly(source, 1000)
    source.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pcapstream-range")]


def test_size_limit(server: ScriptedServer) -> None:
    url = server.script("/a", lambda exchange: exchange.file(DATA, etag=ETAG))
    policy = Policy(allow_private_urls=True, parallel_ranges=4, max_bytes=len(DATA) - 1)
    assert failure_of(http(url, policy, segment_bytes=SEGMENT).open).code == "too_large"
