"""Questions about files that other tools answered wrongly."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.support.ask import ask, rows
from tests.support.pcap import START_NS, Frame, conversation, pcap, pcapng, udp

PACKET = udp("10.0.0.1", 1000, "10.0.0.2", 2000, b"x" * 200)


def at(*seconds: float) -> list[Frame]:
    """A packet at each of these times after the start."""
    return [Frame(START_NS + round(second * 1e9), PACKET) for second in seconds]


def test_the_size_of_data_is_that_on_the_wire(tmp_path: Path) -> None:
    frames = [Frame(frame.time_ns, frame.data[:60], len(frame.data)) for frame in at(0, 1, 2)]
    (tmp_path / "capture.pcap").write_bytes(pcap(frames))

    result = ask("analyze_capinfos", tmp_path / "capture.pcap")

    assert result["data_size_bytes"] == 3 * len(PACKET)
    assert result["captured_bytes"] == 3 * 60
    assert result["packets_cut_short"] == 3


def test_the_duration_of_an_unsorted_file_is_from_its_earliest_to_its_latest_packet(tmp_path: Path) -> None:
    (tmp_path / "capture.pcap").write_bytes(pcap(at(1, 0, 9)))

    result = ask("analyze_capinfos", tmp_path / "capture.pcap")

    assert result["capture_duration_seconds"] == pytest.approx(9.0)
    assert result["strict_time_order"] is False


def test_one_packet_has_no_rate(tmp_path: Path) -> None:
    (tmp_path / "capture.pcap").write_bytes(pcap(at(0)))

    result = ask("analyze_capinfos", tmp_path / "capture.pcap")

    assert result["packet_count"] == 1
    assert not result["data_rate_bits"]
    assert not result["average_packet_rate"]


def test_pcapng_has_link_types(tmp_path: Path) -> None:
    (tmp_path / "capture.pcapng").write_bytes(pcapng(at(0, 1)))

    result = ask("analyze_capinfos", tmp_path / "capture.pcapng")

    assert result["file_encapsulation"].lower() == "ethernet"
    assert [(row["number"], row["packets"]) for row in rows(result["link_types"])] == [(1, 2)]


def test_a_last_packet_at_time_zero_does_not_give_a_giant_rate(tmp_path: Path) -> None:
    frames = [*at(0, 1), Frame(0, PACKET)]
    (tmp_path / "capture.pcap").write_bytes(pcap(frames))

    result = ask("analyze_capinfos", tmp_path / "capture.pcap")

    # capinfos: earliest 0, latest START + 1 s.
    assert result["capture_duration_seconds"] == pytest.approx(START_NS / 1e9 + 1)
    assert result["data_rate_bits"] < 1


def test_a_file_cut_off_in_a_packet_gives_its_whole_packets_and_says_so(tmp_path: Path) -> None:
    frames = conversation(exchanges=5)
    whole = pcap(frames)
    (tmp_path / "capture.pcap").write_bytes(whole[:-10])

    result = ask("analyze_capinfos", tmp_path / "capture.pcap")

    assert result["packet_count"] == len(frames) - 1
    coverage = result["coverage"]
    assert (coverage["complete"], coverage["reason"]) == (False, "damaged")
    last = len(whole) - len(frames[-1].data) - 16
    assert [(place["offset"], place["reason"]) for place in coverage["damage"]] == [(last, "truncated")]
    assert result["notes"]


def test_a_corrupt_length_does_not_swallow_what_follows(tmp_path: Path) -> None:
    """Ten packets, the captured length of the fourth is 0x7fffffff: capinfos reads three."""
    frames = at(*range(10))
    data = bytearray(pcap(frames))
    start = 24 + 3 * (16 + len(PACKET))
    struct.pack_into("<I", data, start + 8, 0x7FFFFFFF)
    (tmp_path / "capture.pcap").write_bytes(data)

    result = ask("analyze_capinfos", tmp_path / "capture.pcap")
    strict = ask("analyze_capinfos", tmp_path / "capture.pcap", resync=False)

    assert (result["packet_count"], strict["packet_count"]) == (9, 3)
    assert result["coverage"]["recovered_packets"] == 6
    assert strict["coverage"]["recovered_packets"] == 0
    assert result["coverage"]["damage"][0]["offset"] == start
    assert result["coverage"]["complete"] is False


def test_a_tail_of_zeros_holds_no_packets(tmp_path: Path) -> None:
    """A megabyte of zeros would be 65,536 packets of no bytes to who believes it."""
    frames = at(0, 1, 2)
    (tmp_path / "capture.pcap").write_bytes(pcap(frames) + bytes(1 << 20))

    result = ask("analyze_capinfos", tmp_path / "capture.pcap")

    assert result["coverage"]["complete"] is False
    assert result["coverage"]["damage_count"] == 1
    assert result["coverage"]["bytes_skipped"] == 1 << 20
    assert result["coverage"]["recovered_packets"] == 0


def test_packets_read_are_capped_in_the_same_way_in_every_tool(tmp_path: Path) -> None:
    (tmp_path / "capture.pcap").write_bytes(pcap(conversation(exchanges=5)))

    counted = [ask("analyze_capinfos", tmp_path / "capture.pcap", max_packets=7)["packet_count"]]
    for tool in ("analyze_tcp_connections", "analyze_tcp_anomalies", "analyze_tcp_retransmissions"):
        result = ask(tool, tmp_path / "capture.pcap", max_packets=7)
        counted.append(result["packets_analyzed"])
        assert result["truncated"] is True
        assert result["coverage"]["reason"] == "max_packets"

    assert counted == [7] * 4
