"""The hand-over of packet headers from the decoder thread to code on an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pcapstream._core import Batch, Packet

_WAITING = 2
"""Lists held while the consumer is at work: the next one is decoded meanwhile, more would only be memory."""


class Tap:
    """A bounded queue: the pass waits while it is full, one task iterates. Made on the event loop of that task.

    on_room: called when the pass may go on, in the loop's thread.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._filled = asyncio.Event()
        self._lock = threading.Lock()
        self._lists: deque[list[Packet]] = deque()
        self._ended = False
        self._closed = False
        self.on_room: Callable[[], None] | None = None

    def put(self, batch: Batch, /) -> None:
        """Decoder thread: hands the packets over; drops them once the tap is closed."""
        if self._closed:
            return
        packets = batch.packets
        if packets:
            with self._lock:
                if not self._closed:
                    self._lists.append(packets)
            # The loop may be closed already: then nobody waits.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._filled.set)

    def full(self) -> bool:
        return len(self._lists) >= _WAITING

    def end(self) -> None:
        """On the loop: nothing more will come, the iteration ends behind what is there."""
        self._ended = True
        self._filled.set()

    def close(self) -> None:
        """On the loop: nobody will take any more."""
        with self._lock:
            self._closed = True
            self._lists.clear()
        self._filled.set()
        self._room()

    def _room(self) -> None:
        if self.on_room is not None:
            self.on_room()

    async def __aiter__(self) -> AsyncIterator[list[Packet]]:
        while True:
            self._filled.clear()
            while self._lists:
                packets = self._lists.popleft()
                self._room()
                yield packets
            if self._ended or self._closed:
                return
            await self._filled.wait()
