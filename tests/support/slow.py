"""Captures that arrive as slowly as a test wants."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.http_server import Exchange, ScriptedServer


class Pipe:
    """A named pipe that a test writes a capture into. The reader sees no end before `close`."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        # Read and write: opening does not wait for the reader, and the reader sees no end of file.
        self._writer = os.open(path, os.O_RDWR)

    def write(self, data: bytes) -> None:
        os.write(self._writer, data)

    def close(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1


@contextmanager
def pipe(path: Path) -> Iterator[Pipe]:
    made = Pipe(path)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def half_served(data: bytes) -> Iterator[tuple[str, threading.Event]]:
    """A URL that gives the first half of `data` at once, and the rest when the event is set."""
    rest = threading.Event()
    half = len(data) // 2

    def script(exchange: Exchange) -> None:
        exchange.head(200, {"Content-Length": str(len(data)), "ETag": '"one"'})
        exchange.send(data[:half])
        rest.wait(30)
        exchange.send(data[half:])

    with ScriptedServer() as server:
        server.script("/slow.pcap", script)
        try:
            yield server.url("/slow.pcap"), rest
        finally:
            rest.set()
