"""One tool call, whatever brought it: arguments in, answer out, with budget, progress and cancel. No MCP here."""

from __future__ import annotations

import contextlib
import functools
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

import anyio
import anyio.to_thread

from pcapstream.errors import LimitError, LiveError, QueryError, SourceError
from pcapstream.exporting import Into
from pcapstream.sources import resolve
from pcapstream.tools.answer import Illustrated, illustrated

if TYPE_CHECKING:
    from pcapstream.capture.manager import Captures
    from pcapstream.exporting import WriteFolder
    from pcapstream.model import Progress, Report
    from pcapstream.report import ScanOptions
    from pcapstream.scan import ScanStore
    from pcapstream.settings import Settings
    from pcapstream.sources.base import Source
    from pcapstream.tools.capture import CaptureTool
    from pcapstream.tools.export import ExportTool
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
        self.folder: WriteFolder | None = None
        if settings.export_tools and settings.write_dir is not None:
            from pcapstream.exporting import WriteFolder

            self.folder = WriteFolder(settings.write_dir)
        self._views = anyio.CapacityLimiter(_VIEW_THREADS)
        self._calls = 0

    async def close(self) -> None:
        """Ends what outlives a call."""
        if self.captures is not None:
            await self.captures.close()
        if self.folder is not None:
            self.folder.close()

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

    async def export(
        self, spec: ExportTool, store: ScanStore, arguments: Mapping[str, object], tell: Tell
    ) -> dict[str, Any]:
        """The answer of export_packets: the packets are in the file, all that were asked for, or there is no file.
        Raises PcapstreamError."""
        from pcapstream.tools.export import exported, selection_of

        if self.folder is None:
            raise QueryError("bad_parameter", "this server writes no files")
        parameters = spec.bind(arguments)
        with self._counted():
            name, budget = parameters["output"], self.settings.call_budget
            selection_of(parameters, None)
            out = self.folder.create(name)
            whole = False
            try:
                into = Into(out, self.settings.max_export_size, uuid.uuid4().hex)
                options = self.options.selecting((), selection_of(parameters, into))
                progress = _Telling(tell)
                report = await self._report(store, parameters["pcap_file"], options, progress, again=False)
                if report.coverage.reason == "budget":
                    raise LimitError("export_took_too_long", f"the export was not done within {budget:g} seconds")
                await progress.last(report)
                whole = True
                return exported(report, parameters, os.path.join(self.folder.path, name))
            finally:
                if not whole:
                    for scan in store.scans():
                        if not scan.ended and scan.options is not None and _writes(scan.options, out):
                            scan.stop()
                            await scan.left()
                    self.folder.remove(name)
                with contextlib.suppress(OSError, ValueError):
                    out.close()

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        if self._calls >= self.settings.max_calls:
            raise LimitError("too_many_scans", f"{self._calls} calls are being answered, as many as are allowed")
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    async def call(
        self, spec: ToolSpec, store: ScanStore, arguments: Mapping[str, object], tell: Tell
    ) -> dict[str, Any] | Illustrated:
        """The answer of one call. `tell` gets one progress message at the start, then at most one a second with more
        bytes each time, and one before this returns.

        Raises PcapstreamError. Cancelling it stops the scan unless another call waits for it.
        """
        with self._counted():
            parameters = spec.bind(arguments)
            progress = _Telling(tell)
            report = await self._report(
                store,
                parameters["pcap_file"],
                spec.options(self.options, parameters),
                progress,
                again=bool(parameters["cursor"]),
            )
            series = {
                one: await self._report(
                    store, parameters["pcap_file"], options, progress, again=bool(parameters["cursor"])
                )
                for one, options in spec.series_options(self.options, parameters).items()
            }
            view = functools.partial(
                illustrated,
                spec,
                report,
                parameters,
                max_packets=self.settings.max_packets,
                geoip_db=self.settings.geoip_db,
                series=series,
            )
            result = await anyio.to_thread.run_sync(view, limiter=self._views, abandon_on_cancel=True)
            await progress.last(report)
            return result

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


def _writes(options: ScanOptions, out: BinaryIO) -> bool:
    rows = options.selection.rows
    return rows is not None and isinstance(rows.machine, Into) and rows.machine.out is out


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
