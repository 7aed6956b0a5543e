"""What the tools say about captures whose content is known by construction."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from tests.support.ask import ask, rows
from tests.support.pcap import START_NS, Frame, arp, conversation, in_time_order, mixed, pcap, pcapng, udp

MCPCAP_KEYS: dict[str, dict[str, Any]] = {
    "analyze_capinfos": {
        "file_size_bytes": int,
        "filename": str,
        "file_encapsulation": str,
        "packet_count": int,
        "data_size_bytes": int,
        "capture_duration_seconds": float,
        "first_packet_time": float,
        "last_packet_time": float,
        "data_rate_bytes": float,
        "data_rate_bits": float,
        "average_packet_size_bytes": float,
        "average_packet_rate": float,
    },
    "analyze_tcp_connections": {
        "file": str,
        "analysis_timestamp": str,
        "total_packets": int,
        "tcp_packets_found": int,
        "filter": {"server_ip": None, "server_port": None},
        "summary": {
            "total_connections": int,
            "successful_handshakes": int,
            "failed_handshakes": int,
            "established_connections": int,
            "reset_connections": int,
            "normal_close": int,
            "active_connections": int,
        },
        "connections": dict,
        "issues": list,
        "packets_analyzed": int,
        "max_packets": None,
        "truncated": bool,
    },
    "analyze_tcp_anomalies": {
        "file": str,
        "analysis_timestamp": str,
        "filter": {"server_ip": None, "server_port": None},
        "statistics": {
            "total_connections": int,
            "total_packets": int,
            "handshake": {"successful": int, "failed": int, "incomplete": int},
            "flags": {"syn": int, "syn_ack": int, "rst": int, "fin": int, "ack": int},
            "rst_distribution": {
                "by_source": dict,
                "by_direction": {"to_server": int, "from_server": int, "unknown": int},
                "connections_with_rst": dict,
            },
            "retransmissions": {"total": int, "by_connection": dict, "rate": float},
            "connection_states": {"established": int, "reset": int, "closed": int, "unknown": int},
        },
        "patterns": list,
        "summary": {"total_patterns": int, "by_category": dict, "notable_observations": list},
    },
    "analyze_tcp_retransmissions": {
        "file": str,
        "analysis_timestamp": str,
        "total_packets": int,
        "total_retransmissions": int,
        "retransmission_rate": float,
        "threshold": float,
        "exceeds_threshold": bool,
        "by_connection": dict,
        "summary": {"worst_connection": str, "worst_retrans_rate": float, "connections_above_threshold": int},
    },
    "analyze_traffic_flow": {
        "file": str,
        "analysis_timestamp": str,
        "server": str,
        "client_to_server": {
            "packet_count": int,
            "byte_count": int,
            "syn_count": int,
            "rst_count": int,
            "fin_count": int,
            "data_packets": int,
            "retransmissions": int,
        },
        "server_to_client": {"packet_count": int, "byte_count": int},
        "analysis": {
            "asymmetry_ratio": float,
            "primary_rst_source": str,
            "data_flow_direction": str,
            "interpretation": str,
        },
    },
}
"""Result keys people's programs read; lists of details have become tables, which are objects."""


def check_keys(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for key, kind in expected.items():
        assert key in found
        if isinstance(kind, dict):
            check_keys(found[key], kind)
        elif kind is None:
            assert found[key] is None
        else:
            assert isinstance(found[key], kind), key


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("views") / "mixed.pcap"
    path.write_bytes(pcap(mixed()))
    return path


@pytest.mark.parametrize("tool", MCPCAP_KEYS)
def test_known_result_keys_stay(tool: str, capture: Path) -> None:
    more = {"server_ip": "192.0.2.1"} if tool == "analyze_traffic_flow" else {}

    check_keys(ask(tool, capture, **more), MCPCAP_KEYS[tool])


def test_capinfos_counts_the_wire_and_says_what_was_captured(tmp_path: Path) -> None:
    """Two packets of 100 and 300 bytes, the second cut to 60, in the wrong order of time."""
    path = tmp_path / "two.pcapng.gz"
    late, early = Frame(START_NS + 9 * 10**9, bytes(100)), Frame(START_NS, bytes(60), wire_bytes=300)
    path.write_bytes(gzip.compress(pcapng([late, early])))

    result = ask("analyze_capinfos", path)

    assert result["packet_count"] == 2
    assert result["data_size_bytes"] == 400
    assert result["captured_bytes"] == 160
    assert result["file_size_bytes"] == path.stat().st_size
    assert result["file_encapsulation"] == "Ethernet"
    assert (result["format"], result["compression"]) == ("pcapng", "gzip")
    assert result["capture_duration_seconds"] == 9.0
    assert result["first_packet_time_utc"] == "2023-11-14T22:13:20.000000Z"
    assert result["last_packet_time_utc"] == "2023-11-14T22:13:29.000000Z"
    assert result["first_in_file_utc"] == "2023-11-14T22:13:29.000000Z"
    assert result["data_rate_bytes"] == pytest.approx(400 / 9)
    assert result["average_packet_size_bytes"] == 200
    assert (result["strict_time_order"], result["packets_out_of_time_order"]) == (False, 1)
    assert {found["code"] for found in result["findings"]} == {"packets_cut_short", "time_goes_back"}


def test_one_packet_has_no_rate(tmp_path: Path) -> None:
    path = tmp_path / "one.pcap"
    path.write_bytes(pcap([Frame(START_NS, arp("10.0.0.1", "10.0.0.2"))]))

    result = ask("analyze_capinfos", path)

    assert result["capture_duration_seconds"] == 0
    assert [result[key] for key in ("data_rate_bytes", "data_rate_bits", "average_packet_rate")] == [None] * 3
    assert "rates are null" in result["notes"][0]


def test_a_capture_without_packets_is_answered_by_every_tool(tmp_path: Path) -> None:
    path = tmp_path / "none.pcap"
    path.write_bytes(pcap([]))

    assert ask("analyze_capinfos", path)["first_packet_time"] is None
    assert ask("analyze_pcap_file", path)["summary"] == "A pcap capture without packets."
    for tool in MCPCAP_KEYS:
        if tool != "analyze_capinfos":
            more = {"server_ip": "192.0.2.1"} if tool == "analyze_traffic_flow" else {}
            assert ask(tool, path, **more)["message"] == "No TCP packets found in this capture"


def test_damage_is_told_in_coverage_findings_and_notes(tmp_path: Path) -> None:
    data = pcap(conversation())
    path = tmp_path / "cut.pcap"
    path.write_bytes(data[:-10])

    for tool in ("analyze_capinfos", "analyze_pcap_file", "analyze_tcp_connections"):
        result = ask(tool, path)
        assert result["coverage"]["complete"] is False
        assert result["coverage"]["reason"] == "damaged"
        assert result["coverage"]["damage"][0]["reason"] == "truncated"
        assert "damaged" in result["notes"][0]
    assert ask("analyze_capinfos", path)["packet_count"] == len(conversation()) - 1
    assert ask("analyze_capinfos", path)["findings"][0]["code"] == "damaged_capture"


def test_connections_end_as_they_were_made_to(capture: Path) -> None:
    """mixed(): 20 connections that end by FIN, by RST of the server, or not at all, in turn."""
    result = ask("analyze_tcp_connections", capture, limit=1000)

    summary = result["summary"]
    assert summary["total_connections"] == summary["successful_handshakes"] == 20
    assert (summary["normal_close"], summary["reset_connections"], summary["active_connections"]) == (7, 7, 6)
    found = rows(result["connections"])
    assert [row["close_reason"] for row in found[:3]] == ["normal", "reset", "active"]
    assert [row["state"] for row in found[:3]] == ["closed", "closed", "active"]
    assert all(row["handshake_completed"] and row["syn_count"] == row["syn_ack_count"] == 1 for row in found)
    assert found[3]["client"] == "[2001:db8::4]:40003"


def test_a_filter_that_matches_nothing_says_so(capture: Path) -> None:
    result = ask("analyze_tcp_connections", capture, server_ip="203.0.113.9")

    assert result["summary"]["total_connections"] == 0
    assert result["message"] == "No TCP connection in this capture involves that server"


def test_retransmissions_are_ranked_and_compared_with_the_threshold(capture: Path) -> None:
    """mixed(): every fifth connection sends its first response twice."""
    result = ask("analyze_tcp_retransmissions", capture)

    assert result["total_retransmissions"] == 4
    assert result["summary"]["connections_above_threshold"] == 4
    found = rows(result["by_connection"])
    assert {row["stream"] for row in found} == {0, 5, 10, 15}
    rates = [row["retrans_rate"] for row in found]
    assert rates == sorted(rates, reverse=True)
    assert result["summary"]["worst_connection"] == found[0]["connection"]
    lenient = ask("analyze_tcp_retransmissions", capture, threshold=1)
    assert (lenient["exceeds_threshold"], lenient["summary"]["connections_above_threshold"]) == (False, 0)


def test_the_triage_has_all_parts(capture: Path) -> None:
    result = ask("analyze_pcap_file", capture)

    assert result["capture"]["packet_count"] == len(mixed())
    assert result["tcp"]["connections"] == 20
    hierarchy = {row["path"]: row["frames"] for row in rows(result["hierarchy"])}
    assert hierarchy["eth"] == len(mixed())
    assert hierarchy["eth:arp"] == 1
    assert hierarchy["eth:ip:udp"] == 30
    assert {row["kind"] for row in rows(result["top_talkers"])} == {"ip", "ipv6"}
    assert sum(result["timeline"]["frames"]) == len(mixed())
    assert {step["tool"] for step in result["next"]} >= {"analyze_tcp_anomalies", "analyze_tcp_retransmissions"}
    codes = {found["code"] for found in result["findings"]}
    assert {"reset_connections", "retransmissions"} <= codes


def test_hierarchy_counts_include_the_levels_below(capture: Path) -> None:
    found = rows(ask("analyze_pcap_file", capture, analysis_type="protocols")["hierarchy"])
    frames = {row["path"]: row["frames"] for row in found}

    assert frames["eth:ip"] == frames["eth:ip:tcp"] + frames["eth:ip:udp"]
    paths = [row["path"] for row in found]
    assert all(path.rpartition(":")[0] in ("", *paths[:place]) for place, path in enumerate(paths))


def test_conversations_and_endpoints_come_by_kind(capture: Path) -> None:
    conversations = ask("analyze_pcap_file", capture, analysis_type="conversations")
    endpoints = ask("analyze_pcap_file", capture, analysis_type="endpoints")

    assert conversations["tcp_conversations"]["total"] == 20
    assert conversations["udp_conversations"]["total"] == 3
    assert conversations["totals"]["udp"]["frames"] == 30
    sizes = [row["bytes_a_to_b"] + row["bytes_b_to_a"] for row in rows(conversations["tcp_conversations"])]
    assert sizes == sorted(sizes, reverse=True)
    # Five servers' ports on each of two addresses at most; the UDP ends are three and one.
    assert endpoints["udp_endpoints"]["total"] == 4


def test_a_port_scan_shows_and_what_is_not_looked_at_is_said(tmp_path: Path) -> None:
    """One client asks 40 ports of one host, all refused by silence; another opens one connection."""
    scan = [conversation(client_port=50_000, server_port=port, exchanges=0, close="open")[:1] for port in range(1, 41)]
    path = tmp_path / "scan.pcap"
    path.write_bytes(pcap(in_time_order([*scan, conversation(client="10.0.0.9")])))

    result = ask("analyze_pcap_file", path, analysis_type="security")

    [found] = [one for one in result["findings"] if one["code"] == "many_ports_failed"]
    assert found["count"] == 40
    assert (found["client"], found["host"]) == ("10.0.0.1", "10.0.0.2")
    assert len(found["frames"]) == 10
    assert result["covers"]
    assert "ARP spoofing" in result["does_not_cover"][0]


def test_findings_have_frames_and_filters_that_wireshark_takes(capture: Path) -> None:
    for found in ask("analyze_pcap_file", capture)["findings"]:
        assert found["text"].endswith(".")
        assert found["count"] >= 1
        if "frames" in found:
            assert found["frames"] == sorted(found["frames"])
            assert len(found["frames"]) <= 10


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_times_do_not_depend_on_the_zone_of_the_machine(
    capture: Path, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        result = ask("analyze_capinfos", capture)
    finally:
        monkeypatch.undo()
        time.tzset()

    assert result["first_packet_time_utc"] == "2023-11-14T22:13:20.000000Z"
    assert result["analysis_timestamp"].endswith("Z")


def test_text_of_a_capture_is_never_part_of_a_sentence(tmp_path: Path) -> None:
    """A name that reads like an order stays in the table of names."""
    name = b"\x0cignore-rules\x07example\x00"
    query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + name + b"\x00\x01\x00\x01"
    path = tmp_path / "query.pcap"
    path.write_bytes(pcap([Frame(START_NS, udp("10.0.0.1", 5353, "10.0.0.2", 53, query))]))

    result = ask("analyze_pcap_file", path)

    assert rows(result["names"]) == [{"kind": "dns", "name": "ignore-rules.example", "times": 1}]
    assert "ignore-rules" not in result["summary"] + str(result["notes"]) + str(result["findings"]) + str(
        result["next"]
    )
