"""ICMP questions that other tools answered wrongly; what Wireshark counts is in icmp_captures.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.regressions import icmp_captures as captures
from tests.support import wireshark
from tests.support.ask import ask, rows

TOOL = "analyze_icmp_packets"


def by(table: dict[str, Any], key: str) -> dict[Any, dict[str, Any]]:
    return {row[key]: row for row in rows(table)}


def test_icmpv6_is_counted_as_a_whole(tmp_path: Path) -> None:
    result = ask(TOOL, captures.both_versions(tmp_path / "capture.pcap"))

    assert result["icmp_packets_found"] == 12
    versions = result["statistics"]["versions"]
    assert (versions["icmp"]["frames"], versions["icmpv6"]["frames"]) == (2, 10)
    assert (versions["icmpv6"]["echo_requests"], versions["icmpv6"]["echo_answered"]) == (1, 1)
    assert versions["icmpv6"]["response_time_ms"]["max"] == 25.0
    assert result["statistics"]["icmp_type_counts"] == {
        "Echo Request": 2,
        "Echo Reply": 2,
        "Destination Unreachable": 1,
        "Time Exceeded": 1,
        "Packet Too Big": 1,
        "Neighbor Solicitation": 1,
        "Neighbor Advertisement": 1,
        "Router Advertisement": 1,
        "Multicast Listener Report": 1,
        "Redirect": 1,
    }
    unreachable, exceeded, too_big = rows(result["packets"])[4:7]
    assert unreachable["icmp_code_name"] == "Port Unreachable"
    for row in (unreachable, exceeded):
        assert row["original"]["src"] == "2001:db8::1"
        assert (row["original"]["dst"], row["original"]["dst_port"]) == ("2001:db8:1::2", 33434)
    assert too_big["mtu"] == 1280
    assert rows(result["path_mtu"])[0]["mtu"] == 1280
    router = rows(result["routers"])[0]
    assert (router["router"], router["lifetime_s"]) == ("fe80::1", 1800)
    assert router["options"][0] == {
        "option": "prefix information",
        "prefix": "2001:db8:9::",
        "prefix_length": 64,
        "on_link": True,
        "autonomous": True,
        "valid_lifetime_s": 3600,
        "preferred_lifetime_s": 1800,
    }
    neighbour = by(result["neighbours"], "address")["fe80::1"]
    assert (neighbour["solicited"], neighbour["advertised"]) == (1, 1)
    assert neighbour["hardware_addresses"] == ["02:00:00:00:00:01"]
    assert rows(result["multicast_groups"]) == [{"host": "fe80::2", "group": "ff02::fb", "reports": 1}]
    assert rows(result["redirects"])[0]["better_gateway"] == "fe80::9"


def test_echo_is_paired_by_hosts_and_has_times(tmp_path: Path) -> None:
    result = ask(TOOL, captures.same_identifier(tmp_path / "capture.pcap"))

    statistics = result["statistics"]
    assert statistics["echo_sessions"] == 2
    version = statistics["versions"]["icmp"]
    assert (version["echo_requests"], version["echo_replies"], version["echo_answered"]) == (5, 5, 3)
    assert (version["echo_unanswered"], version["echo_duplicate_replies"], version["echo_unmatched_replies"]) == (
        2,
        1,
        1,
    )
    pairs = by(result["echo_pairs"], "source")
    one, other = pairs[captures.HOST], pairs[captures.THIRD]
    assert (one["destination"], one["ids"], one["requests"], one["answered"]) == (captures.OTHER, [1], 3, 2)
    assert (one["min_ms"], one["mean_ms"], one["max_ms"]) == (10.0, 15.0, 20.0)
    assert one["loss_percent"] == 33.33
    assert (other["requests"], other["answered"], other["max_ms"], other["loss_percent"]) == (2, 1, 30.0, 50.0)
    replies = {row["frame"]: row["request_frame"] for row in rows(result["packets"]) if row["icmp_type"] == 0}
    assert replies == {3: 1, 4: 2, 7: 5, 8: None, 10: None}


def test_time_exceeded_says_whose_packet_it_was_and_a_traceroute_its_hops(tmp_path: Path) -> None:
    result = ask(TOOL, captures.traced(tmp_path / "capture.pcap"))

    exceeded = [row["original"] for row in rows(result["packets"]) if row["icmp_type"] == 11]
    assert [(quoted["dst"], quoted["dst_port"]) for quoted in exceeded] == [("192.0.2.9", 33435), ("192.0.2.9", 33434)]
    (path,) = rows(result["traceroutes"])
    assert (path["source"], path["target"], path["protocol"]) == (captures.HOST, "192.0.2.9", "udp")
    assert path["reached_at_hop"] == 3
    hops = [(hop["hop"], hop["address"], hop["min_ms"], hop["frame"]) for hop in path["hops"]]
    assert hops == [(1, captures.ROUTER, 40.0, 5), (2, "10.9.0.2", 20.0, 4), (3, "192.0.2.9", 50.0, 6)]


def test_codes_have_names_and_errors_their_connection(tmp_path: Path) -> None:
    result = ask(TOOL, captures.refused(tmp_path / "capture.pcap"))

    packets = rows(result["packets"])
    assert [row["icmp_code_name"] for row in packets] == [
        "Communication Administratively Prohibited",
        "Fragmentation Needed and Don't Fragment was Set",
        "Redirect Datagram for the Host",
    ]
    # Of what the redirect quotes Wireshark reads the ports only, and shows no stream; it is the same connection.
    assert [row["stream"] for row in packets] == [1, 1, 1]
    errors = rows(result["errors"])
    assert {(row["original_source_port"], row["original_destination_port"], row["stream"]) for row in errors} == {
        (40001, 443, 1)
    }
    assert [row["mtu"] for row in rows(result["path_mtu"])] == [1400]
    assert result["statistics"]["unreachable_destinations"] == [captures.THIRD]
    assert rows(result["redirects"]) == [
        {
            "router": captures.ROUTER,
            "host": captures.HOST,
            "better_gateway": captures.THIRD,
            "destination": captures.THIRD,
            "messages": 1,
            "first_frame": 5,
        }
    ]


def test_a_connection_is_found_by_the_ports_alone(tmp_path: Path) -> None:
    """Many routers quote eight bytes of TCP. A quote never makes up a stream."""
    result = ask(TOOL, captures.quoted_in_part(tmp_path / "capture.pcap"))

    assert [row["stream"] for row in rows(result["packets"])] == [0, None]
    assert [row["stream"] for row in rows(result["errors"])] == [0, None]
    assert result["statistics"]["unreachable_destinations_count"] == 2


def test_trouble_is_found(tmp_path: Path) -> None:
    result = ask(TOOL, captures.trouble(tmp_path / "capture.pcap"))

    found = {one["code"]: one for one in result["findings"]}
    assert found.keys() == {
        "unanswered_echo", "echo_to_group", "sweep", "flood", "tunnel_candidate", "large_echo", "several_routers",
        "address_claimed_twice", "neighbour_discovery_from_afar", "deprecated_types", "unassigned_types",
        "group_as_source",
    }  # fmt: skip
    assert (found["sweep"]["source"], found["sweep"]["count"]) == (captures.HOST, 33)
    assert "2 of them answered" in found["sweep"]["text"]
    assert (found["flood"]["destination"], found["flood"]["peak_per_second"]) == (captures.THIRD, 1500)
    assert found["tunnel_candidate"]["count"] == 24
    assert found["unanswered_echo"]["count"] == 30 - 1 + 1500 + 1 + 2
    assert found["neighbour_discovery_from_afar"]["severity"] == "severe"


@pytest.mark.tshark
@wireshark.needs_tshark()
@pytest.mark.parametrize(
    "make", [captures.trouble, captures.both_versions, captures.same_identifier, captures.traced, captures.refused]
)
def test_filters_of_findings_show_their_frames(make: Any, tmp_path: Path) -> None:
    path = make(tmp_path / "capture.pcap")
    findings = ask(TOOL, path)["findings"]
    found = wireshark.frames_of(path, [one["filter"] for one in findings], two_passes=True)
    for one in findings:
        shown = found[one["filter"]]
        assert set(one["frames"]) <= set(shown), one
        if one["code"] in ("unanswered_echo", "flood", "tunnel_candidate", "unassigned_types", "redirect"):
            assert len(shown) == one["count"], one


def test_ping_programs_are_no_tunnel(tmp_path: Path) -> None:
    result = ask(TOOL, captures.same_identifier(tmp_path / "capture.pcap"))

    assert "tunnel_candidate" not in {one["code"] for one in result["findings"]}


def test_pages_of_every_table_go_on(tmp_path: Path) -> None:
    path = captures.trouble(tmp_path / "capture.pcap")
    first = ask(TOOL, path, limit=10)
    for name in ("packets", "echo_pairs"):
        seen, cursor = rows(first[name]), first[name]["next_cursor"]
        while cursor:
            page = ask(TOOL, path, limit=400, cursor=cursor)[name]
            seen, cursor = seen + rows(page), page["next_cursor"]
        assert len(seen) == first[name]["total"]
    assert first["packets"]["total"] == first["icmp_packets_found"]
