"""Who is connected to: checked in the moment of the connection, at each redirect, and when a download goes on.

The servers are on loopback, so a server that saw nothing is a server that was not connected to.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence

import pytest

from pcapstream.errors import SourceError
from pcapstream.sources.http_stream import Candidate, system_resolver
from pcapstream.sources.policy import Policy
from tests.sources.helpers import LOCAL, failure_of, http, read_all, some_bytes
from tests.support.http_server import Exchange, ScriptedServer

DATA = some_bytes(200_000)
PUBLIC = Policy()


class OnlyFirstLoopback(Policy):
    """A policy to which 127.0.0.1 is public and all else is not, so that a test can have a server on each side."""

    def check_addresses(self, candidates: Iterable[tuple[int, str]], /) -> None:
        if any(address != "127.0.0.1" for _, address in candidates):
            raise SourceError("refused_address", "not that one")


class Names:
    """A resolver with a list of answers for each name; the last one stays. Keeps the names it was asked for."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(addresses) for name, addresses in answers.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[Candidate]:
        self.asked.append(host)
        answers = self._answers.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        now = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (socket.AF_INET6, (address, port, 0, 0)) if ":" in address else (socket.AF_INET, (address, port))
            for address in now
        ]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.0.1.",
        "2130706433",
        "017700000001",
        "0177.0.0.1",
        "0x7f000001",
        "0x7f.0x0.0x0.0x1",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "%6cocalhost",
        "127.0.0.1%2f@127.0.0.1",
        "example.org@127.0.0.1",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
    ],
)
def test_no_spelling_of_loopback_is_connected_to(server: ScriptedServer, host: str) -> None:
    server.script("/a", lambda exchange: exchange.file(DATA))
    error = failure_of(lambda: read_all(http(server.url("/a", host), PUBLIC)))
    assert error.code in ("refused_address", "bad_url", "dns")
    assert server.requests == []
    assert server.count_connection() == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost"])
def test_with_allow_private_urls_all_of_them_are(server: ScriptedServer, host: str) -> None:
    server.script("/a", lambda exchange: exchange.file(DATA))
    assert read_all(http(server.url("/a", host), LOCAL)) == DATA


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["fd00:ec2::254"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a9fe:a9fe"],
        ["100.64.0.1"],
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
        ["fe80::1"],
    ],
)
def test_name_with_any_inside_address_is_refused_with_one_text(server: ScriptedServer, addresses: list[str]) -> None:
    names = Names(capture_example=[addresses])
    error = failure_of(http(server.url("/a", "capture.example"), PUBLIC, resolver=names).open)
    assert (error.code, error.problem) == (
        "refused_address",
        "the URL leads to a private, local or reserved address",
    )
    assert names.asked == ["capture.example"], "no second look-up"
    assert server.count_connection() == 0


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1:{port}/inside", "http://localhost:{port}/inside", "http://[::1]:{port}/", "//127.0.0.1:{port}/"],
)
def test_redirect_to_an_inside_is_refused(server: ScriptedServer, location: str) -> None:
    # The first hop must be on loopback to be there at all: its name is one the policy takes for public.
    with ScriptedServer() as inner:
        inner.script("/inside", lambda exchange: exchange.file(DATA))
        target = location.format(port=inner.port)
        server.script("/a", lambda exchange: exchange.reply(302, headers={"Location": target}))

        class FirstHopOnly(Policy):
            def check_addresses(self, candidates: Iterable[tuple[int, str]], /) -> None:
                candidates = list(candidates)
                if candidates != [(socket.AF_INET, "127.0.0.1")] or names.asked[-1] != "capture.example":
                    super(FirstHopOnly, self).check_addresses(candidates)

        names = Names(capture_example=[["127.0.0.1"]], localhost=[["127.0.0.1"]])
        error = failure_of(http(server.url("/a", "capture.example"), FirstHopOnly(), resolver=names).open)
        assert error.code == "refused_address"
        assert len(server.requests) == 1
        assert inner.count_connection() == 0


def test_the_address_that_was_checked_is_the_one_connected_to(server: ScriptedServer) -> None:
    # A name that says 127.0.0.1 once and something else ever after: a second look-up would go astray.
    server.script("/a", lambda exchange: exchange.file(DATA))
    names = Names(capture_example=[["127.0.0.1"], ["127.0.0.9"]])
    assert read_all(http(server.url("/a", "capture.example"), OnlyFirstLoopback(), resolver=names)) == DATA
    assert names.asked == ["capture.example"]
    assert server.requests[0].headers["host"] == f"capture.example:{server.port}"


def test_name_that_turns_to_an_inside_before_a_download_goes_on(server: ScriptedServer) -> None:
    def drop_once(exchange: Exchange) -> None:
        exchange.file(DATA, etag='"1"', drop_after=1000 if exchange.number == 0 else None)

    server.script("/a", drop_once)
    names = Names(capture_example=[["127.0.0.1"], ["127.0.0.9"]])
    source = http(server.url("/a", "capture.example"), OnlyFirstLoopback(), resolver=names)
    source.open()
    error = failure_of(lambda: [source.read(memoryview(bytearray(4096))) for _ in range(100)])
    assert error.code == "refused_address"
    assert source.bytes_fetched == 1000
    assert len(server.requests) == 1
    source.close()


def test_next_address_is_tried_when_the_first_does_not_answer(server: ScriptedServer) -> None:
    server.script("/a", lambda exchange: exchange.file(DATA))
    # Nothing listens on 127.0.0.9: the server is bound to 127.0.0.1 only.
    names = Names(capture_example=[["127.0.0.9", "127.0.0.1"]])
    assert read_all(http(server.url("/a", "capture.example"), LOCAL, resolver=names)) == DATA


def test_unknown_name_is_told_without_the_words_of_a_library() -> None:
    error = failure_of(http("http://no-such-host.example/a", PUBLIC, resolver=Names()).open)
    assert (error.code, error.problem) == ("dns", "the name of the host is not known")


def test_name_server_that_fails_for_now_is_asked_again(server: ScriptedServer) -> None:
    server.script("/a", lambda exchange: exchange.file(DATA))
    asked = []

    def flaky(host: str, port: int) -> Sequence[Candidate]:
        asked.append(host)
        if len(asked) == 1:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return system_resolver("127.0.0.1", port)

    assert read_all(http(server.url("/a", "capture.example"), LOCAL, resolver=flaky)) == DATA
    assert len(asked) == 2


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "xn--a", "..", "a..b"])
def test_names_that_cannot_be_are_errors(host: str) -> None:
    assert failure_of(http(f"http://{host}/a", PUBLIC).open).code in ("dns", "bad_url")
