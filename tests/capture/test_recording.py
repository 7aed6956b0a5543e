"""Recordings: cut between packets, limited, never over another file, readable while they grow."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import pcapstream
from pcapstream.capture.blocks import Blocks, NotACapture
from pcapstream.capture.recording import FileRecording, Folder, MemoryRecording, Recording
from pcapstream.errors import LiveError
from tests.support.pcap import START_NS, Frame, pcap, pcapng

SIZES = [60, 1400, 100, 9000, 61, 700, 1, 300] * 12


def frames(sizes: list[int]) -> list[Frame]:
    return [Frame(START_NS + number * 1000, bytes(size)) for number, size in enumerate(sizes)]


FORMATS = {
    "pcapng": (pcapng, "<"),
    "pcapng-big": (pcapng, ">"),
    "pcap": (pcap, "<"),
    "pcap-big": (pcap, ">"),
}


@pytest.fixture(params=FORMATS)
def data(request: pytest.FixtureRequest) -> bytes:
    make, order = FORMATS[request.param]
    return make(frames(SIZES), order=order)


def suffix(data: bytes) -> str:
    return ".pcapng" if data[:4] == b"\x0a\x0d\x0d\x0a" else ".pcap"


def feed(recording: Recording, data: bytes, step: int) -> int:
    """In pieces as a pipe gives them, whole blocks only, until it is full; gives the bytes taken."""
    blocks, tail, taken = Blocks(), b"", 0
    for start in range(0, len(data), step):
        tail += data[start : start + step]
        while whole := blocks.whole(memoryview(tail)):
            got = recording.take(blocks, memoryview(tail)[:whole])
            taken += got
            if got < whole:
                return taken
            tail = tail[whole:]
    return taken


def packets(data: bytes | Path) -> int:
    report = pcapstream.analyze(str(data), modules=())
    assert report.coverage.complete
    return report.capture["packets"]


@pytest.mark.parametrize("step", [1, 7, 100, 5_000, 1 << 20])
def test_blocks_end_where_packets_end(data: bytes, step: int) -> None:
    blocks, tail, ends = Blocks(), b"", 0
    for start in range(0, len(data), step):
        tail += data[start : start + step]
        while whole := blocks.whole(memoryview(tail)):
            ends += whole
            tail = tail[whole:]

    assert ends == len(data)
    assert tail == b""
    header = 24 if suffix(data) == ".pcap" else 28 + 32
    assert blocks.header == data[:header]


@pytest.mark.parametrize("bad", [b"hello, this is no capture at all", pcap(frames([60]))[:24] + b"\xff" * 16])
def test_what_is_no_capture_is_told(bad: bytes) -> None:
    with pytest.raises(NotACapture):
        feed(MemoryRecording(1 << 20), bad, 1 << 20)


@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_a_file_ends_between_two_packets(tmp_path: Path, data: bytes, step: int) -> None:
    name = "x" + suffix(data)
    recording = FileRecording(Folder(str(tmp_path)), name, 50_000)
    taken = feed(recording, data, step)
    recording.close()
    path = tmp_path / name

    assert path.read_bytes() == data[:taken]
    # The next packet, of 9,000 bytes at most, would have been too much.
    assert 40_000 < taken == path.stat().st_size == recording.size <= 50_000
    assert packets(path) > 20
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_ring_is_as_large_as_it_may_be_and_holds_the_newest(tmp_path: Path, data: bytes) -> None:
    name = "x" + suffix(data)
    recording = FileRecording(Folder(str(tmp_path)), name, 60_000, 3)
    assert feed(recording, data, 1 << 20) == len(data)
    found = recording.source("x", "x")
    found.open()
    kept = b""
    buffer = bytearray(1000)
    while got := found.read(memoryview(buffer)):
        kept += buffer[:got]
    recording.close()
    files = sorted(tmp_path.iterdir())

    assert [path.name for path in files] == list(recording.files)
    assert len(files) == 3
    assert all(path.stat().st_size <= 20_000 for path in files)
    assert recording.lost
    # Each file is a capture of its own, and the last one ends with the last packet.
    assert files[-1].read_bytes()[-300:] == data[-300:]
    assert sum(packets(path) for path in files) == pcapstream.analyze(_Given(kept), modules=()).capture["packets"]


def test_a_packet_larger_than_a_file_of_the_ring_gets_one_of_its_own(tmp_path: Path) -> None:
    recording = FileRecording(Folder(str(tmp_path)), "x.pcap", 15_000, 3)
    data = pcap(frames([100, 8000, 9000, 100, 8000]))

    assert feed(recording, data, 1 << 20) == len(data)
    recording.close()
    assert sum(packets(path) for path in tmp_path.iterdir()) >= 3


def test_names_that_are_taken_are_left_alone(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    (tmp_path / "x.pcap").write_bytes(b"mine")
    (tmp_path / "away.pcap").symlink_to(tmp_path / "nowhere.pcap")
    (tmp_path / "r_00001.pcap").write_bytes(b"mine")
    for name, ring in (("x.pcap", 0), ("away.pcap", 0), ("r.pcap", 2)):
        with pytest.raises(LiveError) as refused:
            FileRecording(folder, name, 10_000, ring)
        assert refused.value.code == "bad_output_file"

    assert (tmp_path / "x.pcap").read_bytes() == (tmp_path / "r_00001.pcap").read_bytes() == b"mine"
    assert not (tmp_path / "nowhere.pcap").exists()


def test_later_names_of_a_ring_that_are_taken_are_passed_over(tmp_path: Path) -> None:
    recording = FileRecording(Folder(str(tmp_path)), "r.pcap", 30_000, 3)
    (tmp_path / "r_00002.pcap").write_bytes(b"mine")
    feed(recording, pcap(frames([1000] * 100)), 1 << 20)
    recording.close()

    assert (tmp_path / "r_00002.pcap").read_bytes() == b"mine"
    assert len(recording.files) == 3


@pytest.mark.parametrize("keep", [2_000, 20_000, 1 << 20])
def test_memory_keeps_the_end(data: bytes, keep: int) -> None:
    recording = MemoryRecording(1 << 30, keep)
    taken = feed(recording, data, 500)
    source = recording.source("live:x", "x:1")
    report = pcapstream.analyze(source, modules=())

    assert taken == len(data) == recording.size
    assert recording.lost == (keep < len(data))
    assert report.coverage.complete
    assert report.capture["packets"] <= len(SIZES)
    assert (report.capture["packets"] == len(SIZES)) == (keep >= len(data))
    assert recording.files == ()


def test_memory_is_full_as_a_file_is(data: bytes) -> None:
    recording = MemoryRecording(50_000)

    assert 40_000 < feed(recording, data, 1 << 20) <= 50_000


def test_a_disk_that_is_full_ends_the_capture_and_leaves_what_is_there(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    recording = FileRecording(Folder(str(tmp_path)), "x.pcap", 1 << 20)
    data = pcap(frames([1000] * 10))
    feed(recording, data, 1 << 20)
    full = os.open("/dev/full", os.O_WRONLY)
    name, descriptor, _ = recording._files[-1]
    os.dup2(full, descriptor)
    os.close(full)
    with pytest.raises(LiveError) as broken:
        feed(recording, data, 1 << 20)
    recording.close()

    assert broken.value.code == "interrupted"
    assert packets(tmp_path / name) == 10


def test_a_file_can_be_read_while_it_grows_and_when_it_has_ended(tmp_path: Path) -> None:
    data = pcap(frames([100] * 20))
    recording = FileRecording(Folder(str(tmp_path)), "x.pcap", 1 << 20)
    half = len(pcap(frames([100] * 10)))
    blocks = Blocks()
    recording.take(blocks, memoryview(data)[: blocks.whole(memoryview(data))])
    recording.take(blocks, memoryview(data)[24:half])
    early = recording.source("live:x", "x:1")
    recording.take(blocks, memoryview(data)[half:])
    late = recording.source("live:x", "x:2")
    recording.close()
    after = recording.source("live:x", "x:2")

    counts = [pcapstream.analyze(source, modules=()).capture["packets"] for source in (early, late, after)]
    assert counts == [10, 20, 20]


class _Given:
    """Bytes as a source."""

    name, identity, prompt = "bytes", None, True

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)
        self.bytes_fetched = 0

    def open(self) -> None:
        pass

    def read(self, buffer: memoryview, /) -> int:
        got = min(len(buffer), len(self._data) - self.bytes_fetched)
        buffer[:got] = self._data[self.bytes_fetched : self.bytes_fetched + got]
        self.bytes_fetched += got
        return got

    def close(self) -> None:
        pass

    def cancel(self) -> None:
        pass
