"""The cut between head and body, wherever the network cuts."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from pcapstream.sources.http_stream import SocketStream
from pcapstream.sources.http_wait import Waiter
from pcapstream.sources.policy import Policy

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX: \r \n\r\n"
BODY = b"\r\n\r\nbody\n\n\r\n"


@pytest.fixture
def ends() -> Iterator[tuple[SocketStream, socket.socket]]:
    here, there = socket.socketpair()
    here.setblocking(False)
    waiter = Waiter(30)
    waiter.start()
    stream = SocketStream(here, waiter, Policy(read_seconds=10), float("inf"))
    yield stream, there
    stream.close()
    there.close()
    waiter.close()


def head_of(stream: SocketStream, there: socket.socket, pieces: list[bytes], size: int) -> bytes:
    """What the parser is given until it has as much as a head, each piece sent when the one before has been read."""
    given = b""
    for piece in pieces:
        there.sendall(piece)
        if len(given) < size:
            given += stream.read(65536)
    while len(given) < size:
        given += stream.read(65536)
    return given


@pytest.mark.parametrize("head", [HEAD, HEAD.replace(b"\r\n", b"\n"), HEAD[:-2] + b"\n"])
def test_parser_gets_the_head_and_not_a_byte_of_the_body(ends: tuple[SocketStream, socket.socket], head: bytes) -> None:
    stream, there = ends
    everything = head + BODY
    room = memoryview(bytearray(100))
    for cut in range(len(everything) + 1):
        # A request starts a new head each time, as on a connection that is used again.
        stream.write(b"x")
        assert there.recv(10) == b"x"
        assert head_of(stream, there, [p for p in (everything[:cut], everything[cut:]) if p], len(head)) == head
        stream.begin_body()
        body = b""
        while len(body) < len(BODY):
            body += bytes(room[: stream.read_into(room[: len(BODY) - len(body)])])
        assert body == BODY


def test_byte_by_byte(ends: tuple[SocketStream, socket.socket]) -> None:
    stream, there = ends
    stream.write(b"x")
    pieces = [bytes([value]) for value in HEAD + BODY]
    assert head_of(stream, there, pieces, len(HEAD)) == HEAD
    stream.begin_body()
    assert b"".join(stream.read(5) for _ in range(3)) == BODY


def test_interim_answers_are_heads_of_their_own(ends: tuple[SocketStream, socket.socket]) -> None:
    stream, there = ends
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    stream.write(b"x")
    there.sendall(interim + interim + HEAD + BODY)
    assert [stream.read(65536) for _ in range(3)] == [interim, interim, HEAD]
    stream.begin_body()
    assert stream.read(65536) == BODY


def test_end_of_the_connection(ends: tuple[SocketStream, socket.socket]) -> None:
    stream, there = ends
    stream.write(b"x")
    there.sendall(HEAD + b"ab")
    there.shutdown(socket.SHUT_WR)
    assert stream.read(65536) == HEAD
    stream.begin_body()
    room = memoryview(bytearray(100))
    assert stream.read_into(room) == 2
    assert stream.read_into(room) == 0
    assert stream.readable()
