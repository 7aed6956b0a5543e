"""Waiting that another thread can end: for a socket, for a time, for a call that cannot be interrupted.

Everything that blocks in the http source blocks here, so that one `cancel` ends it at once, whatever it waits for:
the name, the connection, the handshake, the headers, the body, or the time before the next try.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from pcapstream.errors import SourceError

T = TypeVar("T")


class Waiter:
    """Shared by all connections of one source. Any thread may `cancel`; any number may wait.

    total_seconds: from `start` on, everything must be done by then.
    """

    def __init__(self, total_seconds: float) -> None:
        self._total_seconds = total_seconds
        self._ends_at = float("inf")
        self._cancelled = False
        self._changed = threading.Condition()
        # Written once and never read: it stays readable, so each thread that polls it wakes, now and later.
        self._wake_read = self._wake_write = -1
        self._open = False

    def start(self) -> None:
        """Before any waiting: let the total time run from now."""
        self._ends_at = time.monotonic() + self._total_seconds
        with self._changed:
            if not self._open:
                self._wake_read, self._wake_write = os.pipe()
                self._open = True
            if self._cancelled:
                os.write(self._wake_write, b"x")

    def check(self) -> None:
        """Raises SourceError: cancelled, timeout (the total one)."""
        if self._cancelled:
            raise SourceError("cancelled", "reading was cancelled")
        if time.monotonic() >= self._ends_at:
            raise SourceError("timeout", f"the server did not send it all within {self._total_seconds:g} seconds")

    def deadline(self, seconds: float) -> float:
        """The monotonic time `seconds` from now, or the end of the total time if that is sooner."""
        return min(time.monotonic() + seconds, self._ends_at)

    def for_socket(self, descriptor: int, events: int, until: float) -> bool:
        """Wait for `events` (select.POLLIN ...) or an error of a socket. False: it is `until` and nothing happened.

        Raises SourceError: cancelled, timeout.
        """
        poll = select.poll()
        poll.register(descriptor, events)
        poll.register(self._wake_read, select.POLLIN)
        while True:
            left = min(until, self._ends_at) - time.monotonic()
            # Rounded up, or the last part of a millisecond would be spent spinning.
            ready = poll.poll(max(0, int(left * 1000) + 1)) if left > 0 else poll.poll(0)
            if self._cancelled:
                self.check()
            if any(found == descriptor for found, _ in ready):
                return True
            if time.monotonic() >= min(until, self._ends_at):
                self.check()
                return False

    def pause(self, seconds: float) -> None:
        """Do nothing for that long. Raises SourceError: cancelled, timeout."""
        until = self.deadline(seconds)
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled, max(0.0, until - time.monotonic()))
        self.check()

    def call(self, function: Callable[[], T], seconds: float) -> T:
        """The result of a blocking function that cannot be interrupted, run in a thread of its own.

        On cancel and after `seconds` the caller goes on and the thread is left to end by itself.
        Raises what `function` raises; TimeoutError; SourceError: cancelled, timeout.
        """
        results: list[T] = []
        failures: list[BaseException] = []

        def run() -> None:
            try:
                results.append(function())
            except BaseException as failure:
                failures.append(failure)
            with self._changed:
                self._changed.notify_all()

        until = self.deadline(seconds)
        threading.Thread(target=run, name="pcapstream-resolve", daemon=True).start()
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled or results or failures, max(0.0, until - time.monotonic()))
        self.check()
        if failures:
            raise failures[0]
        if not results:
            raise TimeoutError
        return results[0]

    def cancel(self) -> None:
        with self._changed:
            self._cancelled = True
            if self._open:
                with contextlib.suppress(OSError):
                    os.write(self._wake_write, b"x")
            self._changed.notify_all()

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def close(self) -> None:
        """No one may wait any more."""
        with self._changed:
            if self._open:
                self._open = False
                os.close(self._wake_read)
                os.close(self._wake_write)
