"""aggregate and display_filter: numbers known by construction, bounds, and the laws of the machine."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapstream import aggregation
from pcapstream._core import Decoder
from pcapstream.aggregation import AggregateSummary, Aggregation, Metric
from pcapstream.selection import RowQuery, Selection
from pcapstream.sketches import Distinct, Values
from tests.support.ask import ask, rows
from tests.support.pcap import START_NS, Frame, flows, in_time_order, mixed, pcap, udp
from tests.support.play import cut

SECOND = 1_000_000_000


def datagrams(sizes: Sequence[int], *, step_ns: int = SECOND // 4) -> list[Frame]:
    """UDP from 10.0.0.(i % 3) port 5000 + i % 2, one every quarter of a second."""
    return [
        Frame(START_NS + i * step_ns, udp(f"10.0.0.{i % 3}", 5000 + i % 2, "10.0.1.1", 9, bytes(size)))
        for i, size in enumerate(sizes)
    ]


SIZES = [(i * 37) % 200 + 1 for i in range(400)]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("aggregate") / "datagrams.pcap"
    path.write_bytes(pcap(datagrams(SIZES)))
    return path


def test_groups_have_the_numbers_they_were_made_with(capture: Path) -> None:
    metrics = ["count", "bytes", "sum(udp.length)", "min(udp.length)", "max(udp.length)", "avg(udp.length)"]
    result = ask("aggregate", capture, group_by=["ip.src"], metrics=[*metrics, "distinct(udp.srcport)"])

    found = {row["ip.src"]: row for row in rows(result["groups"])}
    assert result["groups"]["total"] == len(found) == 3
    for i in range(3):
        lengths = [8 + size for size in SIZES[i::3]]
        row = found[f"10.0.0.{i}"]
        assert row["count"] == len(lengths)
        assert row["bytes"] == sum(34 + length for length in lengths)
        assert row["sum(udp.length)"] == sum(lengths)
        assert (row["min(udp.length)"], row["max(udp.length)"]) == (min(lengths), max(lengths))
        assert row["avg(udp.length)"] == pytest.approx(statistics.fmean(lengths))
        assert row["distinct(udp.srcport)"] == 2
    assert result["totals"]["count"] == len(SIZES)
    assert result["totals"]["sum(udp.length)"] == sum(SIZES) + 8 * len(SIZES)


def test_percentiles_are_values_of_the_capture(capture: Path) -> None:
    result = ask("aggregate", capture, metrics=["p50(udp.length)", "p95(udp.length)", "p99(udp.length)"])

    lengths = sorted(size + 8 for size in SIZES)
    expected = [lengths[200 - 1], lengths[380 - 1], lengths[396 - 1]]
    assert list(result["totals"].values())[-3:] == expected
    assert result["groups"]["rows"] == [expected]


def test_a_time_series_has_a_row_for_each_step_with_packets(capture: Path) -> None:
    result = ask("aggregate", capture, interval=10, metrics=["count", "sum(udp.length)"], limit=1000)

    found = rows(result["groups"])
    assert [row["count"] for row in found] == [40] * 10
    assert [row["sum(udp.length)"] for row in found] == [sum(SIZES[i : i + 40]) + 320 for i in range(0, 400, 40)]
    assert found[1]["time"] == "2023-11-14T22:13:30.000000Z"


def test_pages_go_on_in_the_same_order(capture: Path) -> None:
    whole = ask("aggregate", capture, group_by=["udp.length"], limit=1000)
    first = ask("aggregate", capture, group_by=["udp.length"], limit=7)
    second = ask("aggregate", capture, group_by=["udp.length"], limit=7, cursor=first["groups"]["next_cursor"])

    assert first["groups"]["rows"] + second["groups"]["rows"] == whole["groups"]["rows"][:14]
    assert whole["groups"]["total"] == len(set(SIZES))


def test_order_by_takes_metrics_fields_and_time(capture: Path) -> None:
    by_field = ask("aggregate", capture, group_by=["udp.length"], order_by="udp.length", limit=1000)
    lengths = [int(row["udp.length"]) for row in rows(by_field["groups"])]
    assert lengths == sorted(lengths)

    by_sum = ask("aggregate", capture, group_by=["ip.src"], metrics=["sum(udp.length)"], order_by="sum(udp.length)")
    sums = [row["sum(udp.length)"] for row in rows(by_sum["groups"])]
    assert sums == sorted(sums, reverse=True)


def test_packets_without_the_field_are_a_group_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "mixed.pcap"
    path.write_bytes(pcap(mixed()))

    result = ask("aggregate", path, group_by=["udp.dstport"])

    assert sum(row["count"] for row in rows(result["groups"])) == len(mixed())
    assert any(row["udp.dstport"] is None for row in rows(result["groups"]))


def test_several_values_count_in_the_group_of_each(capture: Path) -> None:
    """ip.addr is source and destination."""
    each = ask("aggregate", capture, group_by=["ip.addr"])
    first = ask("aggregate", capture, group_by=["ip.addr"], occurrence="first")

    assert {row["ip.addr"]: row["count"] for row in rows(each["groups"])} == {
        "10.0.1.1": 400,
        "10.0.0.0": 134,
        "10.0.0.1": 133,
        "10.0.0.2": 133,
    }
    assert sum(row["count"] for row in rows(first["groups"])) == 400
    assert each["totals"]["count"] == 400


def test_beyond_the_limit_the_largest_stay_and_totals_are_exact(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregation, "MAX_GROUPS", 10)
    result = ask("aggregate", capture, group_by=["udp.length"], limit=1000)

    truth = Counter(size + 8 for size in SIZES)
    assert result["totals"]["count"] == 400
    bound = result["other"]["group_count_at_most"]
    kept = {int(row["udp.length"]): row for row in rows(result["groups"])}
    for length, row in kept.items():
        assert row["count"] <= truth[length] <= row["count"] + row["missing_frames_at_most"]
    assert all(number <= bound for length, number in truth.items() if length not in kept)
    assert sum(row["count"] for row in kept.values()) + result["other"]["count"] == 400
    assert "total_at_least" in result["groups"]


def test_a_filter_narrows_what_an_analysis_counts(tmp_path: Path) -> None:
    path = tmp_path / "mixed.pcap"
    path.write_bytes(pcap(mixed()))
    ports = Counter(row["tcp.dstport"] for row in rows(ask("aggregate", path, group_by=["tcp.dstport"])["groups"]))
    assert ports

    whole = ask("analyze_pcap_file", path, analysis_type="protocols")
    part = ask("analyze_pcap_file", path, analysis_type="protocols", display_filter="udp")

    frames = {row["protocol"]: row["frames"] for row in rows(whole["protocols"])}
    left = {row["protocol"]: row["frames"] for row in rows(part["protocols"])}
    assert left["udp"] == frames["udp"]
    assert "tcp" not in left
    assert part["display_filter"] == part["filter"] == "udp"
    assert f"{frames['udp']} of them match display_filter" in part["summary"]
    assert any("Only packets that match display_filter" in note for note in part["notes"])
    assert "display_filter" not in whole


# Laws.

QUERY = Aggregation(
    ("ip.addr", "udp.dstport"),
    (
        Metric("count"),
        Metric("bytes"),
        Metric("sum", "ip.len"),
        Metric("avg", "ip.ttl"),
        Metric("distinct", "ip.id"),
        Metric("p95", "ip.len"),
    ),
    interval_ns=SECOND,
)
WHOLE = pcap(in_time_order(flows(8, packets_of_udp=9)))


def run(pieces: Sequence[bytes], query: Aggregation = QUERY) -> AggregateSummary:
    selection = Selection(rows=RowQuery(columns=query.columns, machine=query))
    decoder = Decoder(**selection.arguments())
    machine = query()
    for piece in pieces:
        machine.feed(decoder.feed(piece))
    machine.feed(decoder.finish())
    return machine.finish(decoder.snapshot())


def plain(summary: AggregateSummary) -> Any:
    def one(group: Any) -> Any:
        return (
            group.texts,
            group.count,
            group.bytes,
            [(n.number, n.total, n.low, n.high) for n in group.numbers],
            [(d.number, d.exact) for d in group.distinct],
            [[v.percentile(p) for p in (1, 50, 95, 99)] for v in group.values],
        )

    return one(summary.total), {key: one(group) for key, group in summary.groups.items()}, summary.cut_frames


@settings(deadline=None, max_examples=30)
@given(places=st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_any_cut_gives_the_same(places: list[int]) -> None:
    assert plain(run(cut(WHOLE, places))) == plain(run([WHOLE]))


@settings(deadline=None, max_examples=30)
@given(where=st.lists(st.integers(0, 2), min_size=len(flows(8, packets_of_udp=9)), max_size=60))
def test_parts_by_flow_merge_to_the_whole(where: list[int]) -> None:
    every = flows(8, packets_of_udp=9)
    parts = [
        run([pcap(in_time_order([flow for flow, part in zip(every, where, strict=False) if part == i]))])
        for i in range(3)
    ]
    a, b, c = parts

    assert plain(a.merge(b).merge(c)) == plain(a.merge(b.merge(c))) == plain(run([WHOLE]))
    assert plain(AggregateSummary.empty().merge(a)) == plain(a.merge(AggregateSummary.empty())) == plain(a)


def test_merged_parts_keep_their_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregation, "MAX_GROUPS", 4)
    query = Aggregation(("udp.length",))
    frames = datagrams(SIZES)
    truth = Counter(str(size + 8) for size in SIZES)

    merged = run([pcap(frames[:150])], query).merge(run([pcap(frames[150:])], query))

    assert merged.total.count == 400
    for group in merged.groups.values():
        exact = truth[group.texts[0] or ""]
        assert group.count <= exact <= group.count + group.missed_count
    kept = {group.texts[0] for group in merged.groups.values()}
    assert all(number <= merged.dropped.most_count for text, number in truth.items() if text not in kept)


@settings(deadline=None, max_examples=50)
@given(values=st.lists(st.integers(-(10**12), 2**64), min_size=1, max_size=80), percent=st.sampled_from([1, 50, 95]))
def test_percentiles_beyond_the_limit_are_within_the_stated_error(values: list[int], percent: int) -> None:
    held, left, right = Values(most=10), Values(most=10), Values(most=10)
    for value in values:
        held.add(value)
        (left if value % 2 else right).add(value)
    left.merge(right)

    ranked = sorted(values)
    exact = ranked[max(1, -(-percent * len(values) // 100)) - 1]
    estimate = held.percentile(percent)
    assert estimate is not None
    assert estimate == pytest.approx(exact, rel=0.01 + 1e-9)
    assert left.percentile(percent) == estimate or held.exact


def test_different_values_are_exact_up_to_the_limit_and_close_beyond() -> None:
    few, many, other = Distinct(), Distinct(), Distinct()
    for i in range(1_024):
        few.add(i)
        few.add(i)
    for i in range(20_000):
        many.add(i)
        other.add(i + 10_000)

    assert (few.number, few.exact) == (1_024, True)
    assert not many.exact
    # Five standard errors.
    assert many.number == pytest.approx(20_000, rel=5 * many.error)
    many.merge(other)
    assert many.number == pytest.approx(30_000, rel=5 * many.error)
