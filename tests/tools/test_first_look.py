"""The first look tells what the modules of application protocols found, and which tool tells more.

Expected: what the examples were made to hold, and tshark's count where it is there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pcapstream
from pcapstream.protocols import ALL, DEFAULT
from pcapstream.tools.answer import answer
from pcapstream.tools.first_look import MOST_FINDINGS
from pcapstream.tools.registry import find_tool
from pcapstream.tools.triage import ANALYZE
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
        assert told["summary"].startswith(whole["summary"])
        assert told["findings"] == len(whole["findings"])
        first = [one["text"] for one in found["findings"] if one.get("tool") == told["tool"]]
        assert sorted(first) == sorted(one["text"] for one in whole["findings"][:MOST_FINDINGS])
