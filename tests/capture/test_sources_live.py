"""Live sources: what is sent is what is read, by every capture program."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

import pcapstream
from pcapstream.capture.blocks import Blocks
from pcapstream.capture.programs import Kind, find_program
from pcapstream.capture.recording import FileRecording, Folder
from pcapstream.errors import LiveError, SourceError
from pcapstream.pipeline import Pass
from pcapstream.report import ScanOptions, report_of
from pcapstream.sources.live import LiveSource
from tests.support.live import alive, children, datagrams, gone, kind
from tests.support.wireshark import capinfos, needs_tshark

__all__ = ["kind"]


def read_all(source: LiveSource) -> bytes:
    buffer = bytearray(1 << 20)
    found = b""
    while got := source.read(memoryview(buffer)):
        found += buffer[:got]
    return found


def sent_through(source: LiveSource, number: int = 50) -> pcapstream.Report:
    """The report of a capture of that many datagrams, stopped when they have been read."""
    with datagrams() as traffic:
        source.capture_filter = traffic.filter
        source.open()
        work = Pass(source, ScanOptions(modules=["capinfos", "triage"]).machines())
        work.start()
        try:
            traffic.send(number)
            while work.progress.packets < number and not work.result.done():
                work.snapshot().result(20)
            source.stop()
            state = work.result.result(20)
        finally:
            work.cancel()
            work.join()
    return report_of(state, source.name, "x", None)


def test_every_datagram_is_counted_once(kind: Kind) -> None:
    source = LiveSource("lo", seconds=30, program=find_program(kind))

    report = sent_through(source, 50)

    assert report.capture["packets"] == 50
    # Ethernet, IPv4 and UDP headers, 100 bytes.
    assert report.capture["wire_bytes"] == 50 * (14 + 20 + 8 + 100)
    assert report.coverage.complete
    assert source.why == "stopped"
    assert source.dropped == 0


def test_any_is_all_interfaces_cooked(kind: Kind) -> None:
    source = LiveSource("any", seconds=30, program=find_program(kind))

    report = sent_through(source, 20)

    assert report.capture["packets"] == 20
    assert report.capture["link_types"][0][0] in (113, 276)
    assert report.capture["wire_bytes"] in (20 * (16 + 128), 20 * (20 + 128))


def test_it_ends_by_itself(kind: Kind) -> None:
    source = LiveSource("lo", seconds=0.5, program=find_program(kind), capture_filter="udp port 1")
    source.open()
    try:
        read_all(source)
    finally:
        source.close()

    assert source.why == "duration"
    assert source.dropped == 0


@pytest.mark.parametrize("text", ["garb age", "udp port nosuchservice", "tcp and (port 80", "less", "ip[0"])
def test_a_bad_filter_is_refused_before_anything_runs(kind: Kind, text: str) -> None:
    source = LiveSource("lo", seconds=5, program=find_program(kind), capture_filter=text)
    with pytest.raises(LiveError) as refused:
        source.open()
    source.close()

    assert refused.value.code == "bad_capture_filter"
    assert source.why == "failed"


@pytest.mark.parametrize("text", ["-i eth0", "-w /tmp/pcapstream-should-not-be", "-z kill", "--version"])
def test_a_filter_is_no_option(kind: Kind, text: str, tmp_path: Path) -> None:
    source = LiveSource("lo", seconds=5, program=find_program(kind), capture_filter=text)
    with pytest.raises(LiveError) as refused:
        source.open()
    source.close()

    assert refused.value.code == "bad_capture_filter"
    assert not Path("/tmp/pcapstream-should-not-be").exists()


def test_shell_text_in_a_filter_is_a_syntax_error(kind: Kind, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    source = LiveSource("lo", seconds=5, program=find_program(kind), capture_filter=f"udp; touch {mark}")
    with pytest.raises(LiveError) as refused:
        source.open()
    source.close()

    assert refused.value.code == "bad_capture_filter"
    assert not mark.exists()


@pytest.mark.parametrize(
    "name", ["", "nope0", "-i", "lo;id", "lo\n", "../lo", "rpcap://127.0.0.1/lo", "TCP@127.0.0.1:1"]
)
def test_only_interfaces_of_this_machine(name: str) -> None:
    with pytest.raises(LiveError) as refused:
        LiveSource(name, seconds=5).open()

    assert refused.value.code == "unknown_interface"


def test_cancel_ends_a_read_that_waits(kind: Kind) -> None:
    source = LiveSource("lo", seconds=60, program=find_program(kind), capture_filter="udp port 1")
    source.open()
    source.read(memoryview(bytearray(1 << 20)))
    timer = threading.Timer(0.1, source.cancel)
    timer.start()
    with pytest.raises(SourceError) as ended:
        read_all(source)
    source.close()
    timer.join()

    assert ended.value.code == "cancelled"


@needs_tshark()
@pytest.mark.tshark
def test_the_saved_file_is_what_tshark_reads(kind: Kind, tmp_path: Path) -> None:
    program = find_program(kind)
    name = f"x.{program.formats[0]}"
    recording = FileRecording(Folder(str(tmp_path)), name, 10_000_000)
    source = LiveSource("lo", seconds=30, program=program, recording=recording)

    report = sent_through(source, 200)

    found = capinfos(tmp_path / name)
    assert int(found["Number of packets"]) == 200 == report.capture["packets"]
    assert int(found["Data size (bytes)"]) == report.capture["wire_bytes"]
    assert report.coverage.bytes_read == (tmp_path / name).stat().st_size == recording.size


def test_a_full_recording_ends_the_capture_between_two_packets(kind: Kind, tmp_path: Path) -> None:
    program = find_program(kind)
    name = f"x.{program.formats[0]}"
    source = LiveSource("lo", seconds=30, program=program, recording=FileRecording(Folder(str(tmp_path)), name, 20_000))
    with datagrams() as traffic:
        source.capture_filter = traffic.filter
        source.open()
        done: list[bytes] = []
        reader = threading.Thread(target=lambda: done.append(read_all(source)))
        reader.start()
        while reader.is_alive():
            traffic.send(10, 1000)
        reader.join()
        source.close()
    kept = (tmp_path / name).read_bytes()
    report = pcapstream.analyze(str(tmp_path / name))

    assert source.why == "max_size"
    assert kept == done[0]
    assert 17_000 < len(kept) <= 20_000
    assert report.coverage.complete
    assert report.capture["packets"] > 10
    assert source.dropped is not None


def test_no_child_is_left_when_it_is_closed(kind: Kind) -> None:
    before = set(children(os.getpid()))
    source = LiveSource("lo", seconds=60, program=find_program(kind))
    source.open()
    mine = [pid for pid in children(os.getpid()) if pid not in before]
    assert len(mine) == 2
    assert all(alive(pid) for pid in mine)
    source.close()

    assert gone(mine)


def test_blocks_of_a_real_capture_are_walked_to_their_ends(kind: Kind) -> None:
    source = LiveSource("lo", seconds=30, program=find_program(kind))
    with datagrams() as traffic:
        source.capture_filter = traffic.filter
        source.open()
        traffic.send(30)
        blocks, data, buffer = Blocks(), b"", bytearray(1 << 20)
        while data.count(b"x" * 100) < 30:
            got = source.read(memoryview(buffer))
            assert got
            view, walked = memoryview(bytes(buffer[:got])), 0
            while walked < got:
                step = blocks.whole(view[walked:])
                assert step
                walked += step
            data += buffer[:got]
        source.stop()
        source.close()

    assert data.startswith(blocks.header)
