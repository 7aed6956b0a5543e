"""What must hold for every registered machine and for the decoder under it, whatever the bytes (protocols/base.py)."""

from __future__ import annotations

import ast
import bz2
import dataclasses
import gzip
import lzma
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import pcapstream.protocols
from pcapstream._core import Decoder, FormatError
from pcapstream.model import CaptureFacts
from pcapstream.protocols import ALL, REGISTRY, Summary, Weighed
from pcapstream.protocols.capinfos import CapinfosSummary
from pcapstream.protocols.tcp import TcpSummary
from pcapstream.protocols.triage import TriageSummary
from tests.support.dhcp import dhcp_flows
from tests.support.logins import login_flows
from tests.support.ntp import ntp_flows
from tests.support.pcap import (
    START_NS,
    Frame,
    conversation,
    dns_flows,
    flows,
    http_flows,
    icmp_flows,
    in_time_order,
    pcap,
    pcapng,
    rtp_flows,
    sip_flows,
    udp,
)
from tests.support.play import KINDS, cut, plain, play, without

APPLICATION = dns_flows() + dhcp_flows() + icmp_flows() + rtp_flows() + sip_flows() + http_flows() + ntp_flows()
APPLICATION += login_flows()
FLOWS = flows() + APPLICATION
FRAMES = in_time_order(flows(8, packets_of_udp=9) + APPLICATION)
WHOLE = {
    "pcap": pcap(FRAMES),
    "pcap big endian, ns": pcap(FRAMES, order=">", nanoseconds=True),
    "pcapng": pcapng(FRAMES),
    "pcapng big endian": pcapng(FRAMES, order=">"),
}
WHOLE["gzip, two members"] = gzip.compress(WHOLE["pcap"][:7_000]) + gzip.compress(WHOLE["pcap"][7_000:])
WHOLE["bzip2"] = bz2.compress(WHOLE["pcapng"])
WHOLE["xz"] = lzma.compress(WHOLE["pcap"])
captures = st.sampled_from(sorted(WHOLE.values()))
laws = settings(deadline=None, max_examples=60)


def outcome(pieces: Sequence[bytes], **options: Any) -> Any:
    """What the machines found, or the code of the error."""
    try:
        found = play(pieces, **options)
    except FormatError as error:
        return error.args[0]
    return {name: plain(summary) for name, summary in found.items()}


@st.composite
def hurt(draw: st.DrawFn) -> bytes:
    """A capture with some bytes overwritten, removed or put in, perhaps cut."""
    data = bytearray(draw(captures))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        piece = draw(st.binary(max_size=40) | st.sampled_from([bytes(64), b"\xff" * 16]))
        replaced = draw(st.sampled_from([0, len(piece), 4, 100]))
        data[at : at + replaced] = piece
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


@laws
@given(data=captures | hurt(), places=st.lists(st.integers(0, 12_000), max_size=12))
def test_split_any_cut_gives_the_same(data: bytes, places: list[int]) -> None:
    assert outcome(cut(data, places)) == outcome([data])


@pytest.mark.parametrize("name", WHOLE)
def test_split_byte_by_byte_gives_the_same(name: str) -> None:
    data = WHOLE[name]
    assert outcome([data[at : at + 1] for at in range(len(data))]) == outcome([data])


@laws
@given(
    data=captures | hurt(), places=st.lists(st.integers(0, 12_000), max_size=8), looks=st.frozensets(st.integers(0, 8))
)
def test_looking_does_not_disturb(data: bytes, places: list[int], looks: frozenset[int]) -> None:
    assert outcome(cut(data, places), look_at=looks) == outcome([data])


@laws
@given(data=hurt())
def test_pure_the_same_bytes_give_the_same(data: bytes) -> None:
    assert outcome([data]) == outcome([data])


def test_pure_no_machine_has_a_clock_or_does_io() -> None:
    banned = {"time", "datetime", "random", "os", "io", "socket", "logging", "threading", "asyncio", "anyio", "pathlib"}
    folder = Path(pcapstream.protocols.__file__).parent
    for file in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert banned.isdisjoint(name.split(".")[0] for name in names), file.name


@laws
@given(data=st.binary(max_size=2_000) | hurt())
@example(data=b"")
@example(data=struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0, 1) + b"\xff" * 16)
def test_total_any_bytes_give_a_result_or_a_format_error(data: bytes) -> None:
    result = outcome([data])
    assert isinstance(result, str) or result.keys() == set(ALL)


@laws
@given(header=st.sampled_from([WHOLE["pcap"][:24], WHOLE["pcapng"][:60]]), body=st.binary(max_size=3_000))
def test_total_any_bytes_behind_a_good_header(header: bytes, body: bytes) -> None:
    assert isinstance(outcome([header + body]), dict)


@laws
@given(link_type=st.integers(0, 300), bodies=st.lists(st.binary(max_size=200), max_size=20))
def test_total_any_packets_of_any_link_type(link_type: int, bodies: list[bytes]) -> None:
    result = outcome([pcap([Frame(START_NS + n, body) for n, body in enumerate(bodies)], link_type=link_type)])
    assert result["capinfos"]["packets"] == len(bodies)


def test_bounded_tables_keep_their_limit_and_totals_stay_exact() -> None:
    frames = in_time_order(
        [
            *(conversation(f"10.0.{n // 250}.{n % 250 + 1}", 1_000 + n, start_ns=n * 1_000) for n in range(600)),
            *([Frame(n, udp(f"10.9.{n // 250}.{n % 250}", n + 1, "10.8.0.1", 53, b"x"))] for n in range(600)),
        ]
    )
    data = pcap(frames)
    tables = ("max_tcp_connections", "max_conversations", "max_tcp_segments", "max_evidence_frames", "max_buckets")
    small, large = play([data], limits=dict.fromkeys(tables, 50)), play([data])
    tcp, all_tcp = small["tcp"], large["tcp"]
    assert isinstance(tcp, TcpSummary)
    assert isinstance(all_tcp, TcpSummary)
    assert len(all_tcp.table) == 600
    assert len(tcp.table) <= 50
    assert len(tcp.table) + tcp.table.evicted >= 600
    assert tcp.table.evicted > 0
    for total in ("packets", "bytes", "syn", "syn_ack"):
        assert tcp.table.totals()[total] == all_tcp.table.totals()[total]
    assert len(tcp.table.frames("syn")) <= 50
    triage, all_triage = small["triage"], large["triage"]
    assert isinstance(triage, TriageSummary)
    assert isinstance(all_triage, TriageSummary)
    for kind in KINDS:
        number, at_least = triage.tally.conversation_count(kind)
        true_number, complete = all_triage.tally.conversation_count(kind)
        assert not complete
        assert len(triage.tally.conversations(kind)) <= 50
        assert number <= true_number
        assert at_least == (true_number > 50), kind
        assert triage.tally.conversation_totals(kind) == all_triage.tally.conversation_totals(kind)
    assert triage.tally.hierarchy() == all_triage.tally.hierarchy()
    assert len(triage.tally.buckets()[2]) <= 50
    assert sum(frames for frames, _ in triage.tally.buckets()[2]) == len(frames)


def parts(number: int = 3) -> list[dict[str, Summary]]:
    """The summaries of a capture divided by flow."""
    return [play([pcap(in_time_order(FLOWS[at::number]))]) for at in range(number)]


@pytest.mark.parametrize("name", ALL)
def test_merge_is_associative(name: str) -> None:
    a, b, c = (part[name] for part in parts())
    assert plain(a.merge(b).merge(c)) == plain(a.merge(b.merge(c)))


@pytest.mark.parametrize("name", ALL)
def test_merge_has_the_empty_summary_as_identity(name: str) -> None:
    a = parts()[0][name]
    empty = type(a).empty()
    assert plain(a.merge(empty)) == plain(a)
    assert plain(empty.merge(a)) == plain(a)
    assert plain(empty.merge(empty)) == plain(empty)


@pytest.mark.parametrize("name", ALL)
def test_merge_changes_neither_side(name: str) -> None:
    a, b, _ = (part[name] for part in parts())
    before = plain(a), plain(b)
    a.merge(b)
    assert (plain(a), plain(b)) == before


POSITION = frozenset(
    {
        # Frame and stream numbers are those of each part.
        "stream", "first_frame", "last_frame", "syn_frame", "syn_ack_frame", "fin_frame", "rst_frame", "event_frames",
        "frames", "call_frames", "frame_number", "request_frame", "peak_frame", "unusual_frame",
        "response_frame", "response_max_frame", "unanswered_frames", "first_error_frame", "slowest_frame", "max_frame",
        "slowest_stream", "outcome_frame", "accepted_after",
        "frame", "max_delta_frame", "longest_gap_frame", "longest_pause_frame",
        # Facts of a file: the parts are three files.
        "captures", "sections", "interfaces", "interface_count", "bytes_in", "bytes_decoded",
        "first_ns", "last_ns", "time_backwards",
    }
)  # fmt: skip


@pytest.mark.parametrize("number", [2, 3, 7])
@pytest.mark.parametrize("name", ALL)
def test_divided_by_flow_and_merged_equals_the_serial_run(name: str, number: int) -> None:
    serial = play([pcap(in_time_order(FLOWS))])[name]
    merged = type(serial).empty()
    for part in parts(number):
        merged = merged.merge(part[name])  # type: ignore[arg-type]

    def comparable(summary: Summary) -> Any:
        value = without(plain(summary), POSITION)
        return _sorted_lists(value)

    assert comparable(merged) == comparable(serial)


def _sorted_lists(value: Any) -> Any:
    """Lists of records in an order of their own: that of streams is the one of each part."""
    if isinstance(value, dict):
        return {key: _sorted_lists(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((_sorted_lists(item) for item in value), key=repr)
    return value


def test_borrow_nothing_is_kept_of_the_input() -> None:
    buffer = bytearray(WHOLE["pcap"])
    decoder = Decoder(packets=True, connections=True)
    batch = decoder.feed(memoryview(buffer))
    number = [packet.ip_src for packet in batch.packets]
    buffer[:] = bytes(len(buffer))
    buffer.extend(b"a view of it that was kept would forbid to resize it")
    assert [packet.ip_src for packet in batch.packets] == number


def test_each_summary_is_a_value_that_can_be_weighed() -> None:
    for name, summary in parts()[0].items():
        assert isinstance(summary, Weighed)
        tables = summary.memory_bytes()
        assert tables, name
        assert all(size > 0 for size in tables.values())
        assert dataclasses.is_dataclass(summary)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(summary, dataclasses.fields(summary)[0].name, 1)


def test_the_facts_of_no_capture_have_all_keys() -> None:
    summary = parts()[0]["capinfos"]
    assert isinstance(summary, CapinfosSummary)
    assert type(summary).empty().facts.keys() == summary.facts.keys() == CaptureFacts.__annotations__.keys()


def test_every_registered_machine_is_tried_here() -> None:
    assert set(play([WHOLE["pcap"]])) == set(REGISTRY)
