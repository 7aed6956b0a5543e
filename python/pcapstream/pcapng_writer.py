"""Writes packets as pcapng, so that what was found can be opened in Wireshark.

Section header, one interface for each link type, enhanced packets with nanosecond times:
draft-ietf-opsawg-pcapng sections 4.1 to 4.3.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

_SECTION = 0x0A0D0D0A
_INTERFACE = 1
_PACKET = 6
_NANOSECONDS = b"\x09\x00\x01\x00\x09\x00\x00\x00" + b"\x00\x00\x00\x00"
"""Option if_tsresol = 10**-9, and the end of options."""


def create(path: str) -> BinaryIO:
    """A new file that only its owner reads. Raises FileExistsError, OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    return os.fdopen(descriptor, "wb", buffering=1 << 20)


class PcapngWriter:
    """Frames one after the other; interfaces are written when a link type comes first."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._interfaces: dict[int, int] = {}
        self.frames = 0
        self._block(_SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))

    def write(self, link_type: int, time_ns: int | None, data: bytes, wire_bytes: int) -> None:
        """time_ns: None, or before 1970, becomes 1970."""
        interface = self._interfaces.get(link_type)
        if interface is None:
            interface = self._interfaces[link_type] = len(self._interfaces)
            self._block(_INTERFACE, struct.pack("<HHI", link_type, 0, 0) + _NANOSECONDS)
        time = max(time_ns or 0, 0)
        head = struct.pack("<IIIII", interface, time >> 32, time & 0xFFFFFFFF, len(data), max(wire_bytes, len(data)))
        self._block(_PACKET, head + data + bytes(-len(data) % 4))
        self.frames += 1

    def _block(self, kind: int, body: bytes) -> None:
        total = 12 + len(body)
        self._out.write(struct.pack("<II", kind, total) + body + struct.pack("<I", total))
