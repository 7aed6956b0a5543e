"""TCP conversations with chosen faults, built with scapy.

    talk = Talk()
    talk.handshake()
    talk.client(b"GET")            # recorded
    talk.server(b"one", lost=True) # sent, but lost in front of the capture point
    write(path, talk)

Each segment is one frame, `gap` seconds after the one before unless the call says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet
from scapy.utils import PcapWriter, wrpcap

START = 1_700_000_000.0
CLIENT, SERVER = "10.0.0.1", "10.0.0.2"

Wrap = Callable[[Packet], Packet]
"""From an IP packet to a frame."""


def in_ethernet(packet: Packet) -> Packet:
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet


class Talk:
    """One TCP connection; `frames` are what the capture point saw, each with its time."""

    def __init__(
        self,
        client: str = CLIENT,
        client_port: int = 40000,
        server: str = SERVER,
        server_port: int = 80,
        *,
        start: float = START,
        gap: float = 0.01,
        seq: int = 1000,
        wrap: Wrap = in_ethernet,
    ) -> None:
        self.ends = ((client, client_port), (server, server_port))
        self.next = [seq, 5 * seq + 7]
        self.now = start
        self.gap = gap
        self.wrap = wrap
        self.window = 8192
        self.frames: list[Packet] = []

    def client(self, data: bytes = b"", flags: str = "A", **more: Any) -> int:
        """The client sends; see `send`."""
        return self.send(0, data, flags, **more)

    def server(self, data: bytes = b"", flags: str = "A", **more: Any) -> int:
        """The server sends; see `send`."""
        return self.send(1, data, flags, **more)

    def send(
        self,
        side: int,
        data: bytes,
        flags: str,
        *,
        seq: int | None = None,
        ack: int | None = None,
        window: int | None = None,
        options: Iterable[Any] = (),
        lost: bool = False,
        after: float | None = None,
    ) -> int:
        """One segment. seq: an own sequence number, the side's next one stays as it is (a segment sent again). lost: it
        is not in the capture. Returns its sequence number."""
        self.now += self.gap if after is None else after
        at = self.next[side] if seq is None else seq
        if seq is None:
            self.next[side] += len(data) + ("S" in flags) + ("F" in flags)
        if lost:
            return at
        (source, source_port), (target, target_port) = self.ends[side], self.ends[1 - side]
        known = (self.next[1 - side] if ack is None else ack) if "A" in flags else 0
        network = IPv6(src=source, dst=target) if ":" in source else IP(src=source, dst=target)
        segment = TCP(
            sport=source_port,
            dport=target_port,
            seq=at % 2**32,
            ack=known % 2**32,
            flags=flags,
            window=self.window if window is None else window,
            options=list(options),
        )
        self.add(self.wrap(network / segment / data))
        return at

    def add(self, frame: Packet) -> None:
        """Record any frame at the present time."""
        frame.time = self.now
        self.frames.append(frame)

    def handshake(self, *, options: Iterable[Any] = (), answer: Iterable[Any] = ()) -> None:
        """SYN, SYN+ACK, ACK."""
        self.client(flags="S", options=options)
        self.server(flags="SA", options=answer)
        self.client()

    def close(self) -> None:
        """FIN from the client, FIN from the server, the last ACK."""
        self.client(flags="FA")
        self.server(flags="FA")
        self.client()


def write(path: Path, *parts: Talk | Packet, by_time: bool = True) -> Path:
    """A classic capture file with the frames of all parts, by time unless told not to."""
    frames = [frame for part in parts for frame in (part.frames if isinstance(part, Talk) else [part])]
    if by_time:
        frames.sort(key=lambda frame: float(frame.time))
    if frames:
        wrpcap(str(path), frames)
    else:
        with PcapWriter(str(path)) as writer:
            writer.linktype = 1
            writer.write_header(None)
    return path
