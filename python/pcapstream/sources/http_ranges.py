"""Several range requests at a time, handed over in order, with a bounded number of segments in memory.

Worth it against a limit per connection or a long way to the server, not for speed on a near one. The connections are
kept and used again, so bodies go through httpx2's parser here.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence

from pcapstream.errors import SourceError
from pcapstream.sources.http_client import Client, Reply, Version
from pcapstream.sources.http_retry import Attempts, Wanted, fetch
from pcapstream.sources.http_stream import Dropped

_JOIN_SECONDS = 5.0


class _Segment:
    """Bytes `first` to `first + size` of the file; `filled` of them are here, `taken` of those were handed over."""

    def __init__(self, first: int, size: int, room: bytearray) -> None:
        self.first = first
        self.size = size
        self.room = room
        self.filled = 0
        self.taken = 0
        self.failure: BaseException | None = None


class RangeReader:
    """As many threads as `attempts`, each fetching the next segment that nobody has; one more may lie ready.

    first_reply: to the request for the first segment. Memory: (threads + 1) x segment_bytes.
    """

    def __init__(
        self,
        client: Client,
        version: Version,
        first_reply: Reply,
        attempts: Sequence[Attempts],
        segment_bytes: int,
    ) -> None:
        assert version.size is not None
        self._client = client
        self._version = version
        self._size = version.size
        self._segment_bytes = segment_bytes
        self._first_reply: Reply | None = first_reply
        self._changed = threading.Condition()
        self._waiting: list[_Segment] = []
        """Segments being fetched or not all handed over, in the order of the file."""
        self._next = 0
        self._rooms: list[bytearray] = []
        self._most = len(attempts) + 1
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._work, args=(own,), name=f"pcapstream-range-{number}", daemon=True)
            for number, own in enumerate(attempts)
        ]
        for thread in self._threads:
            thread.start()

    def read_into(self, buffer: memoryview) -> int:
        """What is there of the next segment, waiting for its first byte. 0: the end of the file. Raises SourceError."""
        with self._changed:
            while True:
                if not self._waiting and self._next >= self._size:
                    return 0
                segment = self._waiting[0] if self._waiting else None
                if segment is not None and segment.taken < segment.filled:
                    break
                if segment is not None and segment.failure is not None:
                    raise segment.failure
                # A cancelled worker reports its failure, so this wait ends with it.
                self._changed.wait()
        got = min(len(buffer), segment.filled - segment.taken)
        buffer[:got] = memoryview(segment.room)[segment.taken : segment.taken + got]
        segment.taken += got
        if segment.taken == segment.size:
            with self._changed:
                self._waiting.pop(0)
                self._rooms.append(segment.room)
                self._changed.notify_all()
        return got

    def close(self) -> None:
        """Ends the threads; whatever they wait for must have been cancelled."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)
        if self._first_reply is not None:
            self._first_reply.close()

    def _work(self, attempts: Attempts) -> None:
        while (segment := self._take()) is not None:
            try:
                self._fetch(segment, attempts)
            except BaseException as failure:
                with self._changed:
                    segment.failure = failure
                    self._stopped = True
                    self._changed.notify_all()

    def _take(self) -> _Segment | None:
        """The next segment to fetch, when there is room for it. None: no more."""
        with self._changed:
            while not self._stopped and self._next < self._size:
                if len(self._waiting) < self._most:
                    size = min(self._segment_bytes, self._size - self._next)
                    room = self._rooms.pop() if self._rooms else bytearray(self._segment_bytes)
                    segment = _Segment(self._next, size, room)
                    self._next += size
                    self._waiting.append(segment)
                    return segment
                self._changed.wait()
            return None

    def _fetch(self, segment: _Segment, attempts: Attempts) -> None:
        reply = None
        if segment.first == 0:
            reply, self._first_reply = self._first_reply, None
        room = memoryview(segment.room)[: segment.size]
        try:
            while segment.filled < segment.size:
                if reply is None:
                    first = segment.first + segment.filled
                    last = segment.first + segment.size - 1
                    reply = fetch(self._client, Wanted(first, last, self._version, keep=True), attempts)
                    if reply is None:
                        raise SourceError("changed", "the file on the server became shorter while it was read")
                try:
                    got = reply.read_into(room[segment.filled :])
                    if got == 0:
                        raise Dropped("the server sent less than it was asked for")
                except Dropped as failure:
                    reply.close()
                    reply = None
                    attempts.failed(failure, segment.first + segment.filled)
                    continue
                attempts.progressed()
                with self._changed:
                    segment.filled += got
                    self._changed.notify_all()
            if reply is not None:
                # Takes the end of the body off the connection, which makes it free for the next request.
                with contextlib.suppress(Dropped):
                    reply.read_into(memoryview(bytearray(1)))
        finally:
            room.release()
            if reply is not None:
                reply.close()
