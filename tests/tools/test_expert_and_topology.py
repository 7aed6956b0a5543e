"""Expert information, protocol anomalies and the map of the network, over captures made for it."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from pathlib import Path

import pytest

from pcapstream.errors import QueryError
from pcapstream.tools.registry import find_tool
from pcapstream.tools.topology import vendor_of
from pcapstream.topology import TopologyMachine, TopologySummary, distance_of
from tests.support.ask import ask, rows
from tests.support.pcap import START_NS, Frame, mixed, pcap

EXAMPLES = Path(__file__).parents[2] / "examples"
ROUTER, HOST, OTHER = "00:00:0c:00:00:fe", "b8:27:eb:00:00:01", "02:00:00:00:00:02"


def ether(source: str, target: str, kind: int, payload: bytes) -> bytes:
    return bytes.fromhex(target.replace(":", "") + source.replace(":", "")) + struct.pack(">H", kind) + payload


def arp_reply(mac: str, address: str, to: str) -> bytes:
    head = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2)
    own = bytes.fromhex(mac.replace(":", "")) + ip_address(address).packed
    return ether(mac, HOST, 0x0806, head + own + bytes(6) + ip_address(to).packed)


def ip(mac: str, to: str, source: str, target: str, ttl: int) -> bytes:
    """UDP to port 9 with the checksum of IPv4 left zero."""
    payload = struct.pack(">HHHH", 4000, 9, 8, 0)
    if ":" in source:
        head = struct.pack(">IHBB", 6 << 28, len(payload), 17, ttl)
        return ether(mac, to, 0x86DD, head + ip_address(source).packed + ip_address(target).packed + payload)
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, ttl, 17, 0)
    return ether(mac, to, 0x0800, head + ip_address(source).packed + ip_address(target).packed + payload)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A host, a neighbour, and a router that brings packets of two servers, three and ten routers away."""
    packets = [
        arp_reply(HOST, "192.168.1.10", "192.168.1.1"),
        arp_reply(ROUTER, "192.168.1.1", "192.168.1.10"),
        ip(HOST, ROUTER, "192.168.1.10", "203.0.113.5", 64),
        ip(ROUTER, HOST, "203.0.113.5", "192.168.1.10", 61),
        ip(ROUTER, HOST, "198.51.100.7", "192.168.1.10", 118),
        ip(OTHER, HOST, "192.168.1.20", "192.168.1.10", 128),
        ip(HOST, ROUTER, "2001:db8:1::10", "2001:db8:9::1", 64),
        ip(ROUTER, HOST, "2001:db8:9::1", "2001:db8:1::10", 59),
        ip(HOST, "01:00:5e:00:00:fb", "192.168.1.10", "224.0.0.251", 255),
    ]
    path = tmp_path_factory.mktemp("topology") / "network.pcap"
    path.write_bytes(pcap([Frame(START_NS + i * 1_000_000, data) for i, data in enumerate(packets)]))
    return path


def test_the_map_shows_hosts_gateways_and_subnets(network: Path) -> None:
    result = ask("analyze_network_topology", network)

    hosts = {row["address"]: row for row in rows(result["hosts"])}
    assert {address: row["distance"] for address, row in hosts.items()} == {
        "192.168.1.10": 0,
        "203.0.113.5": 3,
        "198.51.100.7": 10,
        "192.168.1.20": 0,
        "2001:db8:1::10": 0,
        "2001:db8:9::1": 5,
    }
    assert {address for address, row in hosts.items() if row["on_link"]} >= {"192.168.1.10", "192.168.1.20"}
    assert {address for address, row in hosts.items() if row["on_link"] is False} == {
        "203.0.113.5",
        "198.51.100.7",
        "2001:db8:9::1",
    }
    (gateway,) = rows(result["gateways"])
    assert (gateway["mac"], gateway["vendor"]) == (ROUTER, "Cisco Systems, Inc")
    assert gateway["addresses"] == ["192.168.1.1"]
    assert gateway["hosts_behind"] == 3
    subnets = {row["subnet"]: row for row in rows(result["subnets"])}
    assert subnets["192.168.1.0/24"]["hosts"] == 3
    assert subnets["192.168.1.0/24"]["gateways"] == ["192.168.1.1"]
    assert hosts["192.168.1.10"]["mac"] == HOST
    assert hosts["192.168.1.10"]["frames_sent"] == 2
    assert hosts["192.168.1.10"]["frames_received"] == 3


def test_a_filter_narrows_the_map(network: Path) -> None:
    result = ask("analyze_network_topology", network, display_filter="ipv6")

    assert {row["address"] for row in rows(result["hosts"])} == {"2001:db8:1::10", "2001:db8:9::1"}


def test_parts_of_a_map_merge() -> None:
    from pcapstream._core import Decoder
    from pcapstream.selection import RowQuery, Selection
    from pcapstream.topology import COLUMNS

    def run(frames: list[Frame]) -> TopologySummary:
        rows = RowQuery(columns=COLUMNS, summaries=True, machine=TopologyMachine)
        decoder = Decoder(**Selection(rows=rows).arguments())
        machine = TopologyMachine()
        machine.feed(decoder.feed(pcap(frames)))
        machine.feed(decoder.finish())
        found = machine.finish(decoder.snapshot())
        assert isinstance(found, TopologySummary)
        return found

    frames = mixed()
    merged = run(frames[:40]).merge(run(frames[40:]))
    whole = run(frames)

    assert {a: (h.frames_sent, h.bytes_received, h.macs, h.ttls) for a, h in merged.hosts.items()} == {
        a: (h.frames_sent, h.bytes_received, h.macs, h.ttls) for a, h in whole.hosts.items()
    }
    assert {a: (m.frames, m.sources, m.claims) for a, m in merged.macs.items()} == {
        a: (m.frames, m.sources, m.claims) for a, m in whole.macs.items()
    }
    assert TopologySummary.empty().merge(whole) == whole.merge(TopologySummary.empty()) == whole


def test_distances_are_from_the_nearest_usual_start() -> None:
    assert [distance_of(ttl) for ttl in (64, 63, 1, 65, 128, 129, 255, 0)] == [0, 1, 63, 63, 0, 126, 0, 64]


def test_vendors_are_those_of_the_registry() -> None:
    assert vendor_of("00:50:56:00:00:01") == "VMware, Inc."
    assert vendor_of(OTHER) is None
    assert vendor_of("01:00:5e:00:00:fb") is None


@pytest.mark.parametrize("severity", ["error,tcp.port==1", "warnings", "", "Note"])
def test_a_severity_is_one_of_wiresharks(severity: str) -> None:
    """The seed put the text into a tap's argument: "error,tcp.port==1" was a filter."""
    with pytest.raises(QueryError) as refused:
        find_tool("analyze_expert_information").bind({"pcap_file": "x", "severity_filter": severity})

    assert refused.value.code == "unknown_value"
    assert "error, warn, note, chat" in str(refused.value)


def test_a_severity_lists_it_and_the_heavier_ones() -> None:
    path = EXAMPLES / "web-problems.pcapng"
    every = ask("analyze_expert_information", path)
    warnings = ask("analyze_expert_information", path, severity_filter="warn")

    assert {row["severity"] for row in rows(every["expert_data"])} == {"warn", "note", "chat"}
    assert {row["severity"] for row in rows(warnings["expert_data"])} == {"warn"}
    assert warnings["by_severity"] == every["by_severity"]
    (zero,) = [row for row in rows(every["expert_data"]) if row["summary"] == "TCP Zero Window segment"]
    assert (zero["count"], zero["first_frames"], zero["filter"]) == (4, [71, 73, 75, 77], "tcp.analysis.zero_window")


def test_damage_and_short_packets_are_anomalies() -> None:
    result = ask("analyze_protocol_anomalies", EXAMPLES / "cut-short.pcap")

    assert {found["code"] for found in result["findings"]} & {"damaged_capture", "packets_cut_short"}
