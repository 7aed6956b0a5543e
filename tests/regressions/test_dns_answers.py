"""DNS questions that other tools answered wrongly; what Wireshark counts is in dns_captures.py."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.regressions import dns_captures as captures
from tests.support import wireshark
from tests.support.ask import ask, rows

TOOL = "analyze_dns_packets"


def answers(result: dict[str, Any]) -> list[Any]:
    """The answers of all responses, in the order of the file."""
    return [row["answers"] for row in rows(result["packets"]) if row["is_response"]]


def test_names_and_texts_of_records_are_text(tmp_path: Path) -> None:
    cname, txt, *_ = answers(ask(TOOL, captures.records(tmp_path / "capture.pcap")))

    assert cname == [{"name": "www.example.net", "type": "CNAME", "ttl": 60, "cname": "e.example.net"}]
    assert txt == [{"name": "example.net", "type": "TXT", "ttl": 60, "text": ["v=spf1 -all", "two"]}]


def test_mx_soa_and_srv_records_have_their_data(tmp_path: Path) -> None:
    *_, mx, soa, srv = answers(ask(TOOL, captures.records(tmp_path / "capture.pcap")))

    assert mx == [{"name": "example.net", "type": "MX", "ttl": 60, "preference": 10, "exchange": "mail.example.net"}]
    assert soa == [
        {
            "name": "example.net",
            "type": "SOA",
            "ttl": 60,
            "mname": "ns1.example.net",
            "rname": "admin.example.net",
            "serial": 2023,
            "refresh": 7200,
            "retry": 900,
            "expire": 1209600,
            "minimum": 300,
        }
    ]
    assert srv == [
        {
            "name": "_sip._udp.example.net",
            "type": "SRV",
            "ttl": 60,
            "priority": 1,
            "weight": 5,
            "port": 5060,
            "target": "sip.example.net",
        }
    ]


def test_codes_sections_and_times_of_responses_are_there(tmp_path: Path) -> None:
    result = ask(TOOL, captures.no_such_name(tmp_path / "capture.pcap"))

    packets = rows(result["packets"])
    assert [row["rcode"] for row in packets] == [None, "NXDOMAIN", None, "NOERROR", None, "SERVFAIL"]
    assert [record["type"] for record in packets[1]["authority"]] == ["SOA"]
    assert [record["address"] for record in packets[1]["additional"]] == ["192.0.2.53"]
    assert result["statistics"]["response_codes"] == {"NOERROR": 1, "NXDOMAIN": 1, "SERVFAIL": 1}
    times = result["response_time_ms"]
    assert (times["count"], times["min"], times["median"], times["max"]) == (3, 10.0, 50.0, 2000.0)
    found = {one["code"]: one["frames"] for one in result["findings"]}
    assert found == {"nxdomain": [2], "servfail": [6], "slow_responses": [6]}


def findings(result: dict[str, Any]) -> dict[str, list[int]]:
    return {one["code"]: one["frames"] for one in result["findings"]}


def test_a_response_cut_for_udp_and_the_retry_over_tcp_are_told(tmp_path: Path) -> None:
    result = ask(TOOL, captures.cut_and_asked_again(tmp_path / "capture.pcap"))

    assert findings(result) == {"truncated_responses": [2]}
    assert "1 of these questions came again over TCP" in result["findings"][0]["text"]
    statistics = result["statistics"]
    assert (statistics["truncated_responses"], statistics["tcp_retries_after_truncation"]) == (1, 1)
    assert (statistics["over_tcp"], statistics["unanswered"]) == (2, 0)
    cut, whole = (row for row in rows(result["packets"]) if row["is_response"])
    assert ("truncated" in cut["flags"], len(cut["answers"])) == (True, 0)
    assert ("truncated" in whole["flags"], len(whole["answers"])) == (False, 40)


def test_a_response_cut_for_udp_without_a_retry_is_told_apart(tmp_path: Path) -> None:
    path = captures.cut_and_asked_again(tmp_path / "capture.pcap")

    result = ask(TOOL, path, max_packets=2)

    assert "0 of these questions came again over TCP" in result["findings"][0]["text"]


def test_a_second_response_is_a_duplicate_and_changes_no_time(tmp_path: Path) -> None:
    result = ask(TOOL, captures.answered_twice(tmp_path / "capture.pcap"))

    assert findings(result) == {"duplicate_responses": [3]}
    assert result["statistics"]["duplicate_responses"] == 1
    assert (result["response_time_ms"]["count"], result["response_time_ms"]["max"]) == (1, 20.0)


def test_responses_nobody_asked_for_are_told(tmp_path: Path) -> None:
    result = ask(TOOL, captures.never_asked(tmp_path / "capture.pcap"))

    assert findings(result) == {"unsolicited_responses": [3, 4]}
    assert result["statistics"]["unsolicited_responses"] == 2
    assert result["statistics"]["unanswered"] == 0


def test_refusals_are_told_and_servers_have_their_errors(tmp_path: Path) -> None:
    result = ask(TOOL, captures.refused(tmp_path / "capture.pcap"))

    assert findings(result) == {"refused": [4], "nxdomain": [10]}
    codes = {"NOERROR": 1, "REFUSED": 1, "NOTIMP": 1, "FORMERR": 1, "NXDOMAIN": 1}
    assert result["statistics"]["response_codes"] == codes
    # Every code that is neither NOERROR nor NXDOMAIN.
    assert rows(result["servers"])[0]["errors"] == 3


@pytest.mark.tshark
@wireshark.needs_tshark()
@pytest.mark.parametrize(
    "make", [captures.cut_and_asked_again, captures.answered_twice, captures.never_asked, captures.refused]
)
def test_the_filter_of_a_finding_shows_its_frames_in_wireshark(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path / "capture.pcap")

    findings = ask(TOOL, path)["findings"]
    shown = wireshark.frames_of(path, [found["filter"] for found in findings])
    for found in findings:
        assert shown[found["filter"]] == found["frames"]


def test_messages_over_tcp_are_put_together_and_taken_apart(tmp_path: Path) -> None:
    result = ask(TOOL, captures.over_tcp(tmp_path / "capture.pcap"))

    assert (result["statistics"]["queries"], result["statistics"]["responses"]) == (3, 3)
    packets = rows(result["packets"])
    assert {row["transport"] for row in packets} == {"TCP"}
    # The response in segments of frames 5 and 6 is complete in 6; two messages each are in frames 8 and 9.
    assert [row["frame"] for row in packets] == [4, 6, 8, 8, 9, 9]
    assert len(packets[1]["answers"]) == 100
    assert result["statistics"]["over_tcp"] == 6


def test_fragments_are_put_together(tmp_path: Path) -> None:
    result = ask(TOOL, captures.fragmented(tmp_path / "capture.pcap"))

    assert result["dns_packets_found"] == 2
    assert [record["text"] for record in answers(result)[0]] == [[chr(65 + n) * 80] for n in range(12)]
    # The last of the three fragments, as tshark shows it.
    assert rows(result["packets"])[1]["frame"] == 4


def test_a_query_quoted_in_an_error_is_not_a_query(tmp_path: Path) -> None:
    result = ask(TOOL, captures.quoted(tmp_path / "capture.pcap"))

    assert result["dns_packets_found"] == 1
    assert [row["frame"] for row in rows(result["packets"])] == [1]
    assert result["statistics"]["unanswered"] == 1


def test_other_ports_are_told_and_can_be_asked_for(tmp_path: Path) -> None:
    # Of MikroTik's neighbour discovery in Wireshark's list of ports.
    path = captures.port_5300(tmp_path / "capture.pcap", 5678)

    usual, more = ask(TOOL, path), ask(TOOL, path, ports=["5678"])

    assert usual["dns_packets_found"] == 2
    assert usual["statistics"]["by_content"] == 2
    assert [row["detected_by"] for row in rows(usual["packets"])] == ["port", "port", "content", "content"]
    assert any("Ask with ports" in note for note in usual["notes"])
    assert more["dns_packets_found"] == 4
    assert more["statistics"]["by_content"] == 0
    assert more["response_time_ms"]["max"] == 30.0


def test_dns_on_a_port_that_nobody_has_counts_as_in_wireshark(tmp_path: Path) -> None:
    result = ask(TOOL, captures.port_5300(tmp_path / "capture.pcap"))

    assert result["dns_packets_found"] == 4
    assert [row["detected_by"] for row in rows(result["packets"])] == ["port", "port", "heuristic", "heuristic"]
    assert result["statistics"]["by_content"] == 0


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_times_do_not_depend_on_the_zone_of_the_machine(
    zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = captures.port_5300(tmp_path / "capture.pcap")
    try:
        with monkeypatch.context() as patched:
            patched.setenv("TZ", zone)
            time.tzset()
            result = ask(TOOL, path)
    finally:
        time.tzset()

    assert rows(result["packets"])[0]["timestamp"] == "2023-11-14T22:13:20.000000Z"


def test_names_with_hostile_bytes_are_escaped_and_loops_end(tmp_path: Path) -> None:
    result = ask(TOOL, captures.hostile(tmp_path / "capture.pcap"))

    assert result["statistics"]["queries"] == 2
    assert result["statistics"]["malformed"] == 1
    first, second = (row["questions"][0]["name"] for row in rows(result["packets"]))
    assert "\x1b" not in first
    assert "\n" not in first
    assert "\u202e" not in first
    # RFC 4343: bytes that do not print as three decimal digits.
    assert first.startswith("\\027[2Jx.a\\010b")
    assert first.endswith("example")
    assert second is None
    listed = result["top_names"]["rows"][0][0]
    assert listed.isprintable()


def test_pages_of_messages_go_on_where_the_last_one_ended(tmp_path: Path) -> None:
    path = captures.records(tmp_path / "capture.pcap")
    frames: list[int] = []
    cursor = None
    for _ in range(4):
        table = ask(TOOL, path, limit=3, cursor=cursor)["packets"]
        assert table["total"] == 10
        frames += [row["frame"] for row in rows(table)]
        cursor = table["next_cursor"]

    assert frames == list(range(1, 11))
    assert cursor is None
