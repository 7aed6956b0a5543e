"""Writes packets as pcapng, so that what was found can be opened in Wireshark.

Section header, interfaces as they are needed, enhanced packets with nanosecond times:
draft-ietf-opsawg-pcapng sections 4.1 to 4.3. Comments, names and secrets of the capture are not copied.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pcapstream._core import Batch, Row

_SECTION = 0x0A0D0D0A
_INTERFACE = 1
_PACKET = 6
_END_OF_OPTIONS = b"\x00\x00\x00\x00"
_NAME = 2
_DESCRIPTION = 3
_RESOLUTION = 9
_NANOSECONDS = b"\x09"

Interface = tuple[int, int, str | None, str | None]
"""Link type, snapshot length, name, description."""


def create(path: str, *, dir_fd: int | None = None) -> BinaryIO:
    """A new file that only its owner reads. Raises FileExistsError, OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    return os.fdopen(os.open(path, flags, 0o600, dir_fd=dir_fd), "wb", buffering=1 << 20)


class PcapngWriter:
    """Frames one after the other; an interface is written in front of its first packet."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._known: list[Interface] = []
        """Those of the capture, by their number there."""
        self._written: dict[tuple[int | None, int], int] = {}
        """Number here, by number there and link type."""
        self.frames = 0
        self.size = 0
        self._block(_SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))

    def learn(self, batch: Batch) -> None:
        """What interfaces there are; in front of the rows of the batch."""
        self._known += batch.interfaces

    def write(self, row: Row) -> None:
        """A packet without a time, or from before 1970, gets the time 0. What is no packet is left out."""
        if not row.is_packet:
            return
        data = row.front + (row.data or b"")
        wire_bytes = len(row.front) + row.wire_bytes
        time = max(row.time_ns or 0, 0)
        interface = self._interface(row.interface, row.link_type)
        head = struct.pack("<IIIII", interface, time >> 32, time & 0xFFFFFFFF, len(data), wire_bytes)
        self._block(_PACKET, head + data + bytes(-len(data) % 4))
        self.frames += 1

    def room_for(self, row: Row) -> int:
        """Most bytes that writing it takes."""
        return len(row.front) + row.captured_bytes + 4_200

    def _interface(self, number: int | None, link_type: int) -> int:
        key = number, link_type
        known = self._written.get(key)
        if known is not None:
            return known
        snaplen, name, description = 0, None, None
        if number is not None and number < len(self._known):
            _, snaplen, name, description = self._known[number]
        options = _option(_RESOLUTION, _NANOSECONDS)
        if name:
            options += _option(_NAME, name.encode("utf-8"))
        if description:
            options += _option(_DESCRIPTION, description.encode("utf-8"))
        self._block(_INTERFACE, struct.pack("<HHI", link_type, 0, snaplen) + options + _END_OF_OPTIONS)
        self._written[key] = len(self._written)
        return self._written[key]

    def _block(self, kind: int, body: bytes) -> None:
        total = 12 + len(body)
        self._out.write(struct.pack("<II", kind, total) + body + struct.pack("<I", total))
        self.size += total


def _option(code: int, value: bytes) -> bytes:
    value = value[:2_000]
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)
