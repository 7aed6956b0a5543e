"""After a lost connection: the rest of the same file, or an error, never a mix of two files."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import pytest

from pcapstream.sources.http import HttpSource, Retry
from tests.sources.helpers import failure_of, http, read_all, read_on, some_bytes
from tests.support.http_server import Exchange, ScriptedServer

DATA = some_bytes(300_000)
OTHER = some_bytes(300_000, seed=2)
ETAG = '"v1"'
LONG_AGO = "Mon, 06 Jul 2020 10:00:00 GMT"
CUT = 100_000


def cut_then(server: ScriptedServer, second: Any, **first: Any) -> HttpSource:
    """The first request gives DATA up to CUT and hangs up; `second` scripts those that follow."""

    def script(exchange: Exchange) -> None:
        if exchange.number == 0:
            exchange.file(DATA, drop_after=CUT, **first)
        else:
            second(exchange)

    return http(server.script("/a", script))


def error_after_cut(source: HttpSource) -> str:
    source.open()
    error = failure_of(lambda: read_on(source))
    assert source.bytes_fetched == CUT, "what came before the cut is handed out"
    source.close()
    return error.code


def test_download_goes_on_where_it_was_cut(server: ScriptedServer) -> None:
    source = cut_then(server, lambda exchange: exchange.file(DATA, etag=ETAG), etag=ETAG)
    assert read_all(source) == DATA
    assert server.requests[1].headers["range"] == f"bytes={CUT}-"
    assert server.requests[1].headers["if-range"] == ETAG
    assert len(server.requests) == 2


def test_download_goes_on_by_date_when_that_is_strong(server: ScriptedServer) -> None:
    source = cut_then(server, lambda exchange: exchange.file(DATA, modified=LONG_AGO), modified=LONG_AGO)
    assert read_all(source) == DATA
    assert server.requests[1].headers["if-range"] == LONG_AGO


def test_many_cuts_in_a_row(server: ScriptedServer) -> None:
    url = server.script("/a", lambda exchange: exchange.file(DATA, etag=ETAG, drop_after=30_000))
    assert read_all(http(url)) == DATA
    assert len(server.requests) == 10


def test_server_that_drops_for_ever_is_given_up(server: ScriptedServer) -> None:
    url = server.script("/a", lambda exchange: exchange.file(DATA, etag=ETAG, drop_after=10))
    source = http(url, retry=Retry(in_all=7, first_seconds=0, max_seconds=0))
    source.open()
    error = failure_of(lambda: read_on(source))
    assert error.code == "interrupted"
    assert source.bytes_fetched == 70
    assert "70 bytes" in error.problem
    source.close()


def test_server_that_comes_back_with_nothing_is_given_up(server: ScriptedServer) -> None:
    source = cut_then(server, lambda exchange: exchange.reset(), etag=ETAG)
    assert error_after_cut(source) == "interrupted"
    assert len(server.requests) == 1 + Retry().in_a_row - 1


def test_reset_connection_goes_on_too(server: ScriptedServer) -> None:
    def script(exchange: Exchange) -> None:
        if exchange.number == 0:
            exchange.head(200, {"Content-Length": str(len(DATA)), "ETag": ETAG})
            exchange.send(DATA[:CUT])
            exchange.reset()
        else:
            exchange.file(DATA, etag=ETAG)

    assert read_all(http(server.script("/a", script))) == DATA


def test_busy_server_in_between(server: ScriptedServer) -> None:
    def then(exchange: Exchange) -> None:
        if exchange.number == 1:
            exchange.reply(503, b"busy")
        else:
            exchange.file(DATA, etag=ETAG)

    assert read_all(cut_then(server, then, etag=ETAG)) == DATA


def test_changed_file_is_an_error(server: ScriptedServer) -> None:
    source = cut_then(server, lambda exchange: exchange.file(OTHER, etag='"v2"'), etag=ETAG)
    assert error_after_cut(source) == "changed"


def test_changed_file_from_a_server_that_ignores_if_range(server: ScriptedServer) -> None:
    source = cut_then(server, lambda exchange: exchange.file(OTHER, etag='"v2"', if_range=False), etag=ETAG)
    assert error_after_cut(source) == "changed"


def test_changed_file_by_date(server: ScriptedServer) -> None:
    later = "Tue, 07 Jul 2020 10:00:00 GMT"
    source = cut_then(server, lambda exchange: exchange.file(OTHER, modified=later), modified=LONG_AGO)
    assert error_after_cut(source) == "changed"


def test_range_of_a_file_of_another_length_is_a_changed_file(server: ScriptedServer) -> None:
    source = cut_then(server, lambda exchange: exchange.file(DATA + b"x", etag=ETAG), etag=ETAG)
    assert error_after_cut(source) == "changed"


def test_file_that_became_shorter_is_a_changed_file(server: ScriptedServer) -> None:
    source = cut_then(server, lambda exchange: exchange.file(DATA[:10], etag=ETAG), etag=ETAG)
    assert error_after_cut(source) == "changed"


def test_answer_that_no_longer_names_the_version_is_not_trusted(server: ScriptedServer) -> None:
    source = cut_then(server, lambda exchange: exchange.file(OTHER, if_range=False), etag=ETAG)
    assert error_after_cut(source) == "changed"


def test_other_content_encoding_is_a_changed_file(server: ScriptedServer) -> None:
    def then(exchange: Exchange) -> None:
        exchange.file(DATA, etag=ETAG, headers={"Content-Encoding": "gzip"})

    assert error_after_cut(cut_then(server, then, etag=ETAG)) == "changed"


def test_server_without_ranges_says_so(server: ScriptedServer) -> None:
    def then(exchange: Exchange) -> None:
        exchange.reply(200, DATA, {"ETag": ETAG})

    source = cut_then(server, then, etag=ETAG)
    source.open()
    error = failure_of(lambda: read_on(source))
    assert error.code == "interrupted"
    assert "does not support ranges" in error.problem
    source.close()


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_validator_nothing_is_asked_for(server: ScriptedServer, etag: str | None) -> None:
    source = cut_then(server, lambda exchange: exchange.file(DATA, etag=etag), etag=etag)
    assert error_after_cut(source) == "interrupted"
    assert len(server.requests) == 1


def test_date_of_this_very_second_is_no_validator(server: ScriptedServer) -> None:
    def script(exchange: Exchange) -> None:
        # RFC 9110 8.8.2.2: a file changed in the second it was served may change again in that second.
        now = formatdate(usegmt=True)
        exchange.head(200, {"Date": now, "Last-Modified": now, "Content-Length": str(len(DATA))}, dated=False)
        exchange.send(DATA[:CUT])
        exchange.hang_up()

    assert error_after_cut(http(server.script("/a", script))) == "interrupted"
    assert len(server.requests) == 1, "it is not even tried"


def test_wrong_part_of_the_file_is_not_taken(server: ScriptedServer) -> None:
    def then(exchange: Exchange) -> None:
        exchange.head(
            206,
            {
                "Content-Length": "1000",
                "Content-Range": f"bytes {CUT - 1000}-{CUT - 1}/{len(DATA)}",
                "ETag": ETAG,
            },
        )
        exchange.send(DATA[CUT - 1000 : CUT])

    assert error_after_cut(cut_then(server, then, etag=ETAG)) == "protocol"


@pytest.mark.parametrize("content_range", ["", "bytes 1-2", "bytes */300000", "chapters 1-2/3", "bytes 9-1/x"])
def test_part_without_a_place_is_not_taken(server: ScriptedServer, content_range: str) -> None:
    def then(exchange: Exchange) -> None:
        exchange.head(206, {"Content-Length": "5", "Content-Range": content_range, "ETag": ETAG})
        exchange.send(b"hello")

    assert error_after_cut(cut_then(server, then, etag=ETAG)) == "protocol"


def test_parts_shorter_than_asked_for_are_put_together(server: ScriptedServer) -> None:
    def then(exchange: Exchange) -> None:
        first = int(exchange.headers["range"].removeprefix("bytes=").removesuffix("-"))
        last = min(first + 49_999, len(DATA) - 1)
        exchange.head(
            206,
            {
                "Content-Length": str(last + 1 - first),
                "Content-Range": f"bytes {first}-{last}/{len(DATA)}",
                "ETag": ETAG,
            },
        )
        exchange.send(DATA[first : last + 1] + b"and something that belongs to nothing")
        exchange.hang_up()

    assert read_all(cut_then(server, then, etag=ETAG)) == DATA


def test_length_that_was_a_lie_is_found_out(server: ScriptedServer) -> None:
    def script(exchange: Exchange) -> None:
        if exchange.number == 0:
            exchange.head(200, {"Content-Length": str(len(DATA)), "ETag": ETAG})
            exchange.send(DATA[:CUT])
            exchange.hang_up()
        else:
            exchange.file(DATA[:CUT], etag=ETAG)

    assert error_after_cut(http(server.script("/a", script))) == "changed"


def chunked_cut(exchange: Exchange, *, whole: bool) -> None:
    """Chunks up to CUT, or all of them, without the last, empty one."""
    exchange.head(200, {"Transfer-Encoding": "chunked", "ETag": ETAG})
    end = len(DATA) if whole else CUT
    for start in range(0, end, 10_000):
        exchange.chunk(DATA[start : start + 10_000])
    exchange.hang_up()


def test_chunked_body_goes_on_as_a_range(server: ScriptedServer) -> None:
    def script(exchange: Exchange) -> None:
        if exchange.number == 0:
            chunked_cut(exchange, whole=False)
        else:
            exchange.file(DATA, etag=ETAG)

    source = http(server.script("/a", script))
    assert read_all(source) == DATA
    assert server.requests[1].headers["range"] == f"bytes={CUT}-"


def test_chunked_body_that_lost_only_its_end_mark_is_complete(server: ScriptedServer) -> None:
    def script(exchange: Exchange) -> None:
        if exchange.number == 0:
            chunked_cut(exchange, whole=True)
        else:
            exchange.file(DATA, etag=ETAG)

    assert read_all(http(server.script("/a", script))) == DATA


def test_loss_before_the_first_byte_starts_anew(server: ScriptedServer) -> None:
    def script(exchange: Exchange) -> None:
        exchange.file(DATA, drop_after=0 if exchange.number == 0 else None)

    assert read_all(http(server.script("/a", script))) == DATA
    assert "range" not in server.requests[1].headers


def test_file_that_changes_before_the_first_byte_is_an_error(server: ScriptedServer) -> None:
    # Its identity and size were told when it was opened.
    def script(exchange: Exchange) -> None:
        if exchange.number == 0:
            exchange.file(DATA, etag=ETAG, drop_after=0)
        else:
            exchange.file(OTHER, etag='"v2"')

    source = http(server.script("/a", script))
    source.open()
    assert failure_of(lambda: read_on(source)).code == "changed"
    source.close()


def test_redirect_is_taken_again_to_go_on(server: ScriptedServer) -> None:
    def end(exchange: Exchange) -> None:
        exchange.file(DATA, etag=ETAG, drop_after=CUT if exchange.number == 0 else None)

    server.script("/end", end)
    url = server.script("/a", lambda exchange: exchange.reply(302, headers={"Location": "/end"}))
    assert read_all(http(url)) == DATA
    assert [request.path for request in server.requests] == ["/a", "/end", "/a", "/end"]
