"""Every frame beside tshark's: its stream, its tcp.analysis events, its length; on made traffic and on captures from
the folder that the environment variable PCAPSTREAM_CAPTURES names."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

import pcapstream
from pcapstream import CaptureError
from tests.accuracy.facts import ANALYSIS
from tests.support import wireshark
from tests.support.captures import captures
from tests.support.talk import write
from tests.support.traffic import traffic

pytestmark = [pytest.mark.tshark, wireshark.needs_tshark()]

Row = tuple[int, int, int, frozenset[str]]
"""Frame number, bytes on the wire, connection in order of first appearance, events."""

MAX_BYTES = 3_000_000
"""Larger captures take tshark too long here; the accuracy command reads them all."""


async def our_frames(path: Path) -> tuple[int, list[Row]]:
    """(frames in all, the TCP ones)."""
    total, found = 0, []
    async with pcapstream.open(path, resync=False) as scan:
        async for packets in scan.packets():
            total += len(packets)
            for packet in packets:
                if packet.tcp_stream is not None:
                    events = frozenset(packet.tcp_events) & frozenset(ANALYSIS)
                    found.append((packet.number, packet.wire_bytes, packet.tcp_stream, events))
    return total, found


def their_frames(path: Path) -> tuple[int, list[Row]]:
    names = [
        "frame.number",
        "frame.len",
        "tcp.stream",
        "frame.protocols",
        *(f"tcp.analysis.{name}" for name in ANALYSIS),
    ]
    total, found = 0, []
    for number, length, stream, protocols, *events in wireshark.fields(path, names):
        total += 1
        # A header quoted behind ICMP belongs to a packet that is not there.
        layers = protocols.split(":")
        quoted = any(name in layers and "tcp" in layers[layers.index(name) :] for name in ("icmp", "icmpv6"))
        if stream and not quoted:
            named = frozenset(name for name, value in zip(ANALYSIS, events, strict=True) if value)
            found.append((int(number), int(length), int(stream), named))
    return total, found


def in_order(rows: list[Row]) -> list[Row]:
    """With streams counted from the frames that are there: dissectors of tshark (SOCKS, for one) use up numbers for
    connections inside others, to which no frame belongs."""
    seen: dict[int, int] = {}
    return [(number, length, seen.setdefault(stream, len(seen)), events) for number, length, stream, events in rows]


def check(path: Path) -> None:
    theirs = their_frames(path)
    try:
        ours = asyncio.run(our_frames(path))
    except CaptureError:
        ours = (0, [])
    assert in_order(ours[1]) == in_order(theirs[1])
    assert ours[0] == theirs[0]


@pytest.mark.parametrize("seed", range(12))
def test_made_traffic_is_seen_as_tshark_sees_it(seed: int, tmp_path: Path) -> None:
    check(write(tmp_path / "capture.pcap", *traffic(seed)))


@pytest.mark.skipif("PCAPSTREAM_CAPTURES" not in os.environ, reason="PCAPSTREAM_CAPTURES names no folder of captures")
@pytest.mark.parametrize("path", captures(MAX_BYTES), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_real_capture_is_seen_as_tshark_sees_it(path: Path) -> None:
    check(path)


@pytest.mark.parametrize("seed", range(12, 15))
def test_conversations_are_the_sums_of_tsharks_frames(seed: int, tmp_path: Path) -> None:
    path = write(tmp_path / "capture.pcap", *traffic(seed))
    frames: dict[int, list[int]] = {}
    for _, length, stream, _ in their_frames(path)[1]:
        frames.setdefault(stream, []).append(length)

    tally = pcapstream.analyze(path).summary(pcapstream.TriageSummary).tally

    expected = sorted((len(lengths), sum(lengths)) for lengths in frames.values())
    assert sorted((row[2] + row[4], row[3] + row[5]) for row in tally.conversations("tcp")) == expected
