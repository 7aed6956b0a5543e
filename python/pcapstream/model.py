"""Shapes that cross module borders."""

from __future__ import annotations

from typing import TypedDict


class Damage(TypedDict):
    """One damaged place."""

    offset: int
    """Bytes from the start of the (decompressed) capture."""
    reason: str
    """Stable slug: truncated, corrupt_length, corrupt_block, zero_filled, corrupt_compression, ..."""
    skipped: int
    """Bytes skipped from there to the next record that could be read."""


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

    format: str
    """pcap, pcap-nsec, pcap-modified, pcap-ixia, ..., pcapng, snoop"""
    compression: str | None
    byte_order: str
    """little, big or mixed"""
    time_precision: str
    snaplen: int | None
    sections: int
    interfaces: list[Interface]
    link_types: list[tuple[int, str, int]]
    """(LINKTYPE number, name, packets)"""
    hardware: str
    os: str
    application: str
    comments: list[str]
    resolved_names: list[tuple[str, str]]
    """(address, name) of name resolution blocks"""
    secrets_blocks: int
    other_blocks: int
    frames: int
    """Frames as tshark numbers them (pcapng custom blocks included)."""
    packets: int
    recovered_packets: int
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
