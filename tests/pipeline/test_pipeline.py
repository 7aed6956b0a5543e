"""One pass: threads, buffers, ends."""

from __future__ import annotations

import gzip
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pytest

from pcapstream.errors import CaptureError, SourceError
from pcapstream.pipeline import BUFFER_BYTES, BUFFERS, End, Pass
from pcapstream.protocols import choose
from tests.support.pcap import Frame, conversation, mixed, pcap, udp
from tests.support.sources import GatedSource

if TYPE_CHECKING:
    from pcapstream._core import Batch, Snapshot

FRAMES = mixed()
CAPTURE = pcap(FRAMES)
WAIT = 10
"""Seconds until a test that hangs is given up."""


def run(source: GatedSource, **more: object) -> Pass:
    work = Pass(source, [], **more)  # type: ignore[arg-type]
    work.start()
    return work


@pytest.mark.parametrize("step", [1, 7, 1000, len(CAPTURE)])
def test_a_capture_in_pieces_is_read_whole(step: int) -> None:
    source = GatedSource(size=len(CAPTURE))
    source.give(*(CAPTURE[at : at + step] for at in range(0, len(CAPTURE), step)))
    source.end()
    work = run(source)
    state = work.result.result(WAIT)
    work.join()
    assert (state.end, state.error) == (End.INPUT, None)
    assert state.core.capture["packets"] == len(FRAMES)
    assert state.core.capture["finished"]
    assert state.core.capture["damage"] == []
    assert source.closed.is_set()
    assert work.progress.ended
    assert (work.progress.bytes_read, work.progress.bytes_total) == (len(CAPTURE), len(CAPTURE))
    assert work.progress.packets == len(FRAMES)


def test_a_snapshot_is_answered_while_the_source_gives_nothing() -> None:
    source = GatedSource()
    source.give(pcap(FRAMES[:30]))
    work = run(source)
    assert source.asked.wait(WAIT)
    state = work.snapshot().result(WAIT)
    assert state.end is None
    assert state.core.capture["packets"] == 30
    assert not state.core.capture["finished"]
    source.give(CAPTURE[len(pcap(FRAMES[:30])) :])
    source.end()
    assert work.result.result(WAIT).core.capture["packets"] == len(FRAMES)
    assert work.snapshot().result(WAIT).end is End.INPUT


def test_cancel_ends_a_pass_whose_source_blocks() -> None:
    source = GatedSource()
    source.give(pcap(FRAMES[:30]) + b"half a record")
    work = run(source)
    assert source.asked.wait(WAIT)
    work.cancel()
    state = work.result.result(WAIT)
    assert state.end is End.CANCELLED
    assert state.core.capture["packets"] == 30
    assert state.core.capture["damage"] == [], "a record cut by our leaving is no damage"
    assert source.closed.is_set()
    assert source.reads_after_cancel == 0


def test_a_source_that_breaks_leaves_what_was_read() -> None:
    source = GatedSource()
    source.give(pcap(FRAMES[:30]) + b"half")
    source.fail(SourceError("interrupted", "the server went away"))
    state = run(source).result.result(WAIT)
    assert state.end is End.SOURCE_ERROR
    assert state.error is not None
    assert state.error.code == "interrupted"
    assert state.core.capture["packets"] == 30
    assert state.core.capture["damage"] == []


def test_a_source_that_breaks_before_its_first_byte_is_an_error() -> None:
    source = GatedSource()
    source.fail(SourceError("timeout", "nothing came"))
    with pytest.raises(SourceError) as caught:
        run(source).result.result(WAIT)
    assert caught.value.code == "timeout"
    assert source.closed.is_set()


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "empty_file"), (b"GET / HTTP/1.1\r\n" * 10, "unknown_format"), (b"\xd4", "unknown_format")],
)
def test_bytes_that_are_no_capture(content: bytes, code: str) -> None:
    source = GatedSource(name="x.pcap")
    if content:
        source.give(content)
    source.end()
    with pytest.raises(CaptureError) as caught:
        run(source).result.result(WAIT)
    assert caught.value.code == code
    assert str(caught.value).startswith("x.pcap")
    assert source.closed.is_set()


def test_max_packets_stops_reading() -> None:
    source = GatedSource()
    source.give(CAPTURE)
    work = run(source, max_packets=10)
    state = work.result.result(WAIT)
    assert state.end is End.MAX_PACKETS
    assert state.core.capture["packets"] == 10
    assert state.core.capture["stopped_by_max_packets"]
    assert source.closed.is_set(), "although it never came to an end"


@dataclass(frozen=True)
class Seen:
    calls: tuple[str, ...]

    @classmethod
    def empty(cls) -> Self:
        return cls(())

    def merge(self, other: Self, /) -> Self:
        return type(self)(self.calls + other.calls)


class Recorder:
    """A machine that notes what is asked of it."""

    name = "recorder"
    needs = frozenset({"packets"})

    def __init__(self, fail_at: int | None = None) -> None:
        self.packets = 0
        self.times: list[int] = []
        self.threads: set[str] = set()
        self.fail_at = fail_at

    def feed(self, batch: Batch, /) -> None:
        self.threads.add(threading.current_thread().name)
        self.packets += len(batch.packets)
        if self.fail_at is not None and self.packets >= self.fail_at:
            raise RuntimeError("a bug of the machine")

    def expire(self, now_ns: int, /) -> None:
        self.times.append(now_ns)

    def snapshot(self, core: Snapshot, /) -> Seen:
        return Seen((f"snapshot at {self.packets}",))

    def finish(self, core: Snapshot, /) -> Seen:
        return Seen((f"finish at {self.packets}",))


def test_an_own_machine_sees_everything_in_one_thread() -> None:
    source = GatedSource()
    source.give(CAPTURE[:5000])
    machine = Recorder()
    work = Pass(source, [machine])
    work.start()
    assert source.asked.wait(WAIT)
    early = work.snapshot().result(WAIT)
    seen = machine.packets
    assert 0 < seen < len(FRAMES)
    assert early.summaries == {"recorder": Seen((f"snapshot at {seen}",))}
    source.give(CAPTURE[5000:])
    source.end()
    assert work.result.result(WAIT).summaries == {"recorder": Seen((f"finish at {len(FRAMES)}",))}
    assert machine.times == sorted(machine.times)
    assert machine.times[-1] // 1000 == max(frame.time_ns for frame in FRAMES) // 1000
    assert len(machine.threads) == 1


def test_a_bug_in_an_own_machine_reaches_who_waits() -> None:
    source = GatedSource()
    source.give(CAPTURE)
    work = Pass(source, [Recorder(fail_at=1)])
    work.start()
    with pytest.raises(RuntimeError, match="a bug of the machine"):
        work.result.result(WAIT)
    assert source.closed.is_set()


def test_the_reader_is_never_further_ahead_than_its_buffers() -> None:
    """The bound must hold at every batch, whatever the speeds of the two threads."""
    big = pcap([Frame(n, udp("10.0.0.1", 1, "10.0.0.2", 2, bytes(60_000))) for n in range(150)])
    assert len(big) > 2 * BUFFERS * BUFFER_BYTES
    source = GatedSource()
    source.give(big)
    source.end()

    class Watch:
        ahead: list[int] = []  # noqa: RUF012  one use

        def put(self, batch: Batch, /) -> None:
            self.ahead.append(source.bytes_fetched - work.progress.bytes_read)

        def full(self) -> bool:
            return False

    watch = Watch()
    work = Pass(source, [], listener=watch)
    work.start()
    work.result.result(WAIT)
    assert max(watch.ahead) <= BUFFERS * BUFFER_BYTES


def test_compressed_input_is_fed_in_steps_that_cannot_burst() -> None:
    """A gzip file may hold a thousand times its size (RFC 1951 allows 258 bytes for 2 bits): no batch may."""
    count = 400_000
    record = struct.pack("<IIII", 1, 0, 60, 60) + bytes(60)
    packed = gzip.compress(pcap([]) + record * count, 9)
    assert len(packed) < BUFFER_BYTES, "it fits one buffer"
    source = GatedSource()
    source.give(packed)
    source.end()
    frames: list[int] = []

    class Count:
        def put(self, batch: Batch, /) -> None:
            frames.append(batch.frames)

        def full(self) -> bool:
            return False

    work = Pass(source, [], needs=frozenset({"packets"}), listener=Count())
    work.start()
    assert work.result.result(60).core.capture["packets"] == count
    assert sum(frames) == count
    assert max(frames) < (16 << 10) * 1032 / len(record)


def test_a_full_listener_holds_the_pass_up_but_no_snapshot() -> None:
    source = GatedSource()
    source.give(CAPTURE)
    source.end()
    held = threading.Event()

    class Slow:
        room = False
        puts = 0

        def put(self, batch: Batch, /) -> None:
            self.puts += 1
            held.set()

        def full(self) -> bool:
            return not self.room

    slow = Slow()
    work = Pass(source, [], listener=slow)
    work.start()
    assert held.wait(WAIT)
    assert work.snapshot().result(WAIT).end is None
    assert slow.puts == 1
    assert not work.result.done()
    slow.room = True
    work.poke()
    assert work.result.result(WAIT).end is End.INPUT


def test_cancel_reaches_a_pass_held_up_by_its_listener() -> None:
    source = GatedSource()
    source.give(CAPTURE)
    held = threading.Event()

    class Stuck:
        def put(self, batch: Batch, /) -> None:
            held.set()

        def full(self) -> bool:
            return True

    work = Pass(source, [], listener=Stuck())
    work.start()
    assert held.wait(WAIT)
    work.cancel()
    assert work.result.result(WAIT).end is End.CANCELLED


def test_the_decoder_does_only_what_the_machines_need() -> None:
    def parts(*modules: str) -> tuple[bool, bool]:
        source = GatedSource()
        source.give(pcap(conversation()))
        source.end()
        work = Pass(source, [module.make({}) for module in choose(modules)])
        work.start()
        core = work.result.result(WAIT).core
        return core.tcp is not None, core.tally is not None

    assert parts("capinfos") == (False, False)
    assert parts("tcp") == (True, False)
    assert parts("triage") == (True, True)
