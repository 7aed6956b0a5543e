"""One tool call, whatever brought it: arguments in, answer out, with budget, progress and cancel. No MCP here."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from pcapstream.errors import LimitError, LiveError, SourceError
from pcapstream.sources import resolve
from pcapstream.tools.answer import answer

if TYPE_CHECKING:
    from pcapstream.capture.manager import Captures
    from pcapstream.model import Progress, Report
    from pcapstream.report import ScanOptions
    from pcapstream.scan import ScanStore
    from pcapstream.settings import Settings
    from pcapstream.sources.base import Source
    from pcapstream.tools.capture import CaptureTool
    from pcapstream.tools.fields import PlainTool
    from pcapstream.tools.spec import ToolSpec

Tell = Callable[[float, float | None, str], Awaitable[None]]
"""Takes (bytes done, bytes in all or None, message)."""

PROGRESS_SECONDS = 1.0
_VIEW_THREADS = 2
"""Views are short and hold the GIL: more threads would only take turns."""
_LEAST_WAIT = 1.0
"""However long opening took, the scan gets that much of the call, so that repeated calls come to an end."""


class Service:
    """Answers tool calls from a store of scans. Used on one event loop; many calls at a time."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.options = settings.scan_options()
        self.policy = settings.policy(stdin=False)
        self.captures: Captures | None = None
        if settings.capture_tools:
            from pcapstream.capture.manager import Captures

            self.captures = Captures(settings.capture_limits(), self.options)
        self._views = anyio.CapacityLimiter(_VIEW_THREADS)
        self._calls = 0

    async def close(self) -> None:
        """Ends what outlives a call."""
        if self.captures is not None:
            await self.captures.close()

    async def act(
        self, spec: CaptureTool, store: ScanStore, arguments: Mapping[str, object], tell: Tell
    ) -> dict[str, Any]:
        """The answer of a tool of the module capture. Raises PcapstreamError."""
        if self.captures is None:
            raise LiveError("unknown_capture", "this server does not capture")
        return await spec.act(self.captures, spec.bind(arguments))

    async def tell(
        self, spec: PlainTool, store: ScanStore, arguments: Mapping[str, object], tell: Tell
    ) -> dict[str, Any]:
        """The answer of a tool that needs no capture. Raises PcapstreamError."""
        return spec.tell(spec.bind(arguments))

    async def call(
        self, spec: ToolSpec, store: ScanStore, arguments: Mapping[str, object], tell: Tell
    ) -> dict[str, Any]:
        """The answer of one call. `tell` gets one progress message at the start, then at most one a second with more
        bytes each time, and one before this returns.

        Raises PcapstreamError. Cancelling it stops the scan unless another call waits for it.
        """
        if self._calls >= self.settings.max_calls:
            raise LimitError("too_many_scans", f"{self._calls} calls are being answered, as many as are allowed")
        self._calls += 1
        try:
            parameters = spec.bind(arguments)
            progress = _Telling(tell)
            report = await self._report(
                store,
                parameters["pcap_file"],
                spec.options(self.options, parameters),
                progress,
                again=bool(parameters["cursor"]),
            )
            view = functools.partial(answer, spec, report, parameters, max_packets=self.settings.max_packets)
            result = await anyio.to_thread.run_sync(view, limiter=self._views, abandon_on_cancel=True)
            await progress.last(report)
            return result
        finally:
            self._calls -= 1

    async def _report(
        self, store: ScanStore, text: str, options: ScanOptions, progress: _Telling, *, again: bool
    ) -> Report:
        """again: the call goes on in a table of an answer before it."""
        capture = None if self.captures is None else self.captures.find(text)
        if capture is None:
            return await self._read(store, resolve(text, self.policy), options, progress)
        if self.captures is not None and options.key == self.options.key:
            await progress.start()
            return await self.captures.report(capture, again=again)
        from pcapstream.capture.manager import of_kept

        # A question of its own needs the packets again: those that were kept.
        return of_kept(await self._read(store, capture.kept(again=again), options, progress), capture)

    async def _read(self, store: ScanStore, source: Source, options: ScanOptions, progress: _Telling) -> Report:
        budget = self.settings.call_budget
        began = time.monotonic()
        await progress.start()
        try:
            with anyio.fail_after(budget):
                scan = await store.open(source, options)
        except TimeoutError:
            raise SourceError("timeout", f"{source.name} could not be opened within {budget:g} seconds") from None
        left = max(budget - (time.monotonic() - began), min(_LEAST_WAIT, budget))
        return await scan.wait(left, progress, every=PROGRESS_SECONDS)


class _Telling:
    """Makes progress messages strictly increasing and keeps the last one for the end."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._told = -1.0
        self._began = time.monotonic()

    async def start(self) -> None:
        await self._send(0.0, None, "opening the capture")

    async def __call__(self, progress: Progress) -> None:
        done, total = progress.bytes_read, progress.bytes_total
        if done <= self._told or (total is not None and done >= total):
            return
        rate = done / max(time.monotonic() - self._began, 1e-3) / 1e6
        await self._send(float(done), total, f"{progress.packets:,} packets, {rate:,.0f} MB/s")

    async def last(self, report: Report) -> None:
        coverage = report.coverage
        # A part of a byte more where all were told already (pipes): the last message is told in any case.
        done = max(float(coverage.bytes_read), self._told + 0.5)
        total = coverage.bytes_total
        await self._send(done, None if total is None else max(float(total), done), f"{coverage.packets:,} packets")

    async def _send(self, done: float, total: float | None, message: str) -> None:
        self._told = done
        await self._tell(done, total, message)
