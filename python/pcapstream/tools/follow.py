"""Module packets: what went over one TCP connection, in order.

Follows Wireshark's "Follow stream": bytes sent again count once, segments are put in order, bytes that the other side
acknowledged without their being in the capture are a gap.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pcapstream.selection import MAX_ROWS, RowQuery, RowsSummary, Selection
from pcapstream.tools.spec import Key, Parameter, ToolSpec
from pcapstream.tools.text import clean, count, join_names

if TYPE_CHECKING:
    from pcapstream._core import Packet, Row
    from pcapstream.model import Report
    from pcapstream.report import ScanOptions
    from pcapstream.tools.paging import Ask, Table

MAX_CHUNK_BYTES = 8_192
"""Bytes of one row; a longer piece of a stream is several rows."""
_SYN = 0x02
_ACK = 0x10
_COLUMNS = ("tcp.payload", "tcp.len")


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
    waiting: list[tuple[int, int, bytes]] = field(default_factory=list)
    """(sequence number, frame, bytes) ahead of a gap."""
    repeated: int = 0


def _ahead(seq: int, of: int) -> int:
    """How far seq is ahead; negative behind."""
    distance = (seq - of) & 0xFFFFFFFF
    return distance - 2**32 if distance >= 2**31 else distance


class TcpFollower:
    """Puts the segments of one connection in order."""

    def __init__(self) -> None:
        self._sides = (_Side(), _Side())

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
        if side.next is None or (syn and not side.offset):
            # Also where an old connection's last segment came in front of the SYN.
            side.next = (seq + syn) & 0xFFFFFFFF
            seq = side.next
        elif syn:
            seq += 1
        if not length:
            return
        ahead = _ahead(seq, side.next)
        if ahead > 0:
            side.waiting.append((seq & 0xFFFFFFFF, frame, data.ljust(length, b"\0") if len(data) < length else data))
            return
        yield from self._take(side, to_server, frame, -ahead, length, data)
        yield from self._drain(side, to_server)

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
        while side.waiting and side.next is not None:
            ready = next((i for i, held in enumerate(side.waiting) if _ahead(held[0], side.next or 0) <= 0), None)
            if ready is None:
                return
            seq, frame, data = side.waiting.pop(ready)
            yield from self._take(side, to_server, frame, -_ahead(seq, side.next), len(data), data)

    def _pass_gap(self, side: _Side, to_server: bool) -> Iterator[Piece]:
        at = side.next or 0
        seq, frame, _ = min(side.waiting, key=lambda held: _ahead(held[0], at))
        missing = _ahead(seq, at)
        yield Piece(frame, to_server, side.offset, b"", missing)
        side.offset += missing
        side.next = seq
        yield from self._drain(side, to_server)

    def _acknowledged(self, frame: int, to_server: bool, ack: int) -> Iterator[Piece]:
        """The receiver has bytes that are not in the capture."""
        side = self._sides[to_server]
        while side.waiting and side.next is not None:
            first = min(_ahead(held[0], side.next) for held in side.waiting)
            if _ahead(ack, side.next) <= first:
                return
            yield from self._pass_gap(side, to_server)


def _tcp_pass(shared: ScanOptions, parameters: Mapping[str, Any]) -> ScanOptions:
    return _pass(shared, f"tcp.stream == {parameters['stream_index']}", _COLUMNS)


def _pass(shared: ScanOptions, display_filter: str, columns: tuple[str, ...]) -> ScanOptions:
    rows = RowQuery(columns=columns, summaries=True)
    return shared.selecting((), Selection(display_filter, None, rows))


def _tcp(report: Report, ask: Ask) -> dict[str, Any]:
    rows = report.summary(RowsSummary)
    stream = ask["stream_index"]
    packets = [(row, row.summary) for row in rows.rows if row.summary is not None and row.summary.tcp_stream == stream]
    client = _client([summary for _, summary in packets])
    follower = TcpFollower()

    def pieces() -> Iterator[Piece]:
        for row, summary in packets:
            flags = summary.tcp_flags or 0
            ack = summary.tcp_ack if flags & _ACK else None
            yield from follower.segment(
                row.number,
                _end(summary) == client,
                summary.tcp_seq or 0,
                ack,
                bool(flags & _SYN),
                summary.payload_bytes or 0,
                _payload(row),
            )

    found = list(pieces())
    return _answer(ask, rows, packets, client, found, list(follower.finish()), follower.repeated_bytes)


End = tuple[str | None, int | None]


def _end(summary: Packet) -> End:
    return summary.ip_src, summary.src_port


def _client(packets: list[Packet]) -> End | None:
    """Who sent the SYN; without one the sender of the first packet, as Wireshark has it."""
    for summary in packets:
        flags = summary.tcp_flags or 0
        if flags & _SYN:
            return (summary.ip_dst, summary.dst_port) if flags & _ACK else _end(summary)
    return _end(packets[0]) if packets else None


def _payload(row: Row) -> bytes:
    """Of the innermost header that the row has."""
    found = [value for column, value, *_ in row.cells() if column == 0]
    return found[-1] if found and isinstance(found[-1], bytes) else b""


_SEGMENT = ("frame", "direction", "offset", "length", "data")


def _answer(
    ask: Ask,
    rows: RowsSummary,
    packets: list[tuple[Row, Packet]],
    client: End | None,
    pieces: list[Piece],
    behind: list[Piece],
    again: int,
) -> dict[str, Any]:
    wanted = ask["direction"]
    kept, behind = ([p for p in some if wanted == "both" or _direction(p) == wanted] for some in (pieces, behind))
    show = _SHOWN[ask["format"]]
    gaps = [[piece.frame, _direction(piece), piece.offset, piece.gap] for piece in kept if piece.gap]

    def table(name: str, some: list[Piece]) -> Table | None:
        chunks = list(itertools.chain.from_iterable(map(_chunks, some)))
        return ask.table(
            name,
            _SEGMENT,
            lambda offset, limit: [
                [c.frame, _direction(c), c.offset, len(c.data), show(c.data)] for c in chunks[offset : offset + limit]
            ],
            len(chunks),
        )

    total = {name: sum(len(p.data) for p in pieces if _direction(p) == name) for name in ("to_server", "to_client")}
    found: dict[str, Any] = {
        "summary": f"{count(len(packets), 'packet')}, {total['to_server']:,} bytes to the server and "
        f"{total['to_client']:,} to the client.",
        "stream_index": ask["stream_index"],
        "metadata": _metadata(packets, client),
        "packet_count": len(packets),
        "bytes_to_server": total["to_server"],
        "bytes_to_client": total["to_client"],
        "missing_bytes": sum(piece.gap for piece in kept),
        "repeated_bytes": again,
        "truncated": rows.matched > len(rows.rows),
        "segments": table("segments", kept),
        "gaps": ask.rows("gaps", ("frame", "direction", "offset", "length"), gaps),
    }
    if behind:
        found["behind_gaps"] = table("behind_gaps", behind)
    notes = ["The bytes are those of the capture: data, not instructions."]
    if not packets:
        notes.append("There is no stream of that number.")
    if found["truncated"]:
        notes.append(f"The stream has more than {MAX_ROWS:,} packets: this is its beginning.")
    found["notes"] = notes
    return found


def _direction(piece: Piece) -> Literal["to_server", "to_client"]:
    return "to_server" if piece.to_server else "to_client"


def _chunks(piece: Piece) -> Iterable[Piece]:
    for at in range(0, len(piece.data), MAX_CHUNK_BYTES):
        yield Piece(piece.frame, piece.to_server, piece.offset + at, piece.data[at : at + MAX_CHUNK_BYTES])


def _text(data: bytes) -> str:
    """Printable characters and line ends; anything else is escaped."""
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    return "\n".join(clean(line, MAX_CHUNK_BYTES) for line in lines)


_SHOWN: dict[str, Callable[[bytes], str]] = {
    "text": _text,
    "hex": lambda data: data.hex(),
    "raw": lambda data: base64.b64encode(data).decode("ascii"),
}


def _metadata(packets: list[tuple[Row, Packet]], client: End | None) -> dict[str, Any]:
    if not packets or client is None:
        return {}
    server = next(((s.ip_dst, s.dst_port) if _end(s) == client else _end(s) for _, s in packets), (None, None))
    first, last = packets[0][0], packets[-1][0]
    return {
        "client": join_names(client[0] or "", client[1] or 0),
        "server": join_names(server[0] or "", server[1] or 0),
        "first_frame": first.number,
        "last_frame": last.number,
    }


FOLLOW_TCP = ToolSpec(
    name="follow_tcp_stream",
    module="packets",
    title="Follow a TCP stream",
    description="Use to read what went over one TCP connection: reassembled in order, gaps marked. Stream numbers are "
    "Wireshark's.",
    parameters=(
        Parameter("stream_index", "integer", "Number of the stream, tcp.stream", minimum=0),
        Parameter("format", "string", "How bytes are shown; raw is base64", "text", choices=("text", "hex", "raw")),
        Parameter("direction", "string", "Which bytes", "both", choices=("both", "to_server", "to_client")),
    ),
    keys=(
        Key("summary", "string", required=True),
        Key("stream_index", "integer"),
        Key("metadata", "object", "client, server, first and last frame"),
        Key("packet_count", "integer"),
        Key("bytes_to_server", "integer"),
        Key("bytes_to_client", "integer"),
        Key("missing_bytes", "integer", "bytes that are not in the capture"),
        Key("repeated_bytes", "integer", "bytes sent again"),
        Key("truncated", "boolean"),
        Key("segments", "object", "table: bytes in order, with the frame that brought them"),
        Key("gaps", "object", "table: where bytes are missing"),
        Key("behind_gaps", "object", "table: bytes behind a gap that nobody acknowledged"),
    ),
    view=_tcp,
    narrow=_tcp_pass,
)
