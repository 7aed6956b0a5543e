"""A scan: one pass shared by all who ask about a capture, with budget, progress and cancel; and the store of scans.

The pass itself runs in its own threads (`pipeline.py`); everything here runs on the event loop, in steps that do not
depend on the size of the capture.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio

from pcapstream.errors import LimitError
from pcapstream.model import Coverage, Progress, Report
from pcapstream.pipeline import End, Listener, Pass, State
from pcapstream.protocols.base import Weighed
from pcapstream.report import ScanOptions, report_of, scan_id_of

if TYPE_CHECKING:
    from pcapstream.protocols import Machine
    from pcapstream.sources.base import Source

__all__ = ["Coverage", "Progress", "Report", "Scan", "ScanOptions", "ScanStore", "StoreLimits"]

OnProgress = Callable[[Progress], Awaitable[None]]


class Scan:
    """One pass over one open source, for any number of waiters. Made on an event loop and used on that loop only;
    `stop` and `progress` may be used from any thread.

    machines: own ones beside those of the modules. needs, listener: see `Pass`.
    """

    def __init__(
        self,
        source: Source,
        options: ScanOptions | None = None,
        *,
        machines: Sequence[Machine] = (),
        needs: frozenset[str] = frozenset(),
        listener: Listener | None = None,
    ) -> None:
        self.options = options or ScanOptions()
        self.name = source.name
        self.scan_id = scan_id_of(source.identity, self.options)
        self._pass = Pass(
            source,
            [*self.options.machines(), *machines],
            max_packets=self.options.max_packets,
            resync=self.options.resync,
            limits=self.options.core_limits(),
            ports=self.options.ports,
            selection=self.options.selection,
            key_log=self.options.key_log(),
            needs=needs,
            listener=listener,
        )
        self.progress = self._pass.progress
        self.on_idle: Callable[[Scan], None] | None = None
        """Called when the last waiter has left a pass that goes on."""
        self._waiters = 0
        self._report: Report | None = None
        self._can_be_told = source.identity is not None
        self._end = asyncio.Event()
        self._when_ended: list[Callable[[], None]] = []
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        self._pass.result.add_done_callback(self._tell)
        self._pass.start()

    @property
    def waiters(self) -> int:
        """Calls that wait for this scan now."""
        return self._waiters

    @property
    def ended(self) -> bool:
        """True when `wait` returns at once. Changes on the event loop only."""
        return self._end.is_set()

    @property
    def abandoned(self) -> bool:
        """Stopped, or about to be, before it had an answer worth sharing: not to be joined."""
        return self._pass.stopping is End.CANCELLED

    def stop(self, why: End = End.CANCELLED) -> None:
        """Thread-safe, does not block: reading stops within one chunk; who still waits gets a partial report."""
        self._pass.cancel(why)

    def poke(self) -> None:
        """The listener has room again."""
        self._pass.poke()

    def when_ended(self, call: Callable[[], None]) -> None:
        """`call` on the event loop once the pass has ended, before any waiter goes on. Before `start`."""
        self._when_ended.append(call)

    def _tell(self, _: object) -> None:
        """In the decoder thread."""
        # The loop may be closed before the pass ends: nobody is left to be told.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ended)

    def _ended(self) -> None:
        try:
            for call in self._when_ended:
                call()
        finally:
            self._end.set()

    async def ended_within(self, seconds: float) -> bool:
        """Waits for the end, no longer than that; counts for no waiter."""
        with anyio.move_on_after(seconds):
            await self._end.wait()
        return self.ended

    async def left(self) -> None:
        """Wait until a pass that was stopped has let go of its source, at most one second, and whatever cancels."""
        with anyio.CancelScope(shield=True):
            await self.ended_within(1.0)

    def raise_failure(self) -> None:
        """Raise what an ended pass raised instead of giving a report."""
        error = self._pass.result.exception() if self._pass.result.done() else None
        if error is not None:
            raise error.with_traceback(None)

    async def wait(
        self, budget: float | None = None, on_progress: OnProgress | None = None, *, every: float = 0.25
    ) -> Report:
        """The report of the whole pass, or of what is known after `budget` seconds (coverage.reason "budget", the pass
        goes on). on_progress is awaited at once, then about every `every` seconds.

        Cancelling the last call that waits stops the pass. Raises what the pass raised: CaptureError for bytes that
        are no capture, SourceError when not one byte came.
        """
        self._waiters += 1
        cancelled = False
        try:
            with anyio.move_on_after(budget):
                while not self.ended:
                    if on_progress is None:
                        await self._end.wait()
                    else:
                        await on_progress(self.progress)
                        await self.ended_within(every)
            return await self._current()
        except asyncio.CancelledError:
            cancelled = True
            raise
        finally:
            self._waiters -= 1
            if self._waiters == 0 and not self.ended:
                if cancelled:
                    self.stop()
                elif self.on_idle is not None:
                    self.on_idle(self)

    async def snapshot(self) -> Report:
        """What is known now, within one chunk; the pass goes on. After its end: the report."""
        return await self._current()

    def kept_report(self) -> Report | None:
        """The report of an ended pass, if the next one to ask may be given it."""
        if not self._can_be_told or self.abandoned or self._pass.result.exception() is not None:
            return None
        report = self._final()
        return None if report.coverage.reason == "source_error" else report

    async def _current(self) -> Report:
        if not self.ended:
            state = await asyncio.wrap_future(self._pass.snapshot())
            if state.end is None:
                return self._make(state)
            await self._end.wait()
        return self._final()

    def _final(self) -> Report:
        if self._report is None:
            self.raise_failure()
            self._report = self._make(self._pass.result.result())
        return self._report

    def _make(self, state: State) -> Report:
        return report_of(state, self.name, self.scan_id, self.progress.bytes_total)


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """What bounds a store. Times in seconds."""

    max_scans: int = 4
    """Passes at a time."""
    scan_idle: float = 120.0
    """A pass for which nobody waits is stopped after that."""
    max_run_time: float = 3600.0
    """A pass is stopped after that; its report stands for what was read."""
    max_cached_reports: int = 16
    max_cached_bytes: int = 256 << 20
    """Of finished reports, by estimate; the newest is kept even when it is larger."""


@dataclass(slots=True, eq=False)
class _Entry:
    """A scan of a store: running, or finished and kept."""

    scan: Scan
    run_timer: asyncio.TimerHandle
    idle_timer: asyncio.TimerHandle | None = None
    memory_bytes: int = 0

    def stop_timers(self) -> None:
        self.run_timer.cancel()
        if self.idle_timer is not None:
            self.idle_timer.cancel()


class ScanStore:
    """Shares running scans and keeps finished reports, by the identity of the source and the options.

    An async context manager for one event loop; leaving it stops everything. What is kept: reports of captures that can
    be told apart, and that the source did not break; damaged ones, too.
    """

    def __init__(self, limits: StoreLimits | None = None) -> None:
        self.limits = limits or StoreLimits()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        """By scan_id, the least recently used first."""
        self._leaving: set[Scan] = set()
        """Dropped ones whose threads have not ended yet."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self, source: Source, options: ScanOptions | None = None) -> Scan:
        """The scan of that capture: a running or finished one where there is one, else a new one, started. Call its
        `wait` before awaiting anything else, or it counts as one nobody waits for.

        source is not open yet: the store opens it to learn its identity, and closes it or gives it to the scan. Raises
        SourceError, LimitError(too_many_scans).
        """
        options = options or ScanOptions()
        try:
            await opened(source)
            entry = None if source.identity is None else self._entries.get(scan_id_of(source.identity, options))
            if entry is not None and not entry.scan.abandoned:
                self._entries.move_to_end(entry.scan.scan_id)
                source.close()
                return entry.scan
            self._make_room()
            scan = Scan(source, options)
        except BaseException:
            source.close()
            raise
        if entry is not None:
            self._drop(entry)
        timer = asyncio.get_running_loop().call_later(self.limits.max_run_time, scan.stop, End.RUN_TIME)
        self._entries[scan.scan_id] = _Entry(scan, timer)
        scan.on_idle = self._idle
        scan.when_ended(lambda: self._ended(scan))
        scan.start()
        self._idle(scan)
        return scan

    async def report(
        self,
        source: Source,
        options: ScanOptions | None = None,
        *,
        budget: float | None = None,
        on_progress: OnProgress | None = None,
        every: float = 0.25,
    ) -> Report:
        """`open`, then `Scan.wait`."""
        scan = await self.open(source, options)
        return await scan.wait(budget, on_progress, every=every)

    def scans(self) -> list[Scan]:
        """All that run or are kept, the least recently used first."""
        return [entry.scan for entry in self._entries.values()]

    async def close(self) -> None:
        """Stop all passes and forget all reports. Takes as long as the slowest source needs to be cancelled, at most
        one second."""
        for entry in list(self._entries.values()):
            self._drop(entry)
        with anyio.move_on_after(1.0, shield=True):
            for scan in list(self._leaving):
                await scan.ended_within(1.0)

    def _make_room(self) -> None:
        """Stops passes for which nobody waits when there are too many; refuses when all are wanted."""
        running = [entry for entry in self._entries.values() if not entry.scan.ended]
        for entry in running[:]:
            if len(running) < self.limits.max_scans:
                return
            if entry.scan.waiters == 0:
                self._drop(entry)
                running.remove(entry)
        if len(running) >= self.limits.max_scans:
            raise LimitError("too_many_scans", f"{len(running)} analyses are running, as many as are allowed")

    def _idle(self, scan: Scan) -> None:
        """Nobody waits for it: it has scan_idle seconds from now."""
        entry = self._entries.get(scan.scan_id)
        if entry is None or entry.scan is not scan:
            return
        if entry.idle_timer is not None:
            entry.idle_timer.cancel()

        def give_up() -> None:
            if scan.waiters == 0 and not scan.ended:
                self._drop(entry)

        entry.idle_timer = asyncio.get_running_loop().call_later(self.limits.scan_idle, give_up)

    def _ended(self, scan: Scan) -> None:
        """The pass has ended: keep its report or forget it."""
        self._leaving.discard(scan)
        entry = self._entries.get(scan.scan_id)
        if entry is None or entry.scan is not scan:
            return
        entry.stop_timers()
        report = scan.kept_report()
        if report is None:
            del self._entries[scan.scan_id]
            return
        tables: dict[str, int] = {}
        for summary in report.summaries.values():
            if isinstance(summary, Weighed):
                tables.update(summary.memory_bytes())
        entry.memory_bytes = sum(tables.values())
        kept = [other for other in self._entries.values() if other.scan.ended and other is not entry]
        held = sum(other.memory_bytes for other in kept) + entry.memory_bytes
        count = len(kept) + 1
        for other in kept:
            if count <= self.limits.max_cached_reports and held <= self.limits.max_cached_bytes:
                return
            held -= other.memory_bytes
            count -= 1
            self._drop(other)

    def _drop(self, entry: _Entry) -> None:
        """Forget it; stop it if it runs."""
        entry.stop_timers()
        if self._entries.get(entry.scan.scan_id) is entry:
            del self._entries[entry.scan.scan_id]
        if not entry.scan.ended:
            entry.scan.stop()
            self._leaving.add(entry.scan)


async def opened(source: Source) -> None:
    """Open it in a thread of its own; cancelling this cancels the source and waits until the thread has left it."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            source.open()
        except BaseException as error:  # raised again on the event loop
            failed.append(error)
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, name="pcapstream-open", daemon=True).start()
    try:
        await done.wait()
    except asyncio.CancelledError:
        source.cancel()
        with anyio.CancelScope(shield=True):
            await done.wait()
        raise
    if failed:
        raise failed[0]
