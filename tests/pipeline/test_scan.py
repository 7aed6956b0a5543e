"""Scans and their store: budget, progress, cancel, sharing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from pcapstream.errors import CaptureError, LimitError, QueryError, SourceError
from pcapstream.model import Progress
from pcapstream.protocols import DEFAULT
from pcapstream.protocols.capinfos import CapinfosSummary
from pcapstream.protocols.tcp import TcpSummary
from pcapstream.scan import Scan, ScanOptions, ScanStore, StoreLimits
from pcapstream.sources.file import FileSource
from tests.support.pcap import Frame, mixed, pcap
from tests.support.sources import GatedSource

pytestmark = pytest.mark.anyio

FRAMES = mixed()
CAPTURE = pcap(FRAMES)
HALF = pcap(FRAMES[:60])


@pytest.fixture
async def store() -> AsyncIterator[ScanStore]:
    async with ScanStore() as made:
        yield made


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "capture.pcap"
    path.write_bytes(CAPTURE)
    return path


async def happens(event: object) -> None:
    """Waits for a threading.Event without holding the event loop."""
    with anyio.fail_after(10):
        await anyio.to_thread.run_sync(event.wait)  # type: ignore[attr-defined]


async def test_whole_report(store: ScanStore, capture: Path) -> None:
    report = await store.report(FileSource(capture))
    coverage = report.coverage
    assert (coverage.complete, coverage.reason, coverage.next_step) == (True, None, None)
    assert (coverage.bytes_read, coverage.bytes_total, coverage.packets) == (len(CAPTURE), len(CAPTURE), len(FRAMES))
    assert report.name == "capture.pcap"
    assert report.capture["packets"] == len(FRAMES)
    assert list(report.summaries) == list(DEFAULT)
    assert len(report.summary(TcpSummary).table) == 20
    assert report.summary(CapinfosSummary).captures == 1


async def test_a_summary_that_was_not_made_says_which_were(store: ScanStore, capture: Path) -> None:
    report = await store.report(FileSource(capture), ScanOptions(modules=["capinfos"]))
    with pytest.raises(QueryError) as caught:
        report.summary(TcpSummary)
    assert caught.value.code == "module_not_run"
    assert "capinfos" in str(caught.value)


async def test_two_calls_share_one_pass(store: ScanStore) -> None:
    one, two = GatedSource(identity="same"), GatedSource(identity="same")
    one.give(CAPTURE)
    reports = []
    async with anyio.create_task_group() as tasks:

        async def call(source: GatedSource) -> None:
            reports.append(await store.report(source))

        tasks.start_soon(call, one)
        await happens(one.asked)
        tasks.start_soon(call, two)
        await happens(two.closed)
        one.end()
    assert reports[0] is reports[1]
    assert two.bytes_fetched == 0


async def test_a_later_call_finds_the_report(store: ScanStore, capture: Path) -> None:
    assert await store.report(FileSource(capture)) is await store.report(FileSource(capture))


async def test_other_options_are_another_scan(store: ScanStore, capture: Path) -> None:
    reports = [
        await store.report(FileSource(capture), options)
        for options in (
            None,
            ScanOptions(max_packets=5),
            ScanOptions(resync=False),
            ScanOptions(modules=["tcp"]),
            ScanOptions(limits={"max_buckets": 10}),
        )
    ]
    assert len({report.scan_id for report in reports}) == 5
    assert reports[1].coverage.packets == 5


async def test_a_changed_file_is_another_capture(store: ScanStore, capture: Path) -> None:
    before = await store.report(FileSource(capture))
    capture.write_bytes(HALF)
    after = await store.report(FileSource(capture))
    assert (before.coverage.packets, after.coverage.packets) == (len(FRAMES), 60)
    assert before.scan_id != after.scan_id


async def test_a_pipe_is_never_shared(store: ScanStore, tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    for _ in range(2):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, lambda: path.write_bytes(CAPTURE))
            with anyio.fail_after(10):
                report = await store.report(FileSource(path))
        assert report.coverage.packets == len(FRAMES)
        assert report.coverage.bytes_total is None
    assert store.scans() == []


async def test_a_spent_budget_gives_what_is_known_and_the_pass_goes_on(store: ScanStore) -> None:
    source = GatedSource(identity="slow", size=len(CAPTURE))
    source.give(HALF)
    async with anyio.create_task_group() as tasks:
        reports = []

        async def call() -> None:
            reports.append(await store.report(source, budget=0.01))

        tasks.start_soon(call)
        await happens(source.asked)
    partial = reports[0]
    assert (partial.coverage.complete, partial.coverage.reason) == (False, "budget")
    assert partial.coverage.packets <= 60
    assert not source.cancelled
    source.give(CAPTURE[len(HALF) :])
    source.end()
    whole = await store.report(GatedSource(identity="slow"))
    assert whole.coverage.complete
    assert whole.coverage.packets == len(FRAMES)
    assert whole.scan_id == partial.scan_id


async def test_a_budget_partial_counts_all_that_was_read(store: ScanStore) -> None:
    source = GatedSource(identity="slow")
    source.give(HALF)
    scan = await store.open(source)
    await happens(source.asked)
    report = await scan.wait(budget=0)
    assert report.coverage.packets == 60
    assert report.capture["packets"] == 60
    assert report.coverage.bytes_read == len(HALF)
    assert report.coverage.next_step


async def test_cancelling_the_last_call_stops_the_pass(store: ScanStore) -> None:
    source = GatedSource(identity="x")
    source.give(HALF)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(store.report, source)
        await happens(source.asked)
        tasks.cancel_scope.cancel()
    await happens(source.closed)
    assert source.reads_after_cancel == 0
    again = GatedSource(identity="x")
    again.give(CAPTURE)
    again.end()
    assert (await store.report(again)).coverage.complete, "a stopped pass is not joined"


async def test_cancelling_one_of_two_calls_does_not(store: ScanStore) -> None:
    source = GatedSource(identity="x")
    source.give(HALF)
    scan = await store.open(source)
    scopes = [anyio.CancelScope(), anyio.CancelScope()]
    left = [anyio.Event(), anyio.Event()]
    results = []
    async with anyio.create_task_group() as tasks:

        async def call(number: int) -> None:
            with scopes[number]:
                results.append(await scan.wait())
            left[number].set()

        tasks.start_soon(call, 0)
        tasks.start_soon(call, 1)
        await happens(source.asked)
        scopes[0].cancel()
        await left[0].wait()
        assert scan.waiters == 1
        assert not source.cancelled
        source.give(CAPTURE[len(HALF) :])
        source.end()
    assert [report.coverage.packets for report in results] == [len(FRAMES)]


async def test_a_cancelled_pass_tells_those_who_still_wait(store: ScanStore) -> None:
    source = GatedSource(identity="x")
    source.give(HALF)
    scan = await store.open(source)
    results = []
    async with anyio.create_task_group() as tasks:

        async def call() -> None:
            results.append(await scan.wait())

        tasks.start_soon(call)
        await happens(source.asked)
        scan.stop()
    assert (results[0].coverage.reason, results[0].coverage.packets) == ("cancelled", 60)


async def test_nobody_waits_any_more(tmp_path: Path) -> None:
    async with ScanStore(StoreLimits(scan_idle=0.01)) as store:
        source = GatedSource(identity="x")
        source.give(HALF)
        scan = await store.open(source)
        await scan.wait(budget=0)
        await happens(source.closed)
        assert source.cancelled
        await scan.left()
        assert store.scans() == []


async def test_run_time_is_bounded_and_its_report_kept() -> None:
    async with ScanStore(StoreLimits(max_run_time=0.01)) as store:
        source = GatedSource(identity="x")
        source.give(HALF)
        report = await store.report(source)
        assert (report.coverage.complete, report.coverage.reason) == (False, "run_time")
        assert source.closed.is_set()
        again = GatedSource(identity="x")
        assert await store.report(again) is report


async def test_a_broken_source_gives_a_partial_report_that_is_not_kept(store: ScanStore) -> None:
    source = GatedSource(identity="x")
    source.give(HALF)
    source.fail(SourceError("interrupted", "the server went away"))
    report = await store.report(source)
    assert (report.coverage.complete, report.coverage.reason) == (False, "source_error")
    assert (report.coverage.error, report.coverage.packets) == ("interrupted", 60)
    assert "the server went away" in (report.coverage.error_message or "")
    again = GatedSource(identity="x")
    again.give(CAPTURE)
    again.end()
    assert (await store.report(again)).coverage.complete


async def test_a_cut_capture_is_damaged_and_says_where(store: ScanStore, capture: Path) -> None:
    capture.write_bytes(CAPTURE[:-10])
    report = await store.report(FileSource(capture))
    coverage = report.coverage
    assert (coverage.complete, coverage.reason) == (False, "damaged")
    assert coverage.packets == len(FRAMES) - 1
    assert [damage["reason"] for damage in coverage.damage] == ["truncated"]
    assert coverage.damage[0]["offset"] == len(pcap(FRAMES[:-1]))


async def test_packets_behind_damage_are_counted_apart(store: ScanStore, capture: Path) -> None:
    damaged = bytearray(CAPTURE)
    at = len(pcap(FRAMES[:100]))
    damaged[at + 8 : at + 12] = b"\xff\xff\xff\x7f"
    capture.write_bytes(damaged)
    coverage = (await store.report(FileSource(capture))).coverage
    assert (coverage.complete, coverage.reason) == (False, "damaged")
    assert coverage.packets == len(FRAMES) - 1
    assert coverage.recovered_packets == len(FRAMES) - 101
    assert coverage.bytes_skipped == 16 + len(FRAMES[100].data)
    assert [(damage["offset"], damage["recovered"]) for damage in coverage.damage] == [(at, True)]
    before = (await store.report(FileSource(capture), ScanOptions(resync=False))).coverage
    assert (before.packets, before.recovered_packets) == (100, 0)


async def test_errors_reach_each_call_and_are_not_kept(store: ScanStore, capture: Path) -> None:
    capture.write_bytes(b"not a capture at all" * 10)
    for _ in range(2):
        with pytest.raises(CaptureError) as caught:
            await store.report(FileSource(capture))
        assert caught.value.code == "unknown_format"
    with pytest.raises(SourceError) as missing:
        await store.report(FileSource(capture.parent / "missing"))
    assert missing.value.code == "not_found"
    assert store.scans() == []


async def test_progress_is_told_at_once_and_while_it_reads(store: ScanStore) -> None:
    source = GatedSource(identity="x", size=len(CAPTURE))
    source.give(HALF)
    seen: list[int] = []

    async def tell(progress: Progress) -> None:
        seen.append(progress.bytes_read)
        assert progress.bytes_total == len(CAPTURE)
        if len(seen) == 3:
            source.give(CAPTURE[len(HALF) :])
            source.end()

    report = await store.report(source, on_progress=tell, every=0.001)
    assert report.coverage.complete
    assert len(seen) >= 3
    assert seen == sorted(seen)


async def test_too_many_scans() -> None:
    async with ScanStore(StoreLimits(max_scans=2)) as store:
        sources = [GatedSource(identity=str(n)) for n in range(4)]
        for source in sources:
            source.give(HALF)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(store.report, sources[0])
            tasks.start_soon(store.report, sources[1])
            await happens(sources[0].asked)
            await happens(sources[1].asked)
            with pytest.raises(LimitError) as caught:
                await store.report(sources[2])
            assert caught.value.code == "too_many_scans"
            assert sources[2].closed.is_set()
            tasks.cancel_scope.cancel()


async def test_a_pass_nobody_waits_for_makes_room() -> None:
    async with ScanStore(StoreLimits(max_scans=1)) as store:
        idle, wanted = GatedSource(identity="idle"), GatedSource(identity="wanted")
        idle.give(HALF)
        wanted.give(CAPTURE)
        wanted.end()
        scan = await store.open(idle)
        await scan.wait(budget=0)
        assert (await store.report(wanted)).coverage.complete
        await happens(idle.closed)


async def test_the_least_recently_used_report_goes_first() -> None:
    async with ScanStore(StoreLimits(max_cached_reports=2)) as store:

        async def ask(identity: str) -> GatedSource:
            source = GatedSource(identity=identity)
            source.give(CAPTURE)
            source.end()
            await store.report(source)
            return source

        await ask("a")
        await ask("b")
        assert (await ask("a")).bytes_fetched == 0
        await ask("c")
        assert (await ask("a")).bytes_fetched == 0
        assert (await ask("b")).bytes_fetched > 0


async def test_the_newest_report_is_kept_even_if_it_is_large() -> None:
    async with ScanStore(StoreLimits(max_cached_bytes=1)) as store:
        for identity in ("a", "b"):
            source = GatedSource(identity=identity)
            source.give(CAPTURE)
            source.end()
            await store.report(source)
        assert len(store.scans()) == 1
        again = GatedSource(identity="b")
        await store.report(again)
        assert again.bytes_fetched == 0


async def test_leaving_the_store_stops_everything() -> None:
    source = GatedSource(identity="x")
    source.give(HALF)
    async with ScanStore() as store:
        await store.open(source)
        await happens(source.asked)
    assert source.closed.is_set()


async def test_cancel_while_the_source_opens() -> None:
    class SlowToOpen(GatedSource):
        def open(self) -> None:
            self.asked.set()
            with self._changed:
                while not self._cancelled:
                    self._changed.wait()
            raise SourceError("cancelled", "reading was cancelled")

    source = SlowToOpen()
    async with ScanStore() as store, anyio.create_task_group() as tasks:
        tasks.start_soon(store.report, source)
        await happens(source.asked)
        tasks.cancel_scope.cancel()
    assert source.closed.is_set()
    assert store.scans() == []


async def test_the_event_loop_is_free_while_a_pass_runs(store: ScanStore) -> None:
    """A pass over 32 MB must not need the event loop: it ends although the loop never runs meanwhile."""
    source = GatedSource(identity="x")
    source.give(pcap(Frame(n, bytes(60_000)) for n in range(500)))
    source.end()
    scan = await store.open(source)
    assert source.closed.wait(20)
    assert (await scan.wait()).coverage.packets == 500


@pytest.mark.parametrize(
    ("options", "kind", "code"),
    [
        ({"modules": ["nonsense"]}, QueryError, "unknown_module"),
        ({"max_packets": 0}, QueryError, "bad_parameter"),
        ({"limits": {"nonsense": 1}}, LimitError, "unknown_limit"),
        ({"limits": {"max_buckets": 0}}, LimitError, "bad_limit"),
    ],
)
def test_options_are_checked(options: dict[str, object], kind: type[Exception], code: str) -> None:
    with pytest.raises(kind) as caught:
        ScanOptions(**options)  # type: ignore[arg-type]
    assert caught.value.code == code  # type: ignore[attr-defined]


async def test_a_scan_by_itself_is_stopped_by_its_last_waiter() -> None:
    source = GatedSource()
    source.give(HALF)
    scan = Scan(source)
    scan.start()
    task = asyncio.create_task(scan.wait())
    await happens(source.asked)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await happens(source.closed)
