"""A capture of DNS alone, whose counts are known by how it was made: exact, also when tables are too small for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benches import dns_capture
from pcapstream import DnsSummary
from tests.support import wireshark
from tests.support.play import play

QUERIES = 6_001


def counted(path: Path, **limits: int) -> dict[str, Any]:
    summary = play([path.read_bytes()], limits=limits)["dns"]
    assert isinstance(summary, DnsSummary)
    return summary.counts()["dns"]


def totals(counts: dict[str, Any]) -> dict[str, Any]:
    return {
        "queries": counts["queries"],
        "responses": counts["responses"],
        "unanswered": counts["unanswered"]["count"],
        "rcodes": dict(sorted(counts["rcodes"]["rows"])),
    }


def test_counts_are_those_of_the_construction(tmp_path: Path) -> None:
    path = dns_capture.make(tmp_path / "dns.pcap", QUERIES)

    counts = counted(path)

    assert totals(counts) == dns_capture.truth(QUERIES)
    assert counts["response_time"]["count"] == (QUERIES + 1) // 2
    for kind in ("retransmitted_queries", "duplicate_responses", "unsolicited_responses"):
        assert counts[kind]["count"] == 0
    # Queries with even numbers are answered: frame 2 is the first that is not.
    assert counts["unanswered"]["frames"][0] == 2


def test_a_table_that_has_to_forget_keeps_totals_and_first_frames(tmp_path: Path) -> None:
    """Answers come at most 400 queries later, so a table of 2,000 forgets no query that will be answered."""
    path = dns_capture.make(tmp_path / "dns.pcap", QUERIES)

    small, large = counted(path, max_dns_pending=2_000), counted(path)

    assert small["forgotten"] > 0
    assert totals(small) == totals(large)
    assert small["unanswered"] == large["unanswered"]


@pytest.mark.tshark
@wireshark.needs_tshark()
def test_wireshark_counts_the_same(tmp_path: Path) -> None:
    path = dns_capture.make(tmp_path / "dns.pcap", 1_001)
    truth = dns_capture.truth(1_001)

    rows = wireshark.fields(path, ["dns.flags.response", "dns.flags.rcode", "dns.time"], "dns")

    assert len([row for row in rows if row[0] in ("0", "False")]) == truth["queries"]
    codes = [int(code) for _, code, _ in rows if code]
    assert {code: codes.count(code) for code in set(codes)} == truth["rcodes"]
    assert len([row for row in rows if row[2]]) == truth["responses"]
    assert wireshark.frames(path, "dns.retransmission || dns.unsolicited") == []
