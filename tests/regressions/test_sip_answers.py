"""SIP questions that other tools answered wrongly; what Wireshark counts is in sip_captures.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from examples.office_calls import office_calls
from pcapstream.errors import QueryError
from tests.regressions import sip_captures as captures
from tests.support import wireshark
from tests.support.ask import ask, rows

TOOL = "analyze_sip_packets"


def found(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["code"]: one for one in result["findings"]}


def calls(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["call_id"]: row for row in rows(result["calls"])}


def test_compact_names_are_understood_and_repeated_headers_kept_in_order(tmp_path: Path) -> None:
    [row] = rows(ask(TOOL, captures.compact(tmp_path / "capture.pcap"))["packets"])

    assert (row["call_id"], row["cseq"], row["method"]) == ("compact1", "7 OPTIONS", "OPTIONS")
    assert row["from"] == "<sip:alice@example.net>;tag=a"
    assert row["via"] == [
        "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKcompact11",
        "SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKold",
    ]
    assert row["headers"] == {"subject": "one two"}
    assert row["content_length"] == 0


def test_messages_over_tcp_are_put_together_and_taken_apart(tmp_path: Path) -> None:
    result = ask(TOOL, captures.over_tcp(tmp_path / "capture.pcap"))

    packets = rows(result["packets"])
    assert [row["call_id"] for row in packets] == ["tcp1", "tcp2", "tcp3", "tcp4"]
    # The segments of frames 6 to 8 are one message, complete in 8.
    assert [row["frame"] for row in packets] == [4, 4, 8, 11]
    assert [row["body_length"] for row in packets] == [0, 0, 30, 0]
    assert (result["statistics"]["requests"], result["statistics"]["transports"]) == (4, {"TCP": 4})


def test_what_wireshark_does_not_show_is_counted_apart(tmp_path: Path) -> None:
    result = ask(TOOL, captures.behind_keep_alive(tmp_path / "capture.pcap"))

    assert result["statistics"]["requests"] == 1
    assert result["statistics"]["behind_keep_alive"] == 1
    assert [row["call_id"] for row in rows(result["packets"])] == ["seen", "unseen"]
    assert any("keep-alive" in note for note in result["notes"])


def test_bodies_have_the_length_they_have_on_the_wire(tmp_path: Path) -> None:
    [row] = rows(ask(TOOL, captures.described(tmp_path / "capture.pcap"))["packets"])

    assert (row["content_length"], row["body_length"]) == (131, 131)
    [media] = row["sdp"][0]["media"]
    assert (media["kind"], media["address"], media["port"], media["direction"]) == (
        "audio", "10.0.0.1", 40000, "sendrecv",
    )  # fmt: skip
    assert [(one["payload_type"], one["codec"], one["clock_rate"]) for one in media["codecs"]] == [
        (0, "PCMU", 8000),
        (8, "PCMA", 8000),
        (101, "telephone-event", 8000),
    ]


def test_other_ports_count_where_the_first_line_is_sip(tmp_path: Path) -> None:
    result = ask(TOOL, captures.port_5070(tmp_path / "capture.pcap"))

    [row] = rows(result["packets"])
    assert (row["frame"], row["detected_by"], row["known_sip_port"]) == (1, "content", False)
    assert result["statistics"]["detected_by"] == {"content": 1}


def test_registrations_and_what_became_of_them(tmp_path: Path) -> None:
    result = ask(TOOL, captures.registrations(tmp_path / "capture.pcap"))

    table = {row["address_of_record"]: row for row in rows(result["registrations"])}
    assert {name: row["state"] for name, row in table.items()} == {
        "sip:alice@example.net": "registered",
        "sip:bob@example.net": "refused",
        "sip:carol@example.net": "unanswered",
    }
    alice, bob = table["sip:alice@example.net"], table["sip:bob@example.net"]
    assert (alice["requests"], alice["challenges"], alice["accepted"], alice["refused_credentials"]) == (2, 1, 1, 0)
    assert (bob["requests"], bob["challenges"], bob["refused_credentials"], bob["last_code"]) == (5, 1, 4, 403)
    assert found(result)["challenge_loops"]["count"] == 1
    assert found(result)["refused_credentials"]["frames"] == [8, 10, 12, 14]
    assert found(result)["unanswered_registrations"]["frames"] == [15]


def test_credentials_are_never_shown(tmp_path: Path) -> None:
    shown = json.dumps(ask(TOOL, captures.registrations(tmp_path / "capture.pcap"), limit=1000))

    assert 'Digest username=\\"alice\\" realm=\\"r\\" ***' in shown
    assert "5ecret" not in shown
    assert "n0nce" not in shown


def test_a_call_from_invite_to_bye(tmp_path: Path) -> None:
    result = ask(TOOL, captures.call(tmp_path / "capture.pcap"))

    call = calls(result)["call1"]
    assert (call["state"], call["ended_by"], call["final_code"], call["reason"]) == (
        "completed", "callee", 200, "Q.850;cause=16",
    )  # fmt: skip
    assert (call["ring_ms"], call["answer_ms"], call["duration_s"]) == (700.0, 3000.0, 13.0)
    assert (call["from"], call["to"]) == ("sip:alice@example.net", "sip:bob@example.net")
    assert (call["caller"], call["callee"], call["retransmissions"]) == ("10.0.0.1:5060", "10.0.0.5:5060", 1)
    assert (call["codecs_offered"], call["codecs_agreed"]) == (["PCMU", "PCMA"], ["PCMU", "PCMA"])
    assert call["frames"] == {"invite": 1, "ringing": 4, "answer": 5, "ack": 6, "end": 7}
    assert result["statistics"]["retransmitted_requests"] == 1
    assert found(result)["retransmitted_requests"]["frames"] == [2]
    # Signalling alone is no sign of a fault.
    assert found(result)["no_rtp"]["severity"] == "info"


def test_calls_that_did_not_come_about(tmp_path: Path) -> None:
    result = ask(TOOL, captures.refused(tmp_path / "capture.pcap"))

    table = calls(result)
    assert {name: (row["state"], row["ended_by"], row["forks"]) for name, row in table.items()} == {
        "try0": ("failed", "callee", 0),
        "try1": ("answered", None, 1),
        "try2": ("redirected", "network", 0),
        "try3": ("cancelled", "caller", 0),
    }
    assert rows(result["redirects"])[0]["contacts"] == "sip:bob@elsewhere.example"
    assert found(result)["failed_calls"]["text"] == "1 call of 3 ended with a refusal: 486 in 1."


def test_one_call_can_be_asked_for(tmp_path: Path) -> None:
    path = captures.refused(tmp_path / "capture.pcap")
    first = ask(TOOL, path, call_id="try3", limit=3)
    more = ask(TOOL, path, call_id="try3", limit=3, cursor=first["packets"]["next_cursor"])

    assert list(calls(first)) == ["try3"]
    assert first["packets"]["total"] == 5
    assert [row["frame"] for row in rows(first["packets"]) + rows(more["packets"])] == [9, 10, 11, 12, 13]
    with pytest.raises(QueryError, match="longer than a Call-ID"):
        ask(TOOL, path, call_id="x" * 300)


def test_the_example_holds_what_its_page_says(tmp_path: Path) -> None:
    path = tmp_path / "office-calls.pcap"
    path.write_bytes(office_calls())
    result = ask(TOOL, path)

    table = {name.split("@")[0]: row for name, row in calls(result).items()}
    assert {name: table[name]["state"] for name in ("call1", "call2", "call3")} == {
        "call1": "completed",
        "call2": "completed",
        "call3": "failed",
    }
    assert table["call1"]["codecs_agreed"] == ["G729"]
    assert [table["call1"]["rtp"][side]["packets"] for side in ("to_caller", "to_callee")] == [60, 60]
    assert [table["call2"]["rtp"][side]["packets"] for side in ("to_caller", "to_callee")] == [60, 0]
    codes = found(result)
    assert {"one_way_audio", "private_media_address", "user_scan", "varied_prefixes", "scanner_agent"} <= codes.keys()
    assert codes["one_way_audio"]["count"] == 1
    assert codes["varied_prefixes"]["count"] == 6
    assert codes["user_scan"]["count"] == 12


@pytest.mark.tshark
@wireshark.needs_tshark()
def test_filters_of_findings_show_their_frames(tmp_path: Path) -> None:
    path = tmp_path / "office-calls.pcap"
    path.write_bytes(office_calls())

    findings = ask(TOOL, path)["findings"]
    shown = wireshark.frames_of(path, [one["filter"] for one in findings])
    for one in findings:
        assert set(one.get("frames", ())) <= set(shown[one["filter"]]), one["code"]
