"""Frames and capture files from nothing but the standard library; the same input gives the same bytes.

Frames are built inside out: a transport function gives (IP protocol number, bytes), `ip` puts the network header and
the checksums on, `ethernet` the link header. All checksums are right.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import count

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
ETHERNET = 1
"""LINKTYPE_ETHERNET"""


def checksum(data: bytes) -> int:
    """Internet checksum, RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = int.from_bytes(data, "big") % 0xFFFF
    # The sum of 16-bit words is the number modulo 65535, where zero stands for 65535 unless all bytes are zero.
    if total == 0 and any(data):
        total = 0xFFFF
    return 0xFFFF - total


@dataclass(frozen=True)
class Host:
    """One end: an IPv4 or IPv6 address, and the MAC address in front of it."""

    address: str
    mac: str = "02:00:00:00:00:01"

    @property
    def packed(self) -> bytes:
        return ip_address(self.address).packed

    @property
    def packed_mac(self) -> bytes:
        return bytes.fromhex(self.mac.replace(":", ""))


def ip(source: Host, target: Host, protocol: int, segment: bytes, *, ident: int = 0, ttl: int = 64) -> bytes:
    """An IPv4 packet, or an IPv6 one where `source` has an IPv6 address, with the checksum of TCP, UDP or ICMP set."""
    a, b = source.packed, target.packed
    if protocol in (6, 17, 58):
        pseudo = a + b + struct.pack("!IHBB", len(segment), 0, 0, protocol)
        segment = _with_checksum(segment, {6: 16, 17: 6, 58: 2}[protocol], pseudo)
    elif protocol == 1:
        segment = _with_checksum(segment, 2, b"")
    if len(a) == 16:
        return struct.pack("!IHBB", 6 << 28, len(segment), protocol, ttl) + a + b + segment
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), ident, 0x4000, ttl, protocol, 0, a, b)
    return _with_checksum(header, 10, b"") + segment


def _with_checksum(data: bytes, offset: int, pseudo: bytes) -> bytes:
    return data[:offset] + struct.pack("!H", checksum(pseudo + data) or 0xFFFF) + data[offset + 2 :]


def tcp(
    source_port: int,
    target_port: int,
    seq: int,
    ack: int,
    flags: int,
    *,
    window: int = 64240,
    data: bytes = b"",
    options: bytes = b"",
) -> tuple[int, bytes]:
    """A TCP segment; options are padded to whole words."""
    options += b"\0" * (-len(options) % 4)
    words = 5 + len(options) // 4
    head = struct.pack(
        "!HHIIBBHHH", source_port, target_port, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, words << 4, flags, window, 0, 0
    )
    return 6, head + options + data


def udp(source_port: int, target_port: int, data: bytes) -> tuple[int, bytes]:
    """A UDP datagram."""
    return 17, struct.pack("!HHHH", source_port, target_port, 8 + len(data), 0) + data


def icmp(kind: int, code: int, rest: bytes, data: bytes = b"") -> tuple[int, bytes]:
    """An ICMP message; `rest` are the four bytes behind the checksum."""
    return 1, struct.pack("!BBH", kind, code, 0) + rest + data


def ethernet(source: Host, target: Host, packet: bytes, *, vlan: int | None = None, kind: int | None = None) -> bytes:
    """An Ethernet frame, padded to 60 bytes. kind: EtherType, by the IP version where it is not given."""
    if kind is None:
        kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    tag = b"" if vlan is None else struct.pack("!HH", 0x8100, vlan)
    return (target.packed_mac + source.packed_mac + tag + struct.pack("!H", kind) + packet).ljust(60, b"\0")


def arp_request(source: Host, target: Host) -> bytes:
    """Who has `target`? A broadcast frame."""
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + source.packed_mac + source.packed + bytes(6) + target.packed
    return ethernet(source, Host(target.address, "ff:ff:ff:ff:ff:ff"), body, kind=0x0806)


def arp_reply(source: Host, target: Host) -> bytes:
    """`source` tells `target` where it is."""
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + source.packed_mac + source.packed
    return ethernet(source, target, body + target.packed_mac + target.packed, kind=0x0806)


_MSS_SACK_SCALE = struct.pack("!BBH BB B BBB", 2, 4, 1460, 4, 2, 1, 3, 3, 7)
"""Options of a SYN: segments up to 1460 bytes, selective acknowledgement, windows in units of 128 bytes."""


@dataclass
class Trace:
    """Frames in the order of their time, and the clock they are taken by (ns since 1970)."""

    clock: int
    frames: list[tuple[int, bytes]] = field(default_factory=list)
    _ident: count[int] = field(default_factory=lambda: count(1))

    def wait(self, milliseconds: float) -> None:
        self.clock += round(milliseconds * 1_000_000)

    def add(self, frame: bytes, after_ms: float = 0.1) -> None:
        """Record a frame that comes `after_ms` milliseconds after the one before."""
        self.wait(after_ms)
        self.frames.append((self.clock, frame))

    def send(
        self, source: Host, target: Host, segment: tuple[int, bytes], after_ms: float = 0.1, vlan: int | None = None
    ) -> None:
        """Record an IP packet from one host to another."""
        packet = ip(source, target, *segment, ident=next(self._ident) & 0xFFFF)
        self.add(ethernet(source, target, packet, vlan=vlan), after_ms)

    def datagram(self, source: tuple[Host, int], target: tuple[Host, int], data: bytes, after_ms: float = 0.1) -> None:
        """Record a UDP datagram."""
        self.send(source[0], target[0], udp(source[1], target[1], data), after_ms)


@dataclass
class Side:
    """What one end of a TCP connection knows."""

    host: Host
    port: int
    next_seq: int
    window: int = 502
    """As it stands in the header, in units of 128 bytes behind the handshake."""


class Connection:
    """A TCP connection recorded into a trace. `client` and `server` are its ends; segments are sent one by one so that
    a fault can be built: what is not recorded was lost in front of the capture point, what is twice behind it."""

    def __init__(
        self,
        trace: Trace,
        client: tuple[Host, int],
        server: tuple[Host, int],
        *,
        seq: int = 1000,
        vlan: int | None = None,
    ) -> None:
        self.trace = trace
        self.client = Side(*client, seq)
        self.server = Side(*server, seq * 7 + 5)
        self.vlan = vlan

    def peer(self, side: Side) -> Side:
        return self.server if side is self.client else self.client

    def segment(
        self,
        side: Side,
        flags: int,
        *,
        data: bytes = b"",
        seq: int | None = None,
        ack: int | None = None,
        window: int | None = None,
        options: bytes = b"",
        after_ms: float = 0.2,
    ) -> None:
        """Record one segment; sequence numbers move on only where `seq` is not given."""
        peer = self.peer(side)
        at = side.next_seq if seq is None else seq
        if seq is None:
            side.next_seq += len(data) + (1 if flags & SYN else 0) + (1 if flags & FIN else 0)
        known = (peer.next_seq if ack is None else ack) if flags & ACK else 0
        part = tcp(
            side.port,
            peer.port,
            at,
            known,
            flags,
            window=side.window if window is None else window,
            data=data,
            options=options,
        )
        self.trace.send(side.host, peer.host, part, after_ms, self.vlan)

    def syn(self, *, seq: int | None = None, after_ms: float = 0.2) -> None:
        self.segment(self.client, SYN, seq=seq, window=64240, options=_MSS_SACK_SCALE, after_ms=after_ms)

    def handshake(self, rtt_ms: float = 12.0) -> None:
        """SYN, SYN+ACK, ACK."""
        self.syn()
        self.segment(self.server, SYN | ACK, window=65160, options=_MSS_SACK_SCALE, after_ms=rtt_ms)
        self.ack(self.client)

    def data(self, side: Side, data: bytes, *, size: int = 1400, after_ms: float = 0.2) -> None:
        """Data in segments of at most `size` bytes."""
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            last = PSH if start + size >= len(data) else 0
            self.segment(side, ACK | last, data=piece, after_ms=after_ms)

    def ack(self, side: Side, *, ack: int | None = None, window: int | None = None, after_ms: float = 0.1) -> None:
        self.segment(side, ACK, ack=ack, window=window, after_ms=after_ms)

    def lose(self, side: Side, data: bytes) -> int:
        """Send data that the capture point does not see. Returns its sequence number."""
        seq, side.next_seq = side.next_seq, side.next_seq + len(data)
        return seq

    def close(self, first: Side, after_ms: float = 1.0) -> None:
        """FIN from both ends, the last ACK from `first`."""
        second = self.peer(first)
        self.segment(first, FIN | ACK, after_ms=after_ms)
        self.segment(second, FIN | ACK, after_ms=5)
        self.ack(first)


def pcap(frames: Iterable[tuple[int, bytes]], snaplen: int = 262144) -> bytes:
    """A classic capture file: little-endian, microseconds, Ethernet."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snaplen, ETHERNET)]
    for time_ns, frame in frames:
        kept = frame[:snaplen]
        whole, rest = divmod(time_ns, 1_000_000_000)
        parts += [struct.pack("<IIII", whole, rest // 1000, len(kept), len(frame)), kept]
    return b"".join(parts)


def pcapng(frames: Iterable[tuple[int, bytes]], *, interface: str, comment: str, application: str) -> bytes:
    """A pcapng file of one section and one Ethernet interface: little-endian, nanoseconds."""
    section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    section += _option(1, comment.encode()) + _option(4, application.encode()) + _option(0, b"")
    link = (
        struct.pack("<HHI", ETHERNET, 0, 262144)
        + _option(2, interface.encode())
        + _option(9, b"\x09")
        + _option(0, b"")
    )
    parts = [_block(0x0A0D0D0A, section), _block(1, link)]
    for time_ns, frame in frames:
        head = struct.pack("<IIIII", 0, time_ns >> 32, time_ns & 0xFFFFFFFF, len(frame), len(frame))
        parts.append(_block(6, head + frame))
    return b"".join(parts)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def _block(kind: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 4)
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length
