"""Sources that a test drives step by step."""

from __future__ import annotations

import threading
from collections import deque

from pcapstream.errors import SourceError


class GatedSource:
    """Gives what `give` was handed, in any number of pieces, and blocks for more until `end` or `fail`.

    asked: set while a read waits for more. closed: set by close.
    """

    def __init__(self, *, name: str = "gated", identity: str | None = None, size: int | None = None) -> None:
        self.name = name
        self.identity = identity
        self.size = size
        self.bytes_fetched = 0
        self.opened = 0
        self.asked = threading.Event()
        self.closed = threading.Event()
        self.reads_after_cancel = 0
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._ended = False
        self._cancelled = False
        self._failure: SourceError | None = None

    def give(self, *pieces: bytes) -> None:
        with self._changed:
            self.asked.clear()
            self._pieces.extend(pieces)
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def fail(self, error: SourceError) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def open(self) -> None:
        self.opened += 1

    def read(self, buffer: memoryview, /) -> int:
        with self._changed:
            if self._cancelled:
                self.reads_after_cancel += 1
            while not self._pieces and not self._cancelled:
                if self._failure is not None:
                    raise self._failure
                if self._ended:
                    return 0
                self.asked.set()
                self._changed.wait()
            if self._cancelled:
                raise SourceError("cancelled", "reading was cancelled")
            piece = self._pieces.popleft()
            taken = piece[: len(buffer)]
            if len(piece) > len(taken):
                self._pieces.appendleft(piece[len(taken) :])
        buffer[: len(taken)] = taken
        self.bytes_fetched += len(taken)
        return len(taken)

    def close(self) -> None:
        self.closed.set()

    def cancel(self) -> None:
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()
