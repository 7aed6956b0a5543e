"""The library as people use it."""

from __future__ import annotations

import asyncio
import copy
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

import pcapstream
from tests.support.pcap import FIN, RST, START_NS, SYN, Frame, arp, conversation, mixed, pcap, tcp
from tests.support.sources import GatedSource

if TYPE_CHECKING:
    from pcapstream import Batch, Packet, Progress, Report, Snapshot

FRAMES = mixed()
CAPTURE = pcap(FRAMES)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "capture.pcap"
    path.write_bytes(CAPTURE)
    return path


class FlagCounter:
    """An own machine that counts SYN flags."""

    name = "syns"
    needs = frozenset({"packets"})

    def __init__(self) -> None:
        self.syns = 0

    def feed(self, batch: Batch, /) -> None:
        self.syns += sum(1 for packet in batch.packets if (packet.tcp_flags or 0) & SYN)

    def expire(self, now_ns: int, /) -> None:
        pass

    def snapshot(self, core: Snapshot, /) -> int:
        return self.syns

    finish = snapshot


def test_all_public_names_are_there() -> None:
    for name in pcapstream.__all__:
        assert getattr(pcapstream, name) is not None
    assert dir(pcapstream) == sorted(pcapstream.__all__)
    with pytest.raises(AttributeError):
        pcapstream.nonsense  # noqa: B018


def test_analyze_in_a_script(capture: Path) -> None:
    report = pcapstream.analyze(capture)
    assert report.coverage.complete
    assert report.capture["packets"] == len(FRAMES)
    assert len(report.summary(pcapstream.TcpSummary).table) == 20
    assert set(report.summaries) == set(pcapstream.DEFAULT_MODULES)


def test_analyze_takes_options(capture: Path) -> None:
    report = pcapstream.analyze(str(capture), modules=["capinfos"], max_packets=7, machines=[FlagCounter()])  # type: ignore[list-item]
    assert (report.coverage.reason, report.coverage.packets) == ("max_packets", 7)
    assert list(report.summaries) == ["capinfos", "syns"]


def test_analyze_without_modules_gives_the_facts_of_the_file(capture: Path) -> None:
    report = pcapstream.analyze(capture, modules=())
    assert report.summaries == {}
    assert report.capture["packets"] == len(FRAMES)


def test_analyze_tells_its_progress(capture: Path) -> None:
    seen: list[Progress] = []
    pcapstream.analyze(capture, on_progress=seen.append)
    assert seen[-1].ended
    assert (seen[-1].bytes_read, seen[-1].bytes_total, seen[-1].packets) == (len(CAPTURE), len(CAPTURE), len(FRAMES))


def test_analyze_stops_when_progress_raises() -> None:
    source = GatedSource()
    source.give(CAPTURE)

    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pcapstream.analyze(source, on_progress=stop)
    assert source.closed.is_set()
    assert source.cancelled


@pytest.mark.anyio
async def test_analyze_works_while_a_loop_runs(capture: Path) -> None:
    assert pcapstream.analyze(capture).coverage.complete
    report = await anyio.to_thread.run_sync(pcapstream.analyze, capture)
    assert report.coverage.complete


def test_analyze_errors(tmp_path: Path) -> None:
    with pytest.raises(pcapstream.SourceError) as missing:
        pcapstream.analyze(tmp_path / "missing.pcap")
    assert missing.value.code == "not_found"
    with pytest.raises(pcapstream.QueryError):
        pcapstream.analyze("x", modules=["nonsense"])
    with pytest.raises(pcapstream.SourceError) as private:
        pcapstream.analyze("http://127.0.0.1:9/x.pcap")
    assert private.value.code == "refused_address"
    (tmp_path / "text").write_text("this is no capture, whatever it is called")
    with pytest.raises(pcapstream.CaptureError) as text:
        pcapstream.analyze(tmp_path / "text")
    assert text.value.code == "unknown_format"


def test_analyze_leaves_no_thread_behind(capture: Path) -> None:
    before = set(threading.enumerate())
    pcapstream.analyze(capture)
    assert not set(threading.enumerate()) - before


@pytest.mark.anyio
async def test_result_of_an_open_scan(capture: Path) -> None:
    async with pcapstream.open(capture) as scan:
        report = await scan.result()
        assert scan.name == "capture.pcap"
    assert report.coverage.packets == len(FRAMES)


@pytest.mark.anyio
async def test_progress_and_snapshots_on_the_way() -> None:
    source = GatedSource(size=len(CAPTURE))
    half = pcap(FRAMES[:60])
    source.give(half)
    seen: list[Progress] = []
    snapshots: list[Report] = []
    async with pcapstream.open(source) as scan:
        async for progress in scan.progress(every=0.001):
            seen.append(copy.copy(progress))
            if progress.packets == 60 and not snapshots:
                snapshots.append(await scan.snapshot())
                source.give(CAPTURE[len(half) :])
                source.end()
        report = await scan.result()
    assert snapshots[0].coverage.packets == 60
    assert snapshots[0].coverage.reason == "budget"
    assert [p.bytes_read for p in seen] == sorted(p.bytes_read for p in seen)
    assert (seen[-1].ended, seen[-1].packets) == (True, len(FRAMES))
    assert report.coverage.complete


@pytest.mark.anyio
async def test_packets_are_those_of_the_capture(tmp_path: Path) -> None:
    frames = [
        Frame(START_NS + 1_000, tcp("10.0.0.1", 4_000, "10.0.0.2", 80, SYN, seq=7, window=512)),
        Frame(START_NS + 2_000, tcp("2001:db8::1", 4_001, "2001:db8::2", 443, RST, payload=b"abc"), 1_500),
        Frame(START_NS + 3_000, arp("10.0.0.1", "10.0.0.2")),
    ]
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(frames))
    async with pcapstream.open(path) as scan:
        packets = [packet async for batch in scan.packets() for packet in batch]
    first, second, third = packets
    assert [p.number for p in packets] == [1, 2, 3]
    assert [p.time_ns for p in packets] == [frame.time_ns for frame in frames]
    assert (first.ip_src, first.src_port, first.ip_dst, first.dst_port) == ("10.0.0.1", 4_000, "10.0.0.2", 80)
    assert (first.tcp_flags, first.tcp_seq, first.tcp_window, first.payload_bytes) == (SYN, 7, 512, 0)
    assert (first.eth_src, first.transport, first.ttl, first.tcp_stream) == ("02:00:0a:00:00:01", "tcp", 64, 0)
    assert (second.ip_src, second.payload_bytes, second.tcp_stream) == ("2001:db8::1", 3, 1)
    assert (second.wire_bytes, second.captured_bytes) == (1_500, len(frames[1].data))
    assert third.protocols[:2] == ("eth", "arp")
    assert (third.transport, third.src_port, third.tcp_flags) == (None, None, None)
    with pytest.raises(AttributeError):
        first.number = 5


@pytest.mark.anyio
async def test_packets_wait_for_their_consumer() -> None:
    """A capture of many chunks, of which a few are held while the consumer looks away."""
    frames = [Frame(n, bytes(60_000)) for n in range(400)]
    data = pcap(frames)
    source = GatedSource()
    source.give(data)
    source.end()
    ahead = []
    count = 0
    async with pcapstream.open(source, modules=()) as scan:
        async for batch in scan.packets():
            count += len(batch)
            ahead.append(source.bytes_fetched - count * 60_000)
            snapshot = await scan.snapshot()
            assert snapshot.coverage.packets >= count
    assert count == 400
    assert max(ahead) < len(data) / 2


@pytest.mark.anyio
async def test_breaking_off_lets_the_reading_go_on(capture: Path) -> None:
    async with pcapstream.open(capture) as scan:
        async for batch in scan.packets():
            assert batch
            break
        assert (await scan.result()).coverage.complete


@pytest.mark.anyio
async def test_packets_raise_for_what_is_no_capture(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(b"no capture" * 9)
    async with pcapstream.open(path) as scan:
        with pytest.raises(pcapstream.CaptureError):
            async for _ in scan.packets():
                pass


@pytest.mark.anyio
async def test_packets_that_stop_where_the_source_broke() -> None:
    source = GatedSource()
    source.give(pcap(FRAMES[:10]))
    source.fail(pcapstream.SourceError("interrupted", "gone"))
    async with pcapstream.open(source) as scan:
        packets: list[Packet] = [packet async for batch in scan.packets() for packet in batch]
        report = await scan.result()
    assert len(packets) == 10
    assert report.coverage.error == "interrupted"


@pytest.mark.anyio
async def test_an_own_machine(capture: Path) -> None:
    async with pcapstream.open(capture, modules=()) as scan:
        scan.register(FlagCounter())  # type: ignore[arg-type]
        report = await scan.result()
    assert report.summaries["syns"] == 40, "a SYN and a SYN-ACK for each of 20 connections"


@pytest.mark.anyio
async def test_connections_are_handed_to_machines_as_they_end(tmp_path: Path) -> None:
    class Closes(FlagCounter):
        name = "closes"
        needs = frozenset({"tcp", "connections"})

        def __init__(self) -> None:
            self.closes: list[tuple[int, str]] = []

        def feed(self, batch: Batch, /) -> None:
            self.closes += [(found.client_port, found.close) for found in batch.connections]

        def snapshot(self, core: Snapshot, /) -> list[tuple[int, str]]:  # type: ignore[override]
            return sorted(self.closes)

        finish = snapshot  # type: ignore[assignment]

    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(conversation(client_port=1, close="fin") + conversation(client_port=2, close="reset")))
    report = await anyio.to_thread.run_sync(lambda: pcapstream.analyze(path, machines=[Closes()]))  # type: ignore[list-item]
    assert report.summaries["closes"] == [(1, "fin"), (2, "reset")]


@pytest.mark.anyio
async def test_verbs_in_the_wrong_order(capture: Path) -> None:
    scan = pcapstream.open(capture)
    with pytest.raises(pcapstream.StateError) as early:
        await scan.result()
    assert early.value.code == "not_open"
    async with scan:
        await scan.result()
        with pytest.raises(pcapstream.StateError):
            scan.register(FlagCounter())  # type: ignore[arg-type]
        with pytest.raises(pcapstream.StateError):
            async for _ in scan.packets():
                pass
    with pytest.raises(pcapstream.StateError):
        await scan.result()
    with pytest.raises(pcapstream.StateError):
        async with scan:
            pass


def test_machines_are_checked(capture: Path) -> None:
    class Greedy(FlagCounter):
        needs = frozenset({"everything"})

    with pytest.raises(pcapstream.QueryError, match="everything"):
        pcapstream.open(capture, machines=[Greedy()])  # type: ignore[list-item]
    with pytest.raises(pcapstream.QueryError, match="two machines"):
        pcapstream.open(capture, machines=[FlagCounter(), FlagCounter()])  # type: ignore[list-item]


@pytest.mark.anyio
async def test_leaving_stops_the_reading() -> None:
    source = GatedSource()
    source.give(CAPTURE)
    async with pcapstream.open(source) as scan:
        await scan.result(budget=0)
    assert source.closed.is_set()
    assert source.cancelled


@pytest.mark.anyio
async def test_leaving_without_reading_closes_the_source() -> None:
    source = GatedSource()
    async with pcapstream.open(source):
        pass
    assert source.closed.is_set()


@pytest.mark.anyio
async def test_cancelling_the_result_stops_the_reading() -> None:
    source = GatedSource()
    source.give(CAPTURE)
    async with pcapstream.open(source) as scan:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(scan.result(), 0.01)
        assert source.cancelled


@pytest.mark.anyio
async def test_a_named_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    async with anyio.create_task_group() as tasks, pcapstream.open(path) as scan:
        tasks.start_soon(anyio.to_thread.run_sync, lambda: path.write_bytes(CAPTURE))
        report = await scan.result()
    assert report.coverage.packets == len(FRAMES)


def test_flags_of_the_builder_are_those_of_the_rfc() -> None:
    assert (FIN, SYN, RST) == (1, 2, 4), "RFC 9293 3.1"
