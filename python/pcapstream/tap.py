"""The hand-over of packet headers from the decoder thread to code on an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pcapstream._core import Batch, Packet

_WAITING = 2
"""Lists held while the consumer is at work: the next one is decoded meanwhile, more would only be memory."""


class Tap:
    """A bounded queue: the decoder thread waits in `put` while it is full, one task iterates. Made on the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._filled = asyncio.Event()
        self._changed = threading.Condition()
        self._lists: deque[list[Packet]] = deque()
        self._ended = False
        self._closed = False

    def put(self, batch: Batch) -> None:
        """Decoder thread: hands the packets over; drops them once the tap is closed."""
        if self._closed:
            return
        packets = batch.packets
        if not packets:
            return
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._lists) < _WAITING)
            if self._closed:
                return
            self._lists.append(packets)
        self._wake()

    def end(self) -> None:
        """Nothing more will come: the iteration ends behind what is there."""
        with self._changed:
            self._ended = True
        self._wake()

    def close(self) -> None:
        """Nobody will take any more: lets the decoder thread go on."""
        with self._changed:
            self._closed = True
            self._lists.clear()
            self._changed.notify_all()

    def _wake(self) -> None:
        # The loop may be closed already: then nobody waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._filled.set)

    async def __aiter__(self) -> AsyncIterator[list[Packet]]:
        while True:
            with self._changed:
                packets = self._lists.popleft() if self._lists else None
                if packets is None:
                    if self._ended or self._closed:
                        return
                    self._filled.clear()
                self._changed.notify_all()
            if packets is None:
                await self._filled.wait()
            else:
                yield packets
