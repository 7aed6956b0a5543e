"""analyze_expert_information against tshark -z expert."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.support.ask import ask, rows
from tests.support.pcap import dns_flows, flows, in_time_order, pcap
from tests.support.wireshark import needs_tshark

pytestmark = [pytest.mark.tshark, needs_tshark()]

EXAMPLES = Path(__file__).parents[2] / "examples"
SEVERITIES = {"Errors": "error", "Warns": "warn", "Notes": "note", "Chats": "chat"}


def tsharks(path: Path) -> Counter[tuple[str, str, str, str]]:
    """(severity, group, protocol, text) -> number; ports, frame numbers and the numbers of duplicate ACKs left out."""
    text = subprocess.run(
        ["tshark", "-n", "-q", "-r", str(path), "-z", "expert"], capture_output=True, text=True, timeout=100, check=True
    ).stdout
    found: Counter[tuple[str, str, str, str]] = Counter()
    severity = ""
    for line in text.splitlines():
        if heading := re.match(r"(Errors|Warns|Notes|Chats) \(", line):
            severity = SEVERITIES[heading[1]]
        elif item := re.match(r"\s+(\d+)\s+(\S+)\s+(\S+)\s+(.*\S)", line):
            said = re.sub(r": server port \d+| \(#\d+\)|(?<=retransmission)\. Original.*", "", item[4])
            found[severity, item[2], item[3], said] += int(item[1])
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("expert") / "made.pcap"
    path.write_bytes(pcap(in_time_order(flows() + dns_flows())))
    return path


@pytest.mark.parametrize("name", ["made", "web-problems.pcapng"])
def test_items_and_numbers_are_tsharks(name: str, made: Path) -> None:
    path = made if name == "made" else EXAMPLES / name
    expected = tsharks(path)

    result = ask("analyze_expert_information", path, limit=1000)

    found = {
        (row["severity"], row["group"], row["protocol"], row["summary"]): row["count"]
        for row in rows(result["expert_data"])
    }
    # tshark knows unanswered pings in a second pass only.
    covered = {text for text in result["covers"] if not text.startswith("No response")}
    assert {key: number for key, number in found.items() if key[3] in covered} == {
        key: number for key, number in expected.items() if key[3] in covered
    }
    assert found
