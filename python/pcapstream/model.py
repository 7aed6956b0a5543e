"""Shapes that cross module borders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict, TypeVar

from pcapstream.errors import QueryError

if TYPE_CHECKING:
    from pcapstream.protocols.base import Summary


class Damage(TypedDict):
    """One damaged place."""

    offset: int
    """Bytes from the start of the (decompressed) capture."""
    reason: str
    """Stable slug: truncated, corrupt_length, corrupt_block, zero_filled, corrupt_compression, ..."""
    skipped: int
    """Bytes skipped from there to the next record that could be read, or to the end."""
    recovered: bool
    """Reading went on behind it."""


class Interface(TypedDict, total=False):
    """One capture interface."""

    link_type: int
    link_name: str
    snaplen: int
    name: str
    description: str
    filter: str
    os: str
    hardware: str
    packets: int
    received: int
    dropped: int
    time_units_per_second: int


class CaptureFacts(TypedDict):
    """Facts of one capture file, from `Snapshot.capture`. Times are ns since 1970."""

    format: str | None
    """pcap, pcap-nsec, pcap-modified, pcap-ixia, ..., pcapng, snoop; None before it is known"""
    compression: str | None
    byte_order: str | None
    """little, big or mixed; None before it is known"""
    time_precision: str | None
    """None where no interface has said it"""
    snaplen: int | None
    sections: int
    interfaces: list[Interface]
    """Up to the limit `max_interfaces`."""
    interface_count: int
    """All of them."""
    link_types: list[tuple[int, str, int]]
    """(LINKTYPE number, name, packets)"""
    file_link_type: tuple[int, str] | None
    """(LINKTYPE number, name) in the header of a file that has one for all packets."""
    hardware: str
    os: str
    application: str
    comments: list[str]
    """Of sections, up to the limit `max_names`."""
    section_comments: list[str]
    """Those among `comments` that stand in section headers, about the file as a whole."""
    comment_count: int
    packet_comment_count: int
    resolved_names: list[tuple[str, str]]
    """(address, name) of name resolution blocks, up to the limit `max_names`."""
    resolved_name_count: int
    secrets_blocks: int
    custom_blocks: int
    other_blocks: int
    frames: int
    """Frames as tshark numbers them (pcapng custom blocks included)."""
    packets: int
    recovered_packets: int
    """Packets behind the first damage, contained in `packets`."""
    captured_bytes: int
    wire_bytes: int
    truncated_packets: int
    """Captured shorter than on the wire."""
    first_ns: int | None
    """First and last packet in file order."""
    last_ns: int | None
    earliest_ns: int | None
    latest_ns: int | None
    time_backwards: int
    """Packets earlier than the packet before them."""
    bytes_in: int
    """Bytes fed, compressed where the capture is."""
    bytes_decoded: int
    """Bytes of the decompressed capture used."""
    bytes_skipped: int
    damage: list[Damage]
    damage_count: int
    finished: bool
    """The end of the input was reached (not stopped by max_packets, not a snapshot on the way)."""
    stopped_by_max_packets: bool


@dataclass(slots=True)
class Progress:
    """How far a pass is. One thread writes it, any may read it at any time; no lock, numbers only grow."""

    bytes_read: int = 0
    """Bytes of the source the decoder has seen, compressed where the capture is."""
    bytes_total: int | None = None
    """None: not known (pipes, responses without a length)."""
    packets: int = 0
    wire_bytes: int = 0
    """Bytes of these packets, as they were on the wire."""
    ended: bool = False
    """No more will be read."""


Reason = Literal[
    "budget", "max_packets", "matches", "damaged", "cancelled", "run_time", "source_error", "live", "not_kept"
]
"""Why a report is not complete:
budget: the caller's time was over, the pass goes on; max_packets: stopped there as asked; matches: as many frames
passed the filter as were asked for; damaged: some bytes of the
capture could not be read; cancelled: the pass was stopped; run_time: it ran longer than allowed; source_error: the
bytes stopped coming, see `error`; live: it is still being recorded; not_kept: of a live capture the earlier packets
are no longer kept."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What part of a capture a report stands for."""

    complete: bool
    """Every byte of the capture was read and understood as far as its container goes."""
    reason: Reason | None
    """Why not, the weightiest; None when complete."""
    next_step: str | None
    """How to get the rest, a sentence; None when complete."""
    bytes_read: int
    """Bytes of the source, compressed where the capture is."""
    bytes_total: int | None
    bytes_skipped: int
    """Bytes of the (decompressed) capture left out because of damage."""
    packets: int
    """What was read, as Wireshark numbers frames: packets, the recovered ones included, and custom blocks of pcapng."""
    recovered_packets: int
    """Those that stand behind the first damage."""
    damage: tuple[Damage, ...] = ()
    """The first damaged places, up to the limit `max_damage_listed`."""
    damage_count: int = 0
    error: str | None = None
    """Code of the error that ended the reading, with reason source_error."""
    error_message: str | None = None
    bytes_fetched: int | None = None
    """Bytes that the source had to give, those read ahead included; None while it goes on."""


S = TypeVar("S", bound="Summary")


@dataclass(frozen=True, slots=True)
class Report:
    """The answer of one pass over one capture, whole or partial. A value: what it holds is not to be changed."""

    name: str
    """Base name of a file, URL without query, "-"."""
    scan_id: str
    """The same for the same content and options, in the next process, too; new for what cannot be read again. Cursors
    carry it."""
    capture: CaptureFacts
    summaries: Mapping[str, Summary]
    """By module name."""
    coverage: Coverage

    def summary(self, kind: type[S]) -> S:
        """The summary of that type, for instance `report.summary(TcpSummary).table`.

        Raises QueryError(module_not_run) where its module did not run.
        """
        for found in self.summaries.values():
            if isinstance(found, kind):
                return found
        ran = ", ".join(self.summaries) or "none"
        raise QueryError("module_not_run", f"this scan has no {kind.__name__}; the modules that ran: {ran}")
