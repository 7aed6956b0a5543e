"""Where the packets of a capture begin and end: what it takes to cut a recording without cutting a packet.

Only captures of programs on this machine come by here: pcap and pcapng in either byte order. Everything about their
contents is the decoder's.
"""

from __future__ import annotations

import struct

MAX_BLOCK_BYTES = 512 << 10
"""A packet of `SNAP_BYTES` with its options is half of that."""

_SECTION = b"\x0a\x0d\x0d\x0a"
_SECTION_HEADERS = (0x0A0D0D0A, 1)
"""Blocks before the packets of a section: section header, interface descriptions."""


class NotACapture(ValueError):
    """The bytes are neither pcap nor pcapng."""


class Blocks:
    """Walks the blocks (pcapng) or records (pcap) of one capture, which come in order."""

    def __init__(self) -> None:
        self.header = b""
        """What every file of the capture has to begin with: grows until the first packet."""
        self._in_header = True
        self._length: struct.Struct | None = None
        self._at = 0
        self._more = 0
        self._least = 0

    def whole(self, view: memoryview) -> int:
        """How many bytes of `view`, which begins with a block, are whole blocks; of the first bytes of a pcap capture
        only its header. Raises NotACapture."""
        if self._length is None:
            if len(view) < 24:
                return 0
            start = self._begin(view)
            if start:
                return start
        end = self.fitting(view, len(view))
        if self._in_header and end:
            self._keep_header(view[:end])
        return end

    def fitting(self, view: memoryview, most: int) -> int:
        """As `whole`, for the blocks that fit into `most` bytes. Not for the first bytes of a capture."""
        assert self._length is not None
        read, at, more, least = self._length.unpack_from, self._at, self._more, self._least
        end = min(most, len(view))
        last = end - least
        start = 0
        while start <= last:
            block = read(view, start + at)[0] + more
            if block < least or block > MAX_BLOCK_BYTES:
                raise NotACapture
            if start + block > end:
                break
            start += block
        return start

    def first(self, view: memoryview) -> int:
        """Length of the block that `view` begins with."""
        assert self._length is not None
        return int(self._length.unpack_from(view, self._at)[0]) + self._more

    def _begin(self, view: memoryview) -> int:
        """Learns the format from the first 24 bytes; gives the length of a header that is no block."""
        magic = bytes(view[:4])
        if magic == _SECTION:
            order = "<" if bytes(view[8:12]) == b"\x4d\x3c\x2b\x1a" else ">"
            # type, length ...
            self._length, self._at, self._more, self._least = struct.Struct(order + "I"), 4, 0, 12
            return 0
        for order in "<>":
            if struct.unpack(order + "I", magic)[0] in (0xA1B2C3D4, 0xA1B23C4D):
                # seconds, fraction, captured length ...
                self._length, self._at, self._more, self._least = struct.Struct(order + "I"), 8, 16, 16
                self.header, self._in_header = bytes(view[:24]), False
                return 24
        raise NotACapture

    def _keep_header(self, view: memoryview) -> None:
        """Section header and interfaces, up to the first other block."""
        assert self._length is not None
        start = 0
        while start < len(view):
            if self._length.unpack_from(view, start)[0] not in _SECTION_HEADERS:
                self._in_header = False
                break
            start += self._length.unpack_from(view, start + 4)[0]
        self.header += bytes(view[:start])
