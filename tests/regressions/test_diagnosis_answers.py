"""Diagnostic and performance questions that other tools answered wrongly or not at all; what Wireshark counts is in
diagnosis_captures.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapstream.errors import QueryError
from tests.regressions import captures, diagnosis_captures
from tests.support.ask import ask, rows


def test_resets_are_told_apart_by_what_came_before(tmp_path: Path) -> None:
    """A reset after data is no refusal."""
    result = ask("analyze_tcp_resets", diagnosis_captures.reset_stages(tmp_path / "capture.pcap"))

    summary = result["summary"]
    assert (summary["total_resets"], summary["connection_refused"], summary["mid_connection_resets"]) == (5, 1, 3)
    found = [(row["stream"], row["after"], row["sent_by"]) for row in rows(result["resets"])]
    assert found == [
        (0, "data", "server"), (1, "syn", "server"), (2, "handshake", "client"), (3, "fin", "server"),
        (4, "data", "server"),
    ]  # fmt: skip


def test_a_reset_from_elsewhere_shows_in_ttl_and_sequence_number(tmp_path: Path) -> None:
    result = ask("analyze_tcp_resets", diagnosis_captures.reset_stages(tmp_path / "capture.pcap"))

    forged = [row for row in rows(result["resets"]) if row["from_elsewhere"]]
    assert [(row["stream"], row["ttl"], row["usual_ttl"], row["sequence_gap"]) for row in forged] == [(4, 117, 64, 5000)]
    assert "reset_from_elsewhere" in {one["code"] for one in result["findings"]}


def test_only_silence_is_an_unanswered_syn_and_its_repetitions_are_no_connections(tmp_path: Path) -> None:
    result = ask("analyze_connection_timeouts", diagnosis_captures.silent_servers(tmp_path / "capture.pcap"))

    summary = result["summary"]
    assert summary["unanswered_syns"] == 1
    assert (summary["syn_retransmissions"], summary["streams_with_syn_retrans"]) == (2, 1)
    assert [(row["stream"], row["syns"]) for row in rows(result["unanswered_connections"])] == [(0, 3)]


def test_errors_of_both_ip_versions_have_sender_and_original_packet_apart(tmp_path: Path) -> None:
    result = ask("analyze_icmp_errors", diagnosis_captures.errors(tmp_path / "capture.pcap"))

    assert result["summary"]["total_icmp_errors"] == 5
    found = {(row["src"], row["original_source"], row["original_destination"]) for row in rows(result["errors"])}
    assert found == {
        ("10.0.0.254", "10.0.0.1", "10.9.9.9"),
        ("2001:db8::fe", "2001:db8::1", "2001:db8::9"),
        ("2001:db8::fe", "2001:db8::1", "2001:db8::8"),
    }


def test_fragments_and_mtu_of_both_ip_versions(tmp_path: Path) -> None:
    result = ask("analyze_mtu_fragmentation", diagnosis_captures.errors(tmp_path / "capture.pcap"))

    summary = result["summary"]
    assert (summary["fragmented_packets"], summary["pmtud_failure_messages"]) == (3, 2)
    assert (summary["df_bit_set_packets"], summary["max_packet_size_with_df"]) == (1, 1028)
    assert [row["suggested_mtu"] for row in rows(result["pmtud_failures"])] == [1400, 1280]
    assert [(row["src"], row["fragments"]) for row in rows(result["fragmented_packets"])] == [("10.0.0.1", 3)]


def test_a_capture_that_is_cut_is_answered_as_far_as_it_goes(tmp_path: Path) -> None:
    path = captures.troubled(tmp_path / "capture.pcap")
    path.write_bytes(path.read_bytes()[:-10])

    result = ask("analyze_packet_timing_issues", path)

    assert result["coverage"]["reason"] == "damaged"
    assert result["summary"]["duplicate_acks"] == 4


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ("generate_traffic_timeline", "time_interval"),
        ("generate_throughput_io_graph", "time_interval"),
        ("analyze_bandwidth_utilization", "time_window"),
    ],
)
@pytest.mark.parametrize("value", [0, -5])
def test_intervals_of_no_length_are_refused(tool: str, name: str, value: int, tmp_path: Path) -> None:
    with pytest.raises(QueryError) as refused:
        ask(tool, captures.troubled(tmp_path / "capture.pcap"), **{name: value})

    assert refused.value.code == "bad_parameter"


def test_intervals_add_up_to_the_capture(tmp_path: Path) -> None:
    path = diagnosis_captures.silent_servers(tmp_path / "capture.pcap")

    result = ask("generate_traffic_timeline", path, time_interval=5)

    found = [(row["seconds"], row["frames"]) for row in rows(result["timeline_data"])]
    assert found == [(0, 3), (5, 0), (10, 6)]
    assert result["summary"]["frames"] == 9


def test_events_are_wiresharks(tmp_path: Path) -> None:
    path = captures.troubled(tmp_path / "capture.pcap")

    assert ask("analyze_tcp_zero_window", path)["summary"]["zero_window"] == 1
    assert ask("analyze_out_of_order_packets", path)["summary"]["total_out_of_order"] == 2
    assert ask("analyze_duplicate_acks", path)["summary"]["total_duplicate_acks"] == 4
    scaling = ask("analyze_tcp_window_scaling", path)
    assert scaling["summary"]["without_scaling"] == 0
    assert [(row["client_shift"], row["server_shift"]) for row in rows(scaling["window_scaling_data"])] == [(7, 7)]


def test_keep_alives_and_lives_of_connections(tmp_path: Path) -> None:
    path = captures.keep_alive(tmp_path / "capture.pcap")

    assert ask("analyze_connection_timeouts", path)["summary"]["keepalive_packets"] == 3
    life = rows(ask("analyze_connection_lifecycle", path)["lifecycle_data"])
    assert [(row["handshake"], row["close_reason"], row["syn_frame"]) for row in life] == [("complete", "active", 1)]


def test_a_display_filter_narrows_what_is_counted(tmp_path: Path) -> None:
    path = diagnosis_captures.reset_stages(tmp_path / "capture.pcap")

    result = ask("generate_traffic_timeline", path, display_filter="tcp.port == 40002 || tcp.port == 40003")

    assert result["summary"]["frames"] == 6
