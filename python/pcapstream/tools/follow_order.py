"""The segments of a TCP connection in order: which bytes each brought, and where some are missing."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of one direction that one frame brought, or a gap in front of them."""

    frame: int
    to_server: bool
    offset: int
    """In its direction, bytes since its start; gaps count."""
    data: bytes
    gap: int = 0
    """Bytes that are missing here; `data` is then empty."""


@dataclass(slots=True)
class _Side:
    """One direction. Sequence numbers are taken modulo 2**32."""

    next: int | None = None
    offset: int = 0
    waiting: list[_Held] = field(default_factory=list)
    """A heap of segments ahead of a gap, the nearest first."""
    repeated: int = 0
    begins: int = 0
    """How often a SYN moved the start."""


_Held = tuple[int, int, int, int, bytes]
"""(offset in the stream, frame, place among those held, bytes on the wire, bytes captured)"""
_MAX_BEGINS = 16
"""SYNs in front of the first byte that move the start: a hostile capture sends no end of them."""


def _ahead(seq: int, of: int) -> int:
    """How far seq is ahead; negative behind."""
    distance = (seq - of) & 0xFFFFFFFF
    return distance - 2**32 if distance >= 2**31 else distance


class TcpFollower:
    """Puts the segments of one connection in order."""

    def __init__(self) -> None:
        self._sides = (_Side(), _Side())
        self._held = 0

    @property
    def repeated_bytes(self) -> int:
        """Bytes that came more than once."""
        return sum(side.repeated for side in self._sides)

    def segment(
        self, frame: int, to_server: bool, seq: int, ack: int | None, syn: bool, length: int, data: bytes
    ) -> Iterator[Piece]:
        """length: bytes of the segment on the wire; data may be cut."""
        if ack is not None:
            yield from self._acknowledged(frame, not to_server, ack)
        side = self._sides[to_server]
        if side.next is None or (syn and not side.offset and side.begins < _MAX_BEGINS):
            # Also where an old connection's last segment came in front of the SYN.
            self._begin(side, (seq + syn) & 0xFFFFFFFF)
        seq += syn
        if not length:
            return
        ahead = _ahead(seq, side.next or 0)
        if ahead > 0:
            self._held += 1
            heapq.heappush(side.waiting, (side.offset + ahead, frame, self._held, length, data))
            return
        yield from self._take(side, to_server, frame, -ahead, length, data)
        yield from self._drain(side, to_server)

    def _begin(self, side: _Side, seq: int) -> None:
        if side.next is not None and side.next != seq:
            moved = _ahead(side.next, seq)
            side.waiting = [(held[0] + moved, *held[1:]) for held in side.waiting]
            side.begins += 1
        side.next = seq

    def finish(self) -> Iterator[Piece]:
        """What waits still, behind gaps that nobody acknowledged; Wireshark leaves it out."""
        for to_server in (True, False):
            side = self._sides[to_server]
            while side.waiting:
                yield from self._pass_gap(side, to_server)

    def _take(self, side: _Side, to_server: bool, frame: int, known: int, length: int, data: bytes) -> Iterator[Piece]:
        side.repeated += min(known, length)
        if known >= length:
            return
        new = data[known:]
        if new:
            yield Piece(frame, to_server, side.offset, new)
        missing = length - known - len(new)
        if missing:
            yield Piece(frame, to_server, side.offset + len(new), b"", missing)
        side.offset += length - known
        side.next = ((side.next or 0) + length - known) & 0xFFFFFFFF

    def _drain(self, side: _Side, to_server: bool) -> Iterator[Piece]:
        # Ends: each turn removes a segment.
        while side.waiting and side.waiting[0][0] <= side.offset:
            at, frame, _, length, data = heapq.heappop(side.waiting)
            yield from self._take(side, to_server, frame, side.offset - at, length, data)

    def _pass_gap(self, side: _Side, to_server: bool) -> Iterator[Piece]:
        frame, missing = side.waiting[0][1], side.waiting[0][0] - side.offset
        yield Piece(frame, to_server, side.offset, b"", missing)
        side.offset += missing
        side.next = ((side.next or 0) + missing) & 0xFFFFFFFF
        yield from self._drain(side, to_server)

    def _acknowledged(self, frame: int, to_server: bool, ack: int) -> Iterator[Piece]:
        """The receiver has bytes that are not in the capture."""
        side = self._sides[to_server]
        while side.waiting and side.next is not None:
            if _ahead(ack, side.next) <= side.waiting[0][0] - side.offset:
                return
            yield from self._pass_gap(side, to_server)
