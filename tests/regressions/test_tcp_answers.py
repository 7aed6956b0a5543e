"""TCP questions that other tools answered wrongly; what Wireshark counts is in captures.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.regressions import captures
from tests.support.ask import ask, events, pattern, rows

SERVER = "10.0.0.2"


def test_retransmissions_count_without_the_first_copy_and_for_syns(tmp_path: Path) -> None:
    path = captures.lost_in_front(tmp_path / "capture.pcap")

    result = ask("analyze_tcp_retransmissions", path)

    assert result["total_retransmissions"] == 6
    assert [(row["stream"], row["retrans_count"]) for row in rows(result["by_connection"])] == [(0, 2), (1, 4)]


def test_keep_alives_with_a_byte_are_no_retransmissions(tmp_path: Path) -> None:
    path = captures.keep_alive(tmp_path / "capture.pcap")

    result = ask("analyze_tcp_anomalies", path)

    assert events(result)["keep_alive"] == 3
    assert events(result)["retransmission"] == 0
    assert pattern(result, "packet_retransmission") is None


def test_segments_recorded_twice_are_retransmissions(tmp_path: Path) -> None:
    path = captures.duplicates(tmp_path / "capture.pcap")

    result = ask("analyze_tcp_retransmissions", path)

    assert result["total_retransmissions"] == 20
    assert result["by_direction"] == {"to_server": 20, "to_client": 0}


def test_ports_used_again_are_connections_of_their_own(tmp_path: Path) -> None:
    path = captures.reused(tmp_path / "capture.pcap")

    summary = ask("analyze_tcp_connections", path)["summary"]

    assert summary["total_connections"] == 3
    assert summary["successful_handshakes"] == 3
    assert summary["normal_close"] == 3
    assert events(ask("analyze_tcp_anomalies", path))["reused_ports"] == 2


@pytest.mark.parametrize("make", [captures.in_vxlan, captures.in_ipip])
def test_connections_inside_tunnels_have_their_own_addresses(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path / "capture.pcap")

    result = ask("analyze_tcp_connections", path, server_ip=SERVER)

    assert result["summary"]["total_connections"] == 1
    assert result["summary"]["successful_handshakes"] == 1
    [row] = rows(result["connections"])
    assert (row["client"], row["server"]) == ("10.0.0.1:40000", "10.0.0.2:80")
    assert ask("analyze_tcp_connections", path, server_ip="192.168.0.2")["summary"]["total_connections"] == 0
    assert ask("analyze_tcp_connections", path, server_ip="2.2.2.2")["summary"]["total_connections"] == 0


def test_a_capture_begun_in_the_middle_shows_no_failed_handshake(tmp_path: Path) -> None:
    path = captures.mid_stream(tmp_path / "capture.pcap")

    summary = ask("analyze_tcp_connections", path)["summary"]

    assert summary["failed_handshakes"] == 0
    assert summary["mid_stream_connections"] == 1


def test_syn_acks_are_no_syns_and_one_lost_syn_is_no_imbalance(tmp_path: Path) -> None:
    path = captures.one_lost_syn(tmp_path / "capture.pcap")

    result = ask("analyze_tcp_anomalies", path, server_ip=SERVER)

    flags = result["statistics"]["flags"]
    assert (flags["syn"], flags["syn_ack"]) == (3, 2)
    assert pattern(result, "syn_response_imbalance") is None
    assert result["statistics"]["handshake"]["unanswered"] == 1


def test_one_sided_traffic_is_named_as_such(tmp_path: Path) -> None:
    path = captures.one_way(tmp_path / "capture.pcap")

    analysis = ask("analyze_traffic_flow", path, server_ip=SERVER)["analysis"]
    nothing = ask("analyze_traffic_flow", path, server_ip="10.9.9.9")["analysis"]

    assert analysis["data_flow_direction"] == "client_only"
    assert analysis["asymmetry_ratio"] is None
    assert nothing["data_flow_direction"] == "none"
    assert nothing["asymmetry_ratio"] is None


def test_who_sent_resets_is_said_in_numbers(tmp_path: Path) -> None:
    path = captures.resets(tmp_path / "capture.pcap")

    result = ask("analyze_traffic_flow", path, server_ip=SERVER)
    anomalies = ask("analyze_tcp_anomalies", path, server_ip=SERVER)

    assert result["client_to_server"]["rst_count"] == 2
    assert result["server_to_client"]["rst_count"] == 1
    assert " all " not in result["analysis"]["interpretation"].lower()
    found = anomalies["statistics"]["rst_distribution"]
    assert found["by_direction"] == {"to_server": 2, "from_server": 1, "unknown": 0}
    assert found["by_source"] == {"10.0.0.1": 2, "10.0.0.2": 1}
    assert {row["closed_by"] for row in rows(found["connections_with_rst"])} == {"client", "server"}


def test_the_clients_port_does_not_turn_the_direction_around(tmp_path: Path) -> None:
    path = captures.port_7000(tmp_path / "capture.pcap")

    flow = ask("analyze_traffic_flow", path, server_ip=SERVER)
    by_client_port = ask("analyze_tcp_connections", path, server_ip=SERVER, server_port=7000)

    assert flow["client_to_server"]["packet_count"] == 5
    assert flow["server_to_client"]["payload_bytes"] == 1000
    assert by_client_port["summary"]["total_connections"] == 0


def test_losses_windows_and_round_trip_times_are_told(tmp_path: Path) -> None:
    path = captures.troubled(tmp_path / "capture.pcap")

    counted = events(ask("analyze_tcp_anomalies", path))
    [row] = rows(ask("analyze_tcp_connections", path, detailed=True)["connections"])

    expected = {
        "out_of_order": 1,
        "duplicate_ack": 3,
        "fast_retransmission": 1,
        "retransmission": 1,
        "lost_segment": 2,
        "zero_window": 1,
        "window_update": 1,
    }
    assert {name: counted[name] for name in expected} == expected
    assert row["initial_rtt_ms"] == pytest.approx(20.0)
    assert (row["window_scale_client"], row["window_scale_server"]) == (7, 7)
    assert (row["mss_client"], row["sack"]) == (1460, True)


def test_frames_are_numbers_in_the_file(tmp_path: Path) -> None:
    """Frame 4 is a DNS query: by number among TCP packets the evidence would stand one earlier."""
    path = captures.troubled(tmp_path / "capture.pcap")

    result = ask("analyze_tcp_anomalies", path)

    found = pattern(result, "out_of_order")
    assert found is not None
    # tshark -Y tcp.analysis.out_of_order -T fields -e frame.number
    assert found["frames"] == [9]
    [row] = rows(ask("analyze_tcp_connections", path)["connections"])
    assert (row["first_frame"], row["last_frame"]) == (1, 24)
