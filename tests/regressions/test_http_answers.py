"""HTTP that other tools missed or answered wrongly; what Wireshark counts is in http_captures.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.regressions import http_captures as captures
from tests.support.ask import ask, rows

TOOL = "extract_http_requests"


def requests(result: dict[str, Any]) -> list[dict[str, Any]]:
    return rows(result["http_requests"])


def test_the_limit_counts_requests_not_packets(tmp_path: Path) -> None:
    """awslabs read `limit` packets: a request in frame 154 was not found."""
    result = ask(TOOL, captures.late(tmp_path / "capture.pcap"), limit=1)

    (only,) = requests(result)
    assert (only["frame"], only["method"], only["uri"], only["host"]) == (154, "GET", "/late", "www.example.net")
    assert (only["status"], only["response_frame"]) == (200, 155)
    assert (result["http_requests"]["total"], result["limit"]) == (1, 1)


def test_ipv6_addresses_are_there(tmp_path: Path) -> None:
    """awslabs asked for ip.src and ip.dst only: both were empty."""
    (only,) = requests(ask(TOOL, captures.over_ipv6(tmp_path / "capture.pcap")))

    assert (only["source_ip"], only["destination_ip"], only["status"]) == ("2001:db8::1", "2001:db8::2", 200)


def test_a_cut_capture_is_answered_as_far_as_it_goes(tmp_path: Path) -> None:
    """awslabs failed on every file that is cut short."""
    whole = captures.slow_and_failing(tmp_path / "whole.pcap").read_bytes()
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(whole[:-20])

    result = ask(TOOL, cut)

    assert [row["status"] for row in requests(result)] == [200, 503]
    assert result["coverage"]["complete"] is False


def test_response_times_are_measured_and_split(tmp_path: Path) -> None:
    """awslabs' response-time tool computed no time. The handshake took 10 ms to the server and back."""
    result = ask(TOOL, captures.slow_and_failing(tmp_path / "capture.pcap"))

    assert [(row["status"], row["wait_ms"]) for row in requests(result)] == [(200, 40.0), (503, 2000.0), (None, None)]
    (server,) = rows(result["servers"])
    assert (server["requests"], server["responses"], server["server_errors"]) == (3, 2, 1)
    assert (server["wait_median_ms"], server["network_median_ms"], server["server_median_ms"]) == (1020.0, 10.0, 1010.0)
    found = {one["code"]: one for one in result["findings"]}
    assert found["server_errors"]["frames"] == [7]
    assert found["slow_responses"]["frames"] == [7]
    assert found["unanswered_requests"]["frames"] == [8]


def test_messages_in_pieces_are_put_together(tmp_path: Path) -> None:
    result = ask(TOOL, captures.in_pieces(tmp_path / "capture.pcap"))

    seen = [(row["uri"], row["frame"], row["response_frame"], row["response_body_bytes"]) for row in requests(result)]
    assert seen == [("/chunks", 5, 8, 8), ("/a", 9, 10, 10), ("/b", 9, 14, 13)]
    assert result["statistics"]["chunked_messages"] == 1
    (connection,) = rows(result["reused_connections"])
    assert connection["requests"] == 3


def test_logins_are_told_and_secrets_are_not(tmp_path: Path) -> None:
    result = ask(TOOL, captures.logins(tmp_path / "capture.pcap"))

    told = json.dumps(result)
    for secret in ("open sesame", "QWxhZGRpbj", "C00KIE", "T0KEN", "H1DDEN", "S3SSION"):
        assert secret not in told
    seen = [
        (one["scheme"], one["user"], one["attempts"], one["accepted"], one["rejected"])
        for one in rows(result["logins"])
    ]
    assert seen == [("basic", "Aladdin", 2, 1, 1), ("form", "eve@example.net", 1, 0, 0)]
    assert [row["user"] for row in requests(result)] == ["Aladdin", "Aladdin", "eve@example.net"]
    assert requests(result)[1]["uri"] == "/private?access_token=***&x=1"
    assert requests(result)[2]["location"] == "http://eve:***@www.example.net/?session=***"
    (plain,) = [one for one in result["findings"] if one["code"] == "passwords_in_the_clear"]
    assert (plain["severity"], plain["count"], plain["frames"]) == ("severe", 3, [4, 6, 8])


def test_other_ports_are_found_and_what_wireshark_does_not_show_is_apart(tmp_path: Path) -> None:
    result = ask(TOOL, captures.other_ports(tmp_path / "capture.pcap"))

    seen = {row["destination_port"]: (row["status"], row["as_wireshark"]) for row in requests(result)}
    assert seen == {8000: (404, True), 3306: (404, False)}
    assert (result["statistics"]["requests"], result["statistics"]["responses"]) == (1, 1)
    assert any("2 messages on ports" in note for note in result["notes"])


def test_protocols_switched_to_are_told_apart(tmp_path: Path) -> None:
    result = ask(TOOL, captures.switched(tmp_path / "capture.pcap"))

    assert result["related"]["websocket"] == {
        "connections": 1, "frames": 2, "payload_bytes": 10, "opcodes": {"text": 2},
    }  # fmt: skip
    assert result["statistics"]["upgrades"] == {"websocket": 1}
    assert result["statistics"]["tunnels"] == 1


def test_a_capture_without_http_says_so(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    captures.write(path)

    result = ask(TOOL, path)

    assert result["message"] == "No HTTP found in this capture"
    assert (result["http_requests"]["total"], result["findings"]) == (0, [])
