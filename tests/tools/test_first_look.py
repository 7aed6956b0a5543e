"""The first look tells what the modules of application protocols found, and which tool tells more.

Expected: what the examples were made to hold, and tshark's count where it is there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pcapstream
from pcapstream.protocols import ALL, DEFAULT
from pcapstream.tools.answer import answer
from pcapstream.tools.first_look import MOST_FINDINGS
from pcapstream.tools.registry import find_tool
from pcapstream.tools.triage import ANALYZE
from tests.regressions.tls_captures import (
    HANDSHAKE,
    certificates,
    ciphers,
    client_hello,
    connection,
    message,
    record,
    server_hello,
)
from tests.support.ask import rows
from tests.support.logins import login_flows
from tests.support.pcap import in_time_order, pcap
from tests.support.talk import write
from tests.support.wireshark import fields, needs_tshark

EXAMPLES = Path(__file__).parents[2] / "examples"


def look(name: str, modules: tuple[str, ...] = DEFAULT) -> dict[str, Any]:
    report = pcapstream.analyze(EXAMPLES / name, modules=modules)
    return answer(ANALYZE, report, ANALYZE.bind({"pcap_file": name}), budget=None)


def test_findings_of_calls_are_there_at_the_first_look() -> None:
    found = look("office-calls.pcap")
    told = {one["module"]: one for one in found["applications"]}
    of_sip = [one for one in found["findings"] if one.get("tool") == "analyze_sip_packets"]

    assert list(told) == ["sip"]
    assert "9 calls" in told["sip"]["summary"]
    assert "3 RTP streams" in told["sip"]["summary"]
    # One-way sound, refused calls, guessed users, prefixes tried: heaviest first, the tool has the rest.
    assert len(of_sip) == MOST_FINDINGS < told["sip"]["findings"]
    assert [one["severity"] for one in of_sip[:4]] == ["severe"] * 4
    assert found["summary"].endswith("5 findings need a look.")
    assert found["next"][0]["tool"] == "analyze_sip_packets"
    assert "all 7 findings" in found["next"][0]["tells"]


@needs_tshark()
@pytest.mark.tshark
def test_what_it_says_of_dns_is_what_tshark_shows() -> None:
    found = look("web-problems.pcapng")
    told = {one["module"]: one for one in found["applications"]}
    [unanswered] = [
        one for one in found["findings"] if one.get("tool") == "analyze_dns_packets" and "no response" in one["text"]
    ]
    shown = fields(EXAMPLES / "web-problems.pcapng", ["frame.number"], unanswered["filter"], two_passes=True)

    assert list(told) == ["dns", "icmp"]
    assert unanswered["frames"] == [int(row[0]) for row in shown]


def test_a_module_that_did_not_run_says_nothing() -> None:
    found = look("office-calls.pcap", modules=("capinfos", "tcp", "triage"))

    assert "applications" not in found
    assert found["findings"] == []


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.pcap*")))
def test_it_says_what_the_tools_say(name: str) -> None:
    """Sentence and findings are the tool's own."""
    report = pcapstream.analyze(EXAMPLES / name, modules=ALL)
    found = answer(ANALYZE, report, ANALYZE.bind({"pcap_file": name}), budget=None)

    for told in found.get("applications", []):
        spec = find_tool(told["tool"])
        whole = answer(spec, report, spec.bind({"pcap_file": name}), budget=None)
        assert told["summary"].startswith(sentence_of(whole))
        first = [one["text"] for one in found["findings"] if one.get("tool") == told["tool"]]
        expected = findings_of(whole)
        assert told["findings"] == len(expected)
        assert sorted(first) == sorted(one["text"] for one in expected[:MOST_FINDINGS])


def sentence_of(whole: dict[str, Any]) -> str:
    summary = whole["summary"]
    return str(summary["text"] if isinstance(summary, dict) else summary)


def findings_of(whole: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of a tool that belong into a first look; of rules about attacks all but the low ones."""
    found: list[dict[str, Any]] = whole["findings"] if isinstance(whole["findings"], list) else rows(whole["findings"])
    return [one for one in found if one["severity"] != "low"]


def test_weak_cryptography_certificates_and_logins_are_there_at_the_first_look(tmp_path: Path) -> None:
    """One capture per kind; what they hold is said where they are made."""
    logins = tmp_path / "logins.pcap"
    logins.write_bytes(pcap(in_time_order(login_flows())))
    codes = {}
    for path in (ciphers(tmp_path / "c.pcap"), certificates(tmp_path / "t.pcap"), logins):
        report = pcapstream.analyze(path, modules=ALL)
        found = answer(ANALYZE, report, ANALYZE.bind({"pcap_file": path.name}), budget=None)
        codes[path.stem] = {(one["tool"], one["code"], one["severity"]) for one in found["findings"] if "tool" in one}

    of_certificates = "extract_certificate_details"
    # No forward secrecy alone is no reason to say anything of ciphers.
    assert not {code for code in codes["c"] if code[0] == "extract_tls_cipher_analysis"}
    assert {code for code in codes["t"] if code[0] == of_certificates} == {
        (of_certificates, "expired_certificate", "severe"),
        (of_certificates, "name_mismatch", "warning"),
        (of_certificates, "self_signed_certificate", "warning"),
    }
    assert ("extract_credentials", "cleartext_login", "severe") in codes["logins"]


def test_a_weak_cipher_suite_is_severe_at_the_first_look(tmp_path: Path) -> None:
    talk = connection()
    talk.client(record(HANDSHAKE, client_hello("old.example")), flags="PA")
    # TLS_RSA_WITH_RC4_128_MD5 (RFC 7465 forbids RC4).
    talk.server(record(HANDSHAKE, server_hello(0x0004) + message(14, b"")), flags="PA")
    report = pcapstream.analyze(write(tmp_path / "c.pcap", talk), modules=ALL)
    found = answer(ANALYZE, report, ANALYZE.bind({"pcap_file": "c.pcap"}), budget=None)

    assert "needs a look" in found["summary"] or "need a look" in found["summary"]
    [weak] = [one for one in found["findings"] if one["code"] == "weak_cipher"]
    assert (weak["severity"], weak["count"], weak["tool"]) == ("severe", 1, "extract_tls_cipher_analysis")
    expected = 'tls.handshake.type == 2 && tls.handshake.ciphersuite in {"TLS_RSA_WITH_RC4_128_MD5"}'
    assert weak["filter"] == expected
    assert "1 with a weak cipher suite" in json.dumps(found["applications"])
