"""The rules of the module security: each fires where it should and is silent about two captures that look alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benches.make_bench_capture import make
from pcapstream.tools.threats import RULES
from tests.regressions import security_captures as captures
from tests.regressions.security_captures import ARP_CASES, THREATS, TUNNEL, Case, made
from tests.support import wireshark
from tests.support.ask import ask, rows

LESS: dict[str, dict[str, Any]] = {"exfiltration": {"exfil_bytes": 500_000}, "amplification": {"amp_bytes": 100_000}}
"""Thresholds for captures of a size to test with."""


def found(path: Path, rule: str, **parameters: Any) -> list[dict[str, Any]]:
    result = ask("analyze_security_threats", path, **parameters)
    return [row for row in rows(result["findings"]) if row["rule"] == rule]


@pytest.mark.parametrize("case", THREATS, ids=lambda case: case.rule)
def test_a_rule_finds_what_it_is_for_and_nothing_alike(case: Case, tmp_path: Path) -> None:
    limits = LESS.get(case.rule, {})

    one = found(made(tmp_path / "fires.pcap", case.fires), case.rule, **limits)

    assert len(one) == 1
    assert one[0]["frames"]
    assert one[0]["mitre"].startswith("T1")
    assert one[0]["false_alarm"]
    for number, alike in enumerate((case.alike, case.alike_too)):
        assert found(made(tmp_path / f"{number}.pcap", alike), case.rule, **limits) == []


def test_every_rule_has_its_captures() -> None:
    assert [case.rule for case in THREATS] == list(RULES)


@pytest.mark.tshark
@wireshark.needs_tshark()
@pytest.mark.parametrize("case", THREATS, ids=lambda case: case.rule)
def test_filters_show_the_frames(case: Case, tmp_path: Path) -> None:
    path = made(tmp_path / "fires.pcap", case.fires)
    one = found(path, case.rule, **LESS.get(case.rule, {}))[0]

    shown = wireshark.frames(path, one["filter"])

    assert set(one["frames"]) <= set(shown)


def test_beacons_inside_are_of_low_severity(tmp_path: Path) -> None:
    path = captures.write(tmp_path / "c.pcap", *(captures.session(n, "10.0.0.2", 443, n * 60.0) for n in range(15)))

    assert [one["severity"] for one in found(path, "beaconing")] == ["low"]
    assert found(path, "beaconing", severity_filter="medium") == []


def test_netbios_names_count_without_their_suffixes(tmp_path: Path) -> None:
    own = captures.write(
        tmp_path / "own.pcap", *(captures.netbios(n, "10.0.0.20", "FILES", n) for n in (0, 3, 0x1B, 0x1D, 0x20))
    )
    forged = captures.write(
        tmp_path / "forged.pcap",
        *(
            captures.netbios(n, "10.0.0.66", name)
            for n, name in enumerate(("WPAD", "FILESERVR", "PRINTR", "INTRANETT"))
        ),
    )

    assert found(own, "name_spoofing") == []
    assert [(one["source"], one["count"]) for one in found(forged, "name_spoofing")] == [("10.0.0.66", 4)]


def test_questions_whose_name_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    good, _ = captures.query(1, "www.example.com")
    bad = captures.at(1, captures.IP(src="10.0.0.1", dst="10.0.0.53") / captures.UDP(sport=3, dport=53))
    bad /= captures.Raw(bytes.fromhex("000101000001000000000000 bfbfbfbf 0104 0201"))

    result = ask("detect_dns_tunneling", captures.write(tmp_path / "c.pcap", good, bad))

    assert result["summary"]["tunneling_likelihood"] == "LOW"


def test_a_dns_header_that_is_cut_is_no_tunnel(tmp_path: Path) -> None:
    cut = captures.at(0, captures.IP(src="10.0.0.1", dst="10.0.0.53") / captures.UDP(sport=3, dport=53))
    cut /= captures.Raw(b"\x12\x34\x01\x00")

    result = ask("detect_dns_tunneling", captures.write(tmp_path / "c.pcap", cut))

    assert result["summary"]["tunneling_likelihood"] == "LOW"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ordinary_traffic_gives_nothing_above_low(seed: int, tmp_path: Path) -> None:
    path = make(tmp_path / "mixed.pcap", 4_000_000, seed=seed)

    threats = ask("analyze_security_threats", path, severity_filter="medium")
    names = ask("detect_dns_tunneling", path)
    neighbours = ask("detect_arp_spoofing", path)

    assert rows(threats["findings"]) == []
    assert names["summary"]["tunneling_likelihood"] == "LOW"
    assert neighbours["summary"]["spoofing_detected"] is False
    assert threats["coverage"]["packets"] > 3_000


@pytest.mark.parametrize("case", ARP_CASES, ids=lambda case: case.rule)
def test_arp(case: Case, tmp_path: Path) -> None:
    def severe(name: str, make: captures.Make) -> list[str]:
        result = ask("detect_arp_spoofing", made(tmp_path / name, make))
        return [one["rule"] for one in result["findings"] if one["severity"] != "low"]

    assert severe("fires.pcap", case.fires) == [case.rule]
    assert severe("alike.pcap", case.alike) == []
    assert severe("too.pcap", case.alike_too) == []


def test_arp_bindings_have_times_and_counts(tmp_path: Path) -> None:
    result = ask("detect_arp_spoofing", made(tmp_path / "c.pcap", ARP_CASES[0].fires))

    summary = result["summary"]
    assert (summary["arp_requests"], summary["total_arp_replies"], summary["gratuitous_arps"]) == (1, 9, 0)
    assert (summary["ip_mac_conflicts"], summary["spoofing_detected"]) == (1, True)
    first, second = [row for row in rows(result["bindings"]) if row["ip"] == captures.GATEWAY]
    assert (first["mac"], first["first_frame"], first["last_frame"]) == (captures.OWNER, 2, 2)
    assert (second["mac"], second["packets"], second["unasked_replies"]) == (captures.INTRUDER, 8, 8)
    assert second["first_time"] == "2023-11-14T22:14:20.000000Z"


def test_addresses_that_take_turns_are_severe(tmp_path: Path) -> None:
    path = captures.write(
        tmp_path / "c.pcap",
        *(
            frame
            for n in range(6)
            for frame in (
                captures.asked(n * 9.0),
                captures.arp_says(
                    n * 9.0 + 0.01,
                    (captures.OWNER, captures.INTRUDER)[n % 2],
                    captures.GATEWAY,
                    captures.CLIENT,
                ),
            )
        ),
    )

    conflict = rows(ask("detect_arp_spoofing", path)["ip_mac_conflicts"])[0]

    assert (conflict["changes"], conflict["returns"], conflict["severity"]) == (5, 4, "high")


def test_ipv6_neighbours_are_followed_too(tmp_path: Path) -> None:
    path = captures.write(
        tmp_path / "c.pcap",
        *(
            captures.neighbour(n, mac, "fe80::1")
            for n, mac in enumerate((captures.OWNER, captures.INTRUDER, captures.OWNER))
        ),
    )

    result = ask("detect_arp_spoofing", path)

    assert result["summary"]["neighbour_advertisements"] == 3
    assert result["summary"]["ipv6_mac_conflicts"] == 1
    assert [one["rule"] for one in result["findings"]] == ["ndp_spoofing"]


def test_a_capture_without_arp_has_an_answer(tmp_path: Path) -> None:
    result = ask("detect_arp_spoofing", captures.write(tmp_path / "c.pcap", captures.session(1, "10.0.0.2", 80, 0)))

    assert result["summary"]["text"] == "No ARP packets and no IPv6 neighbour advertisements."
    assert result["coverage"]["packets"] == 8


def test_a_tunnel_is_found_and_what_looks_alike_is_not(tmp_path: Path) -> None:
    result = ask("detect_dns_tunneling", made(tmp_path / "fires.pcap", TUNNEL.fires))

    summary = result["summary"]
    assert summary["tunneling_likelihood"] == "HIGH"
    assert (summary["total_dns_queries"], summary["txt_record_queries"]) == (80, 80)
    assert summary["long_queries_over_50_chars"] == 80
    finding = result["findings"][0]
    assert (finding["domain"], finding["signs"]) == ("example.com", ["entropy", "length", "types"])
    assert (finding["severity"], finding["confidence"], finding["mitre"]) == ("high", "high", "T1071.004")
    domain = rows(result["domains"])[0]
    assert (domain["queries"], domain["unique_names"], domain["longest_label"]) == (80, 80, 60)
    assert domain["bytes_in"] > domain["bytes_out"] > 80 * 100
    assert result["long_queries"]["total"] == 80
    for number, alike in enumerate((TUNNEL.alike, TUNNEL.alike_too)):
        other = ask("detect_dns_tunneling", made(tmp_path / f"{number}.pcap", alike))
        assert (other["summary"]["tunneling_likelihood"], other["findings"]) == ("LOW", [])


@pytest.mark.tshark
@wireshark.needs_tshark()
def test_filters_of_names_and_neighbours_show_the_frames(tmp_path: Path) -> None:
    tunnel = made(tmp_path / "tunnel.pcap", TUNNEL.fires)
    spoofed = made(tmp_path / "arp.pcap", ARP_CASES[0].fires)

    for path, tool in ((tunnel, "detect_dns_tunneling"), (spoofed, "detect_arp_spoofing")):
        findings = ask(tool, path)["findings"]
        shown = wireshark.frames_of(path, [one["filter"] for one in findings])
        for one in findings:
            assert set(one["frames"]) <= set(shown[one["filter"]])


def test_names_of_addresses_are_no_tunnel(tmp_path: Path) -> None:
    parts = [f for n in range(200) for f in captures.query(n, f"{n}.2.0.192.in-addr.arpa", "PTR")]

    result = ask("detect_dns_tunneling", captures.write(tmp_path / "c.pcap", *parts))

    assert (result["summary"]["total_dns_queries"], result["findings"]) == (200, [])
