"""What mcpcap's users rely on, told in cases of our own: the same answer, or a better one where Wireshark says so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Padding
from scapy.utils import wrpcap

from pcapstream.errors import PcapstreamError
from tests.regressions.dhcp_captures import v4
from tests.support.ask import ask, rows
from tests.support.talk import START, Talk, in_ethernet, write

CLIENT, SERVER = "10.0.0.1", "10.0.0.2"
FIRST = ANSWER = 1_000
"""Initial numbers of both ends: equal, so that nothing but the direction tells their segments apart."""


def segment(
    flags: str, seq: int, ack: int = 0, *, from_server: bool = False, port: int = 40_000, data: bytes = b""
) -> Packet:
    ends, ports = ((SERVER, CLIENT), (80, port)) if from_server else ((CLIENT, SERVER), (port, 80))
    tcp = TCP(sport=ports[0], dport=ports[1], flags=flags, seq=seq % 2**32, ack=ack % 2**32)
    return IP(src=ends[0], dst=ends[1]) / tcp / data


def capture(path: Path, *packets: Packet, gap: float = 0.01) -> Path:
    frames = [in_ethernet(packet) for packet in packets]
    for number, frame in enumerate(frames):
        frame.time = START + number * gap
    return write(path, *frames)


SYN = segment("S", FIRST)
SYN_ACK = segment("SA", ANSWER, FIRST + 1, from_server=True)
ACK = segment("A", FIRST + 1, ANSWER + 1)


@pytest.mark.parametrize(
    ("packets", "completed"),
    [
        ((SYN, SYN_ACK, ACK), True),
        ((SYN, SYN_ACK), False),
        ((SYN, ACK), False),
        ((SYN, segment("R", 0, FIRST + 1, from_server=True)), False),
        ((SYN, SYN_ACK, segment("R", FIRST + 1)), False),
        # Numbers that pass 2^32.
        ((segment("S", -1), segment("SA", -1, 0, from_server=True), segment("A", 0, 0)), True),
    ],
    ids=["whole", "no ACK", "no SYN-ACK", "refused", "given up", "wrapped"],
)
def test_a_handshake_has_three_steps(packets: tuple[Packet, ...], completed: bool, tmp_path: Path) -> None:
    result = ask("analyze_tcp_connections", capture(tmp_path / "capture.pcap", *packets), detailed=True)

    (connection,) = rows(result["connections"])
    assert connection["handshake_completed"] is completed
    assert (connection["client"], connection["server"]) == (f"{CLIENT}:40000", f"{SERVER}:80")
    assert result["summary"]["total_connections"] == 1


def data(seq: int, text: bytes, **more: Any) -> Packet:
    return segment("PA", seq, ANSWER + 1, data=text, **more)


@pytest.mark.parametrize(
    ("packets", "again"),
    [
        ((data(FIRST + 1, b"hello"),), 0),
        ((data(FIRST + 1, b"hello"), data(FIRST + 6, b"world")), 0),
        ((data(FIRST + 1, b"hello"), data(FIRST + 1, b"hello")), 1),
        # The other direction, and another connection, have numbers of their own.
        ((data(FIRST + 1, b"hello"), segment("PA", FIRST + 1, FIRST + 6, from_server=True, data=b"hello")), 0),
        ((data(FIRST + 1, b"hello"), data(FIRST + 1, b"hello", port=40_001)), 0),
    ],
    ids=["once", "next", "twice", "other direction", "other connection"],
)
def test_all_tools_tell_the_same_retransmissions(packets: tuple[Packet, ...], again: int, tmp_path: Path) -> None:
    path = capture(tmp_path / "capture.pcap", SYN, SYN_ACK, ACK, *packets, gap=0.5)

    connections = ask("analyze_tcp_connections", path, detailed=True)
    assert sum(row["retransmissions"] for row in rows(connections["connections"])) == again
    assert ask("analyze_tcp_retransmissions", path)["total_retransmissions"] == again
    assert ask("analyze_tcp_anomalies", path)["statistics"]["retransmissions"]["total"] == again
    flow = ask("analyze_traffic_flow", path, server_ip=SERVER)
    assert sum(flow[side]["retransmissions"] for side in ("client_to_server", "server_to_client")) == again


def test_padding_of_short_frames_is_no_data(tmp_path: Path) -> None:
    padded = [in_ethernet(packet) / Padding(bytes(6)) for packet in (SYN, SYN_ACK, ACK)]
    for number, frame in enumerate(padded):
        frame.time = START + number
    path = write(tmp_path / "capture.pcap", *padded)

    (connection,) = rows(ask("analyze_tcp_connections", path, detailed=True)["connections"])
    assert (connection["data_packets"], connection["retransmissions"]) == (0, 0)
    assert ask("analyze_traffic_flow", path, server_ip=SERVER)["client_to_server"]["data_packets"] == 0


def test_both_versions_of_ip_in_one_capture(tmp_path: Path) -> None:
    six = IPv6(src="2001:db8::1", dst="2001:db8::2") / TCP(sport=40_001, dport=80, flags="R", seq=1)
    path = capture(tmp_path / "capture.pcap", SYN, SYN_ACK, ACK, six)

    statistics = ask("analyze_tcp_anomalies", path)["statistics"]
    assert statistics["total_connections"] == 2
    assert statistics["rst_distribution"]["connections_with_rst"]["total"] == 1


def test_questions_at_the_same_time_keep_their_filters(tmp_path: Path) -> None:
    other = Talk("10.9.0.1", 50_000, "10.9.0.2", 443)
    other.handshake()
    one = Talk(CLIENT, 40_000, SERVER, 80)
    one.handshake()
    path = write(tmp_path / "capture.pcap", one, other)

    def about(server: str) -> tuple[str, int]:
        result = ask("analyze_tcp_connections", path, server_ip=server)
        return result["filter"]["server_ip"], result["summary"]["total_connections"]

    servers = [SERVER, "10.9.0.2", "192.0.2.1"] * 4
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(about, servers))

    assert found == [(server, 0 if server == "192.0.2.1" else 1) for server in servers]


@pytest.mark.parametrize(("limit", "read", "stopped"), [(2, 2, True), (4, 4, True), (None, 4, False)])
def test_a_limit_of_packets_is_one_of_the_file(limit: int | None, read: int, stopped: bool, tmp_path: Path) -> None:
    path = capture(tmp_path / "capture.pcap", IP() / UDP(sport=123, dport=123), SYN, SYN_ACK, ACK)

    result = ask("analyze_tcp_connections", path, max_packets=limit)

    assert (result["packets_analyzed"], result["max_packets"], result["tcp_packets_found"]) == (read, limit, read - 1)
    assert result["truncated"] is stopped


def test_every_address_of_an_option_is_there(tmp_path: Path) -> None:
    offer = v4(
        "offer", 0, ("server_id", "192.0.2.1"), ("router", "192.0.2.1", "192.0.2.2"),
        ("name_server", "198.51.100.1", "198.51.100.2"), yiaddr="192.0.2.9",
    )  # fmt: skip

    (packet,) = rows(ask("analyze_dhcp_packets", write(tmp_path / "capture.pcap", offer))["packets"])

    assert packet["options"]["router"] == ["192.0.2.1", "192.0.2.2"]
    assert packet["options"]["dns_servers"] == ["198.51.100.1", "198.51.100.2"]


@pytest.mark.parametrize(
    ("tool", "found"), [("analyze_dns_packets", "dns_packets_found"), ("analyze_dhcp_packets", "dhcp_packets_found")]
)
def test_a_capture_of_something_else_has_none_and_says_so(tool: str, found: str, tmp_path: Path) -> None:
    path = capture(tmp_path / "capture.pcap", IP() / UDP(sport=1_234, dport=5_678) / b"something else")

    result = ask(tool, path)

    assert result[found] == 0
    assert result["message"].endswith("packets found in this capture")


@pytest.mark.parametrize("tool", ["analyze_dns_packets", "analyze_dhcp_packets", "analyze_capinfos"])
def test_a_file_that_is_not_there_is_an_error(tool: str, tmp_path: Path) -> None:
    with pytest.raises(PcapstreamError) as caught:
        ask(tool, tmp_path / "missing.pcap")

    assert caught.value.code == "not_found"


def test_captures_without_ethernet_and_of_unknown_links(tmp_path: Path) -> None:
    raw, unknown = tmp_path / "raw.pcap", tmp_path / "unknown.pcap"
    wrpcap(str(raw), [IP(src=CLIENT, dst=SERVER) / TCP() / b"GET / HTTP/1.1"], linktype=101)
    wrpcap(str(unknown), [Ether() / SYN], linktype=1024)

    first, second = ask("analyze_capinfos", raw), ask("analyze_capinfos", unknown)

    assert (first["packet_count"], first["average_packet_size_bytes"]) == (1, 54.0)
    assert first["file_encapsulation"] == "Raw IP"
    assert second["file_encapsulation"] == "Unknown (1024)"
