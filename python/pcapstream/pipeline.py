"""One pass: source -> reader thread -> a few reused buffers -> decoder thread -> machines.

Both threads belong to the pass and end with it. The reader waits when all buffers are full, the decoder when all are
empty, so memory is bounded and a slow side slows the other. A regular file is read in the decoder thread: its bytes
are there at once, and a buffer that stays in the cache of one core costs 10 to 20 % less processor time than one handed
to another (docs/performance.md). No event loop, no clock in anything that reaches a result: `scan.py` puts budget,
progress and sharing around it.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from pcapstream._core import Decoder, FormatError
from pcapstream.errors import CaptureError, PcapstreamError, SourceError, StateError
from pcapstream.model import Progress
from pcapstream.protocols.base import APPS
from pcapstream.selection import EVERYTHING

if TYPE_CHECKING:
    from pcapstream._core import Batch, Snapshot
    from pcapstream.protocols.base import Machine, Summary
    from pcapstream.selection import Selection
    from pcapstream.sources.base import Source

BUFFER_BYTES = 1 << 20
"""Small enough to stay in the second-level cache between read and decode, large enough that a Python step per buffer
costs nothing (docs/performance.md)."""

BUFFERS = 3
"""One being filled, one being decoded, one between."""

_COMPRESSED_STEP = 64 << 10
_COMPRESSED_STEP_WITH_OBJECTS = 16 << 10
"""Bytes fed at a time when they may hold a thousand times as many (`max_compression_ratio`): so that cancel and
snapshot never wait long for one feed, nor one batch holds objects for a gigabyte of packets."""

_LET_GO_SECONDS = 2.0


class End(Enum):
    """Why a pass reads no more."""

    INPUT = "input"
    MAX_PACKETS = "max_packets"
    MATCHES = "matches"
    """As many frames passed as were asked for."""
    CANCELLED = "cancelled"
    RUN_TIME = "run_time"
    SOURCE_ERROR = "source_error"
    CORRUPT = "corrupt"


@dataclass(frozen=True, slots=True)
class State:
    """What a pass knows at one packet."""

    core: Snapshot
    summaries: Mapping[str, Summary]
    bytes_read: int
    end: End | None
    """None: it goes on."""
    error: PcapstreamError | None
    """With SOURCE_ERROR and CORRUPT."""
    bytes_fetched: int | None = None
    """What the source had to give for it, read ahead included; known at the end."""


class Listener(Protocol):
    """Somebody who takes the batches of a pass, at his own speed. Called in the decoder thread; no verb may block."""

    def put(self, batch: Batch, /) -> None:
        """Behind the machines, for each batch."""

    def full(self) -> bool:
        """True: the pass is to wait, until `Pass.poke` after room was made. It goes on answering for snapshots."""


class _Wake:
    """An inbox entry that only makes the decoder thread look up."""


class Pass:
    """One pass over `source`, which must be open; the pass closes it.

    machines are fed in the decoder thread. key_log: secrets of TLS sessions. needs: what the listener needs of the
    decoder.
    """

    def __init__(
        self,
        source: Source,
        machines: Sequence[Machine],
        *,
        max_packets: int | None = None,
        resync: bool = True,
        limits: Mapping[str, int] | None = None,
        ports: Sequence[tuple[str, int]] = (),
        selection: Selection = EVERYTHING,
        key_log: bytes | None = None,
        needs: frozenset[str] = frozenset(),
        listener: Listener | None = None,
    ) -> None:
        wanted = needs.union(*(machine.needs for machine in machines))
        self._source = source
        self._machines = tuple(machines)
        self._listener = listener
        self._poked = threading.Event()
        self._decoder = Decoder(
            tcp="tcp" in wanted,
            tally="tally" in wanted,
            packets="packets" in wanted,
            connections="connections" in wanted,
            max_packets=max_packets,
            resync=resync,
            limits=dict(limits or {}),
            apps=sorted(wanted & APPS),
            app_ports=list(ports),
            key_log=key_log,
            **selection.arguments(),
        )
        self.progress = Progress(bytes_total=source.size)
        self.result: Future[State] = Future()
        """The last state, or the error when there is none: CaptureError, SourceError before the first packet, or
        what a machine of the caller raised. Set when both threads have ended their work and the source is closed."""
        # A future that runs cannot be cancelled by somebody who only waits for it.
        self.result.set_running_or_notify_cancel()
        self._inbox: queue.SimpleQueue[tuple[bytearray, int] | PcapstreamError | BaseException | _Wake | None]
        self._inbox = queue.SimpleQueue()
        self._free: queue.SimpleQueue[bytearray | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._requests: deque[Future[State]] = deque()
        self._stop: End | None = None
        self._step = _COMPRESSED_STEP_WITH_OBJECTS
        self._step_known = False
        self._makes_objects = bool(wanted & {"packets", "connections"}) or selection.rows is not None
        self._reader: threading.Thread | None = None
        self._worker = threading.Thread(target=self._work, name="pcapstream-decoder", daemon=True)
        if not getattr(source, "prompt", False):
            self._reader = threading.Thread(target=self._read, name="pcapstream-reader", daemon=True)

    @property
    def stopping(self) -> End | None:
        """What `cancel` was given first; None: not cancelled."""
        return self._stop

    def start(self) -> None:
        for _ in range(BUFFERS if self._reader else 1):
            self._free.put(bytearray(BUFFER_BYTES))
        if self._reader is not None:
            self._reader.start()
        self._worker.start()

    def cancel(self, why: End = End.CANCELLED) -> None:
        """Thread-safe, does not block: reading stops within one chunk, `result` gets what is known."""
        if self._stop is None:
            self._stop = why
        self._source.cancel()
        self._free.put(None)
        self._inbox.put(_Wake())
        self.poke()

    def poke(self) -> None:
        """Thread-safe: the listener has room again."""
        self._poked.set()

    def snapshot(self) -> Future[State]:
        """Thread-safe: the state after the chunk being decoded now, or the last one. Machines go on."""
        wanted: Future[State] = Future()
        with self._lock:
            if not self.result.done():
                self._requests.append(wanted)
                self._inbox.put(_Wake())
                self.poke()
                return wanted
        return self.result

    def join(self) -> None:
        """Wait until the threads have ended; after `result` that takes no time."""
        self._worker.join()

    # The reader thread.

    def _read(self) -> None:
        """Fills buffers until the source ends, fails or is cancelled, and closes it."""
        try:
            while (buffer := self._free.get()) is not None:
                got = self._source.read(memoryview(buffer))
                if got == 0:
                    self._inbox.put(None)
                    return
                self._inbox.put((buffer, got))
        except BaseException as error:  # an own source of the caller may raise anything: it ends the pass, not a thread
            self._inbox.put(error)
        finally:
            self._source.close()

    # The decoder thread.

    def _work(self) -> None:
        state: State | None = None
        failure: BaseException | None = None
        try:
            end, error = self._decode()
            state = self._last(end, error)
        except BaseException as error:  # handed to whoever waits for the result
            failure = error
        if self._reader is None:
            self._source.close()
        else:
            self._source.cancel()
            self._free.put(None)
            # A source that does not let go, against its contract, keeps its own thread and nobody else.
            self._reader.join(_LET_GO_SECONDS)
        if state is not None:
            # Behind the reader's last read, which nobody wanted any more.
            state = replace(state, bytes_fetched=self._source.bytes_fetched)
        self._let_go()
        self.progress.ended = True
        with self._lock:
            waiting = list(self._requests)
            self._requests.clear()
            _settle(self.result, state, failure)
        for request in waiting:
            if request.set_running_or_notify_cancel():
                _settle(request, state, failure)

    def _let_go(self) -> None:
        """Drop buffers, tables and machines: the result may be kept for long, and this with it."""
        self._inbox = queue.SimpleQueue()
        self._free = queue.SimpleQueue()
        self._machines = ()
        self._listener = None
        del self._decoder

    def _decode(self) -> tuple[End, PcapstreamError | None]:
        """Feeds until there is a reason to end."""
        try:
            while self._stop is None:
                if self._requests:
                    self._answer()
                item = self._inbox.get() if self._reader else self._read_here()
                if isinstance(item, tuple):
                    buffer, filled = item
                    self._feed(buffer, filled)
                    if self._decoder.done:
                        return self._why_done(), None
                    self._free.put(buffer)
                elif item is None:
                    return self._stop or End.INPUT, None
                elif isinstance(item, SourceError) and self._stop is None:
                    return End.SOURCE_ERROR, item
                elif isinstance(item, BaseException) and self._stop is None:
                    raise item
        except FormatError as error:
            if self._decoder.packets == 0:
                raise _capture_error(error, self._source.name) from None
            return End.CORRUPT, _capture_error(error, self._source.name)
        return self._stop, None

    def _why_done(self) -> End:
        return End.MATCHES if self._decoder.snapshot().stopped_by_matches else End.MAX_PACKETS

    def _read_here(self) -> tuple[bytearray, int] | SourceError | None:
        """What the inbox would give, from a source that never keeps one waiting."""
        buffer = self._free.get()
        if buffer is None:
            return None
        try:
            got = self._source.read(memoryview(buffer))
        except SourceError as error:
            return error
        return (buffer, got) if got else None

    def _feed(self, buffer: bytearray, filled: int) -> None:
        view = memoryview(buffer)
        start = 0
        while start < filled and self._stop is None and not self._decoder.done:
            chunk = view[start : min(filled, start + self._step)]
            batch = self._decoder.feed(chunk)
            self._hand_on(batch)
            start += len(chunk)
            self.progress.bytes_read += len(chunk)
            self.progress.packets = self._decoder.packets
            self.progress.wire_bytes = self._decoder.wire_bytes
            if batch.frames and not self._step_known:
                self._choose_step()
            if self._requests and start < filled:
                self._answer()

    def _choose_step(self) -> None:
        """Once, when the first packets tell that the container was recognised; a snapshot costs nothing then."""
        self._step_known = True
        if self._decoder.snapshot().capture["compression"] is None:
            self._step = BUFFER_BYTES
        elif not self._makes_objects:
            self._step = _COMPRESSED_STEP

    def _hand_on(self, batch: Batch) -> None:
        for machine in self._machines:
            machine.feed(batch)
        now_ns = batch.last_ns
        if now_ns is not None:
            for machine in self._machines:
                machine.expire(now_ns)
        if self._listener is not None:
            self._listener.put(batch)
            self._wait_for(self._listener)

    def _wait_for(self, listener: Listener) -> None:
        """Back-pressure of the listener; those who want a snapshot do not wait for him."""
        while listener.full() and self._stop is None:
            self._poked.clear()
            if self._requests:
                self._answer()
            elif listener.full() and self._stop is None:
                self._poked.wait()

    def _answer(self) -> None:
        """One snapshot for all who asked for one."""
        with self._lock:
            waiting = list(self._requests)
            self._requests.clear()
        waiting = [request for request in waiting if request.set_running_or_notify_cancel()]
        if not waiting:
            return
        try:
            core = self._decoder.snapshot()
            summaries = {machine.name: machine.snapshot(core) for machine in self._machines}
        except BaseException as error:
            for request in waiting:
                request.set_exception(error)
            raise
        state = State(core, summaries, self.progress.bytes_read, None, None)
        for request in waiting:
            request.set_result(state)

    def _last(self, end: End, error: PcapstreamError | None) -> State:
        """The final state. Only an input read to its end, or to max_packets, is finished in the decoder's sense: else
        the record cut by our leaving would count as damage."""
        if end is End.SOURCE_ERROR and self.progress.bytes_read == 0 and error is not None:
            raise error
        if end in (End.INPUT, End.MAX_PACKETS, End.MATCHES):
            if self.progress.bytes_read == 0:
                raise CaptureError("empty_file", f"{self._source.name} is empty")
            try:
                self._hand_on(self._decoder.finish())
            except FormatError as problem:
                if self._decoder.packets == 0:
                    raise _capture_error(problem, self._source.name) from None
                end, error = End.CORRUPT, _capture_error(problem, self._source.name)
        self.progress.packets = self._decoder.packets
        self.progress.wire_bytes = self._decoder.wire_bytes
        core = self._decoder.snapshot()
        if end is End.INPUT and core.capture["format"] == "empty":
            raise CaptureError("empty_file", f"{self._source.name} has nothing in it")
        summaries = {machine.name: machine.finish(core) for machine in self._machines}
        return State(core, summaries, self.progress.bytes_read, end, error)


def _settle(future: Future[State], state: State | None, failure: BaseException | None) -> None:
    if state is not None:
        future.set_result(state)
    else:
        future.set_exception(failure or StateError("stopped", "the pass ended without a result"))


def _capture_error(error: FormatError, name: str) -> CaptureError:
    """Our error for one of the core, in our own words; the core's message describes bytes, it quotes none."""
    code = str(error.args[0]) if error.args else "unknown_format"
    detail = str(error.args[1]) if len(error.args) > 1 else "it is not a capture"
    if code not in CaptureError.CODES:
        code = "unknown_format"
    return CaptureError(code, f"{name}: {detail.rstrip('.')}")
