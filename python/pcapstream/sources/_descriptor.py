"""Reading a pipe so that another thread can end it: the wait is on the pipe and on a wake-up pipe of our own."""

from __future__ import annotations

import contextlib
import os
import select
import threading

from pcapstream.errors import SourceError


class PipeReader:
    """Blocking, cancellable reads of a file descriptor that can be polled (pipe, FIFO, socket, terminal).

    The descriptor stays the caller's: `close` lets go of the wake-up pipe only.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._wake_read, self._wake_write = os.pipe()
        self._open = True
        self._cancelled = False
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._poll.register(self._wake_read, select.POLLIN)

    def read(self, buffer: memoryview) -> int:
        """Fill `buffer` as far as the writer keeps up: at least one byte, 0 at the end.

        Gathers more only as long as more is ready, so that a slow writer's packets are seen as they come and a fast
        one's make whole buffers.
        """
        filled = 0
        while filled < len(buffer):
            ready = self._poll.poll(None if filled == 0 else 0)
            if self._cancelled:
                raise SourceError("cancelled", "reading was cancelled")
            if not ready:
                break
            try:
                got = os.readv(self._descriptor, [buffer[filled:]])
            except BlockingIOError:
                # Another reader of the same pipe took the bytes between poll and read.
                if filled:
                    break
                continue
            if got == 0:
                break
            filled += got
        return filled

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._open:
                with contextlib.suppress(BlockingIOError):
                    os.write(self._wake_write, b"x")

    def close(self) -> None:
        with self._lock:
            if self._open:
                self._open = False
                os.close(self._wake_read)
                os.close(self._wake_write)
