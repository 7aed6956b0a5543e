"""What the tests of sources share."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pcapstream.errors import SourceError
from pcapstream.sources.base import Source
from pcapstream.sources.http import HttpSource, Retry
from pcapstream.sources.policy import Policy

WAIT = 30.0
"""Seconds after which a wait that should have ended is a failure."""

LOCAL = Policy(allow_private_urls=True)
"""The test servers listen on loopback."""

AT_ONCE = Retry(first_seconds=0.0, max_seconds=0.0)
"""Tries again without waiting."""


def some_bytes(count: int, seed: int = 1) -> bytes:
    """The same for the same seed; no two places alike, so that a byte out of its place shows."""
    return random.Random(seed).randbytes(count)


def http(url: str, policy: Policy = LOCAL, *, retry: Retry = AT_ONCE, **more: Any) -> HttpSource:
    return HttpSource(url, policy, retry=retry, **more)


def read_all(source: Source, block: int = 65536) -> bytes:
    """Open, read to the end, close."""
    source.open()
    try:
        return read_on(source, block)
    finally:
        source.close()


def read_on(source: Source, block: int = 65536) -> bytes:
    """What is left of an open source."""
    room = memoryview(bytearray(block))
    parts = []
    while got := source.read(room):
        assert got <= block
        parts.append(bytes(room[:got]))
    assert source.read(room) == 0, "the end is the end"
    return b"".join(parts)


def read_exactly(source: Source, count: int) -> bytes:
    """The next `count` bytes."""
    room = memoryview(bytearray(count))
    filled = 0
    while filled < count:
        got = source.read(room[filled:])
        assert got, f"ended after {filled} of {count} bytes"
        filled += got
    return bytes(room)


def failure_of(action: Callable[[], object]) -> SourceError:
    """The SourceError that `action` raises."""
    with pytest.raises(SourceError) as caught:
        action()
    return caught.value


class Background:
    """An action in a thread of its own, and what became of it."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.error: BaseException | None = None
        self.value: object = None
        self._action = action
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.value = self._action()
        except BaseException as error:
            self.error = error

    def finished(self) -> None:
        """Wait for its end."""
        self._thread.join(WAIT)
        assert not self._thread.is_alive(), "did not end"
