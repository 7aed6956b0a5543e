"""Diagnostic and performance questions that other tools answered wrongly or not at all; what Wireshark counts is in
diagnosis_captures.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet
from scapy.utils import wrpcap

from pcapstream.errors import QueryError
from pcapstream.tools.registry import TOOLS
from tests.regressions import captures, diagnosis_captures, http_captures, icmp_captures
from tests.support import wireshark
from tests.support.ask import ask, rows

MAKERS = (
    diagnosis_captures.reset_stages,
    diagnosis_captures.silent_servers,
    diagnosis_captures.errors,
    diagnosis_captures.slow_server,
    diagnosis_captures.congested,
    captures.troubled,
    captures.keep_alive,
    http_captures.slow_and_failing,
    icmp_captures.trouble,
)


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
    assert [(row["stream"], row["ttl"], row["usual_ttl"], row["sequence_gap"]) for row in forged] == [
        (4, 117, 64, 5000)
    ]
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
    assert result["summary"]["duplicate_acks"] == 3


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
    assert ask("analyze_out_of_order_packets", path)["summary"]["total_out_of_order"] == 1
    assert ask("analyze_duplicate_acks", path)["summary"]["total_duplicate_acks"] == 3
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


def test_latency_has_numbers(tmp_path: Path) -> None:
    """SYN to ACK takes 11 and 21 ms by construction."""
    result = ask("analyze_network_latency", diagnosis_captures.slow_server(tmp_path / "capture.pcap"))

    assert result["summary"]["tcp_handshake_ms"] == {
        "samples": 2,
        "min": 11.0,
        "median": 11.0,
        "p95": 21.0,
        "max": 21.0,
    }
    found = [(row["server"], row["handshake_max_ms"], row["responses"]) for row in rows(result["latency_data"])]
    assert found == [("2001:db8::2", 21.0, 1), ("10.0.0.2", 11.0, 3)]


def test_response_times_are_computed_and_divided(tmp_path: Path) -> None:
    """The first server answers after 10, 60 and 210 ms and is 10 ms away, the second after 30 ms and is 20 ms away."""
    result = ask(
        "analyze_application_response_times", diagnosis_captures.slow_server(tmp_path / "capture.pcap"), protocol="tcp"
    )

    assert result["summary"]["responses"] == 4
    columns = ("server", "responses", "min_ms", "mean_ms", "max_ms", "network_ms", "server_ms")
    found = [tuple(row[name] for name in columns) for row in rows(result["response_data"])]
    assert found == [
        ("10.0.0.2", 3, 10.0, 93.333, 210.0, 10.0, 83.333),
        ("2001:db8::2", 1, 30.0, 30.0, 30.0, 20.0, 10.0),
    ]
    assert [(row["stream"], row["max_ms"]) for row in rows(result["slowest"])] == [(0, 210.0), (1, 30.0)]


def test_a_protocol_is_chosen_from_a_list(tmp_path: Path) -> None:
    """No text of the caller becomes part of a filter."""
    path = diagnosis_captures.slow_server(tmp_path / "capture.pcap")

    assert ask("analyze_application_response_times", path, protocol="https")["summary"]["responses"] == 0
    with pytest.raises(QueryError):
        ask("analyze_application_response_times", path, protocol="error,tcp.port==1")


def test_congestion_marks_are_counted(tmp_path: Path) -> None:
    result = ask("analyze_congestion_indicators", diagnosis_captures.congested(tmp_path / "capture.pcap"))

    found = {row["indicator"]: row["count"] for row in rows(result["congestion_data"])}
    assert (found["ecn_congested"], found["ecn_echo"], found["window_reduced"]) == (2, 2, 1)
    assert result["summary"]["ecn_capable_packets"] == 4


def test_quality_is_that_of_tcp_and_echo(tmp_path: Path) -> None:
    result = ask("analyze_network_quality_metrics", captures.troubled(tmp_path / "capture.pcap"))

    found = {row["measure"]: row["count"] for row in rows(result["quality_data"])}
    assert (found["tcp_out_of_order_share"], found["tcp_duplicate_ack_share"]) == (1, 3)


def test_throughput_of_connections(tmp_path: Path) -> None:
    result = ask("analyze_network_performance", diagnosis_captures.slow_server(tmp_path / "capture.pcap"))

    found = [
        (row["stream"], row["payload_to_server"], row["payload_to_client"]) for row in rows(result["performance_data"])
    ]
    assert found == [(0, 21, 24), (1, 3, 6)]


def test_http_response_times_are_those_of_its_requests(tmp_path: Path) -> None:
    """Answered after 40 ms and after 2 s, by a server 10 ms away."""
    path = http_captures.slow_and_failing(tmp_path / "capture.pcap")

    result = ask("analyze_application_response_times", path)

    columns = ("server", "requests", "responses", "min_ms", "mean_ms", "max_ms", "network_ms", "server_ms")
    found = [tuple(row[name] for name in columns) for row in rows(result["response_data"])]
    assert found == [("10.0.0.2", 3, 2, 40.0, 1020.0, 2000.0, 10.0, 1010.0)]
    assert ask("analyze_network_latency", path)["summary"]["http_response_ms"]["max"] == 2000.0


def test_reuse_counts_requests_of_connections(tmp_path: Path) -> None:
    summary = ask("analyze_connection_reuse", http_captures.slow_and_failing(tmp_path / "capture.pcap"))["summary"]

    assert (summary["total_http_requests"], summary["connections_with_http"]) == (3, 1)
    assert (summary["multi_request_connections"], summary["avg_requests_per_connection"]) == (1, 3.0)


@pytest.mark.tshark
@wireshark.needs_tshark()
def test_filters_of_findings_and_rows_are_wiresharks(tmp_path: Path) -> None:
    """Also those that no finding of these captures carries: tshark takes every filter that was made."""
    paths = [make(tmp_path / f"{make.__name__}.pcap") for make in MAKERS]
    filters: set[str] = set()
    for spec in (tool for tool in TOOLS if tool.module in ("performance", "diagnostics")):
        for path in paths:
            result = ask(spec.name, path)
            filters.update(one["filter"] for one in result["findings"] if "filter" in one)
            for table in result.values():
                if isinstance(table, dict) and "filter" in table.get("columns", ()):
                    filters.update(row["filter"] for row in rows(table)[:1])

    assert len(filters) > 30
    together = " || ".join(f"({one})" for one in sorted(filters))
    assert wireshark.frames(paths[0], together)


def test_the_frame_of_the_slowest_answer_is_named(tmp_path: Path) -> None:
    """Two DNS servers, two hosts asked with ping: the slowest answers are late by construction, in frames 6 and 12."""
    frames: list[Packet] = []
    now = 1_700_000_000.0

    def add(packet: Packet, after: float) -> None:
        nonlocal now
        now += after
        frame = Ether() / packet
        frame.time = now
        frames.append(frame)

    for number, (server, wait) in enumerate([("192.0.2.53", 0.01), ("192.0.2.54", 0.02), ("192.0.2.53", 1.5)]):
        ask_it = DNS(id=number, qd=DNSQR(qname="example.org"))
        add(IP(src="10.0.0.1", dst=server) / UDP(sport=5000 + number, dport=53) / ask_it, 1)
        reply = DNS(id=number, qr=1, qd=DNSQR(qname="example.org"))
        add(IP(src=server, dst="10.0.0.1") / UDP(sport=53, dport=5000 + number) / reply, wait)
    for number, (host, wait) in enumerate([("192.0.2.7", 0.03), ("192.0.2.8", 0.01), ("192.0.2.7", 2.0)]):
        add(IP(src="10.0.0.1", dst=host) / ICMP(type=8, id=9, seq=number) / b"ping", 1)
        add(IP(src=host, dst="10.0.0.1") / ICMP(type=0, id=9, seq=number) / b"ping", wait)
    wrpcap(str(path := tmp_path / "c.pcap"), frames)

    for protocol, frame, slowest, other in (("dns", 6, "192.0.2.53", 4), ("icmp", 12, "192.0.2.7", 10)):
        result = ask("analyze_application_response_times", path, protocol=protocol)
        told = rows(result["response_data"])
        assert [(row["server"], row["slowest_frame"]) for row in told] == [
            (slowest, frame), ("192.0.2.54" if protocol == "dns" else "192.0.2.8", other),
        ]  # fmt: skip
        assert result["summary"]["response_time_ms"]["max_frame"] == frame
        [late] = result["findings"]
        assert (late["code"], late["frames"]) == ("slow_responses", [frame])
