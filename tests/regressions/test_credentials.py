"""extract_credentials on exchanges made to be found, and against what tshark reads of real captures."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pcapstream.errors import PcapstreamError
from pcapstream.tools.answer import MAX_RESULT_CHARS
from tests.support import wireshark
from tests.support.ask import ask, rows
from tests.support.logins import (
    SECRET,
    SERVER,
    TCP_LOGINS,
    UDP_LOGINS,
    Found,
    b64,
    datagrams,
    exchange,
    login_flows,
)
from tests.support.pcap import START_NS, Frame, in_time_order, pcap

FOLDER = os.environ.get("PCAPSTREAM_CAPTURES")


def asked(tmp_path: Path, frames: list[Frame], **parameters: Any) -> dict[str, Any]:
    path = tmp_path / "c.pcap"
    path.write_bytes(pcap(frames))
    return ask("extract_credentials", path, **parameters)


def found(result: dict[str, Any]) -> list[Found]:
    return [Found(*(row[name] for name in Found._fields)) for row in rows(result["credentials_found"])]


# A greeting on another port has to stand in one segment.
@pytest.mark.parametrize(
    ("number", "piece"),
    [(n, size) for n, one in enumerate(TCP_LOGINS) for size in (1_400, 5, 1) if size == 1_400 or one[0] != 4021],
)
def test_a_login_over_tcp_is_told(number: int, piece: int, tmp_path: Path) -> None:
    port, parts, expected = TCP_LOGINS[number]

    result = asked(tmp_path, exchange(port, parts, piece=piece))

    assert found(result) == list(expected)
    assert {row["server"] for row in rows(result["credentials_found"])} <= {SERVER}
    assert result["summary"]["total_logins"] == len(expected)


@pytest.mark.parametrize("number", range(len(UDP_LOGINS)))
def test_a_login_over_udp_is_told(number: int, tmp_path: Path) -> None:
    port, parts, expected = UDP_LOGINS[number]

    assert found(asked(tmp_path, datagrams(port, parts))) == list(expected)


def test_the_secret_is_nowhere_in_any_answer(tmp_path: Path) -> None:
    result = asked(tmp_path, in_time_order(login_flows()))

    text = json.dumps(result)
    for form in (SECRET, b64(SECRET).decode().rstrip("="), "wrong", "c4c9334b", "0123456789abcdef", SECRET[:5]):
        assert form not in text
    assert len(text) <= MAX_RESULT_CHARS
    assert result["summary"]["risk_level"] == "HIGH"
    expected = Counter(one.protocol for _, _, several in (*TCP_LOGINS, *UDP_LOGINS) for one in several)
    expected["snmp"] += 1  # the row of the manager stands for two questions
    assert {name: one["attempts"] for name, one in result["by_protocol"].items()} == dict(expected)


def test_segments_out_of_order_and_sent_again_change_nothing(tmp_path: Path) -> None:
    port, parts, expected = TCP_LOGINS[0]
    frames = exchange(port, parts, piece=3)
    mixed = [frame for pair in zip(frames[3::2], frames[4::2], strict=False) for frame in (pair[1], pair[0], pair[0])]
    times = [Frame(START_NS + n * 1_000_000, frame.data) for n, frame in enumerate((*frames[:3], *mixed))]

    users = {(one.user, one.outcome) for one in found(asked(tmp_path, times))}

    assert users == {(one.user, one.outcome) for one in expected}


def test_rows_name_frames_stream_and_a_filter_that_shows_them(tmp_path: Path) -> None:
    result = asked(tmp_path, exchange(*TCP_LOGINS[0][:2]))

    second = rows(result["credentials_found"])[1]
    # Handshake 1 to 3, then the nine parts.
    assert (second["frame"], second["frames"], second["stream"]) == (11, [9, 11, 12], 0)
    assert (second["time"], second["client"], second["port"]) == ("2023-11-14T22:13:20.100000Z", "10.0.0.1", 21)
    assert second["filter"] == "tcp.stream == 0 && ftp"
    narrowed = asked(tmp_path, exchange(*TCP_LOGINS[0][:2]), display_filter="frame.number >= 9")
    assert [row["frame"] for row in rows(narrowed["credentials_found"])] == [11]


@pytest.mark.tshark
def test_the_filters_show_the_frames(tmp_path: Path) -> None:
    path = tmp_path / "c.pcap"
    path.write_bytes(pcap(in_time_order(login_flows())))
    result = ask("extract_credentials", path)

    for row in rows(result["credentials_found"]):
        assert set(row["frames"]) <= set(wireshark.frames(path, row["filter"])), row


def test_ipv6_and_hostile_names(tmp_path: Path) -> None:
    name = b"\x1b[31mroot\xe2\x80\xae" + b"x" * 500
    parts = (b"<220 x\r\n", b">USER " + name + b"\r\n", b"<331 x\r\n", b">PASS x\r\n", b"<230 x\r\n")

    row = rows(asked(tmp_path, exchange(21, parts, client="2001:db8::1", server="2001:db8::2"))["credentials_found"])[0]

    assert row["user"].startswith("\\x1b[31mroot\\u{202e}xxx")
    assert len(row["user"]) <= 120
    assert (row["client"], row["server"]) == ("2001:db8::1", "2001:db8::2")


def test_guessing_is_found_and_a_forgotten_password_is_not(tmp_path: Path) -> None:
    def tries(number: int, apart_ns: int) -> list[Frame]:
        talk = (b"<220 x\r\n", b">USER u\r\n", b"<331 x\r\n", b">PASS x\r\n", b"<530 x\r\n")
        return [
            frame
            for n in range(number)
            for frame in exchange(21, talk, client_port=40_000 + n, start_ns=START_NS + n * apart_ns)
        ]

    def rules(frames: list[Frame]) -> list[str]:
        return [one["rule"] for one in asked(tmp_path, frames)["findings"]]

    assert "password_guessing" in rules(tries(12, 1_000_000_000))
    assert "password_guessing" not in rules(tries(3, 1_000_000_000))
    assert "password_guessing" not in rules(tries(12, 30_000_000_000))


def test_a_capture_without_logins_has_an_answer(tmp_path: Path) -> None:
    result = asked(tmp_path, exchange(80, (b">GET / HTTP/1.1\r\n\r\n", b"<HTTP/1.1 200 OK\r\n\r\n")))

    assert result["summary"]["text"] == "No login that could be read."
    assert (result["summary"]["risk_level"], result["credentials_found"]["rows"]) == ("LOW", [])


CAPTURES = [
    path for path in (sorted(Path(FOLDER).rglob("*")) if FOLDER else [])
    if ".pcap" in path.name and path.is_file() and path.parent.name != "truth"
]  # fmt: skip
WITH_LOGINS = {"ftp", "smtp", "pop", "imap", "ldap", "kerberos", "snmp", "smb", "smb2"}
WIRESHARKS_PORTS = (21, 23, 25, 80, 88, 110, 139, 143, 161, 162, 389, 445, 587, 3268, 5060)
FIELDS = (
    "frame.number", "ftp.request.command", "ldap.simple", "kerberos.CNameString", "kerberos.as_req_element",
    "ntlmssp.messagetype", "ntlmssp.auth.username", "snmp.community", "snmp.get_response_element", "http.authbasic",
    "pop.request.command",
)  # fmt: skip


@pytest.mark.tshark
@pytest.mark.skipif(FOLDER is None, reason="PCAPSTREAM_CAPTURES names no folder of captures")
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_frames_and_users_are_those_tshark_shows(path: Path) -> None:
    """Frames with a password or proof, and the names in them; one run of tshark for a capture that has such."""
    try:
        result = ask("extract_credentials", path, limit=1_000)
    except PcapstreamError:
        return  # no capture
    found = ask("analyze_pcap_file", path, analysis_type="protocols", limit=1_000)["protocols"]
    shown = WITH_LOGINS.intersection(row["protocol"] for row in rows(found))
    # On other ports tshark sees none.
    ours = [row for row in rows(result["credentials_found"]) if row["port"] in WIRESHARKS_PORTS]
    if not shown:
        assert {row["protocol"] for row in ours} <= {"http", "sip", "telnet", "ntlmssp"}
        return
    theirs = [dict(zip(FIELDS, row, strict=True)) for row in wireshark.fields(path, FIELDS, " || ".join(FIELDS[1:]))]

    def frames(protocol: str, **values: str) -> set[int]:
        return {
            row["frame"] for row in ours
            if row["protocol"] == protocol and all(row[name] == value for name, value in values.items())
        }  # fmt: skip

    def their(field: str, value: str = "") -> set[int]:
        return {int(row["frame.number"]) for row in theirs if row[field] and value in ("", row[field])}

    assert frames("ftp", method="PASS") == their("ftp.request.command", "PASS")
    assert frames("pop", method="PASS") == their("pop.request.command", "PASS")
    assert frames("ldap", method="simple", exposed="secret") == their("ldap.simple")
    # Sessions of nobody are no logins.
    proofs = [row for row in theirs if row["ntlmssp.messagetype"] == "0x00000003"]
    proofs = [row for row in proofs if row["ntlmssp.auth.username"] != "NULL"]
    assert frames("ntlmssp") == {int(row["frame.number"]) for row in proofs}
    names = {row["user"].rpartition("/")[2] for row in ours if row["protocol"] == "ntlmssp"}
    assert names == {row["ntlmssp.auth.username"] for row in proofs}
    principals = {row["user"].partition("@")[0] for row in ours if row["protocol"] == "kerberos"}
    assert principals == {row["kerberos.CNameString"] for row in theirs if row["kerberos.as_req_element"]} - {""}
    asked_for = [row for row in theirs if row["snmp.community"] and not row["snmp.get_response_element"]]
    counted = result["by_protocol"].get("snmp", {"attempts": 0})["attempts"]
    assert len(asked_for) <= counted <= len(their("snmp.community"))
