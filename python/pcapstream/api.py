"""The public library: `open` for async code, `analyze` for scripts. Everything here is re-exported by `pcapstream`."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pcapstream.errors import QueryError, StateError
from pcapstream.model import Progress, Report
from pcapstream.pipeline import Pass
from pcapstream.report import ScanOptions, report_of, scan_id_of
from pcapstream.sources.base import Source

if TYPE_CHECKING:
    from pcapstream._core import Packet
    from pcapstream.protocols import Machine
    from pcapstream.scan import Scan
    from pcapstream.tap import Tap

__all__ = ["Analysis", "analyze", "open"]

Given = str | os.PathLike[str] | Source
"""A path, a http(s) URL, "-" for standard input, or an own source that is not open yet."""


def analyze(
    source: Given,
    *,
    modules: Sequence[str] | None = None,
    max_packets: int | None = None,
    resync: bool = True,
    limits: Mapping[str, int] | None = None,
    ports: Sequence[tuple[str, int]] = (),
    tls_keylog: str | os.PathLike[str] | None = None,
    machines: Sequence[Machine] = (),
    allow_private_urls: bool = False,
    parallel_ranges: int = 1,
    on_progress: Callable[[Progress], None] | None = None,
    every: float = 0.25,
) -> Report:
    """Read the whole capture and report on it. Blocks; the work is done in two threads of its own, so it can be called
    with and without a running event loop (which it blocks).

    For the parameters see `open`. on_progress is called in the calling thread at once, then about every `every`
    seconds, and once at the end. Ctrl-C and whatever on_progress raises stop the reading.
    """
    options = ScanOptions(modules, max_packets, resync, limits or {}, ports, tls_keylog=_path(tls_keylog))
    origin = _source(source, allow_private_urls, parallel_ranges)
    try:
        origin.open()
        work = Pass(
            origin,
            [*options.machines(), *_own(options, machines)],
            max_packets=max_packets,
            resync=resync,
            limits=options.core_limits(),
            ports=options.ports,
            selection=options.selection,
            key_log=options.key_log(),
        )
    except BaseException:
        origin.close()
        raise
    work.start()
    try:
        while on_progress is not None and not work.result.done():
            on_progress(copy.copy(work.progress))
            with contextlib.suppress(FutureTimeoutError):
                work.result.exception(timeout=every)
        state = work.result.result()
        if on_progress is not None:
            on_progress(copy.copy(work.progress))
    finally:
        work.cancel()
        work.join()
    return report_of(state, origin.name, scan_id_of(origin.identity, options), origin.size)


def open(
    source: Given,
    *,
    modules: Sequence[str] | None = None,
    max_packets: int | None = None,
    resync: bool = True,
    limits: Mapping[str, int] | None = None,
    ports: Sequence[tuple[str, int]] = (),
    tls_keylog: str | os.PathLike[str] | None = None,
    machines: Sequence[Machine] = (),
    allow_private_urls: bool = False,
    parallel_ranges: int = 1,
) -> Analysis:
    """One pass over one capture, as an async context manager:

        async with pcapstream.open("capture.pcap") as scan:
            report = await scan.result()

    source: a path, a http(s) URL, "-" for standard input, or an own `Source`. Which files and URLs may be read is the
    caller's business; only addresses inside private networks need `allow_private_urls`.
    modules: what to compute, names from `pcapstream.DEFAULT_MODULES`; None for all of these, () for nothing but the
    facts of the file. max_packets: read no further than that. resync: look for further packets behind damage.
    limits: table sizes by name. ports: further ports of application protocols, such as ("dns", 5300).
    tls_keylog: a file with the secrets of TLS sessions (SSLKEYLOGFILE), beside those that the capture brings.
    machines: own ones, see `Analysis.register`.
    parallel_ranges: range requests at a time for a URL.

    Raises QueryError and LimitError here, SourceError on entering, CaptureError from whatever waits for the result.
    """
    options = ScanOptions(modules, max_packets, resync, limits or {}, ports, tls_keylog=_path(tls_keylog))
    return Analysis(_source(source, allow_private_urls, parallel_ranges), options, machines)


def _path(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)


class Analysis:
    """A pass being read, from `open`. The reading starts with the first call that needs it; leaving the `async with`
    stops it. Used on one event loop."""

    def __init__(self, source: Source, options: ScanOptions, machines: Sequence[Machine] = ()) -> None:
        self._source = source
        self._options = options
        self._machines: list[Machine] = []
        self._scan: Scan | None = None
        self._tap: Tap | None = None
        self._entered = False
        self._left = False
        for machine in machines:
            self.register(machine)

    async def __aenter__(self) -> Self:
        from pcapstream.scan import opened

        if self._entered:
            raise StateError("started", "this scan was entered before")
        self._entered = True
        try:
            await opened(self._source)
        except BaseException:
            self._source.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = True
        if self._tap is not None:
            self._tap.close()
        if self._scan is None:
            self._source.close()
        else:
            self._scan.stop()
            await self._scan.left()

    @property
    def name(self) -> str:
        """Base name of the file, URL without query, "-"."""
        return self._source.name

    def register(self, machine: Machine, /) -> None:
        """Feed an own machine, too: it sees each batch in the decoder thread, and its summary is in
        `Report.summaries` under its name. Before the reading starts. Raises StateError(started), QueryError."""
        if self._scan is not None:
            raise StateError("started", "the reading has started")
        self._machines = [*self._machines, *_own(self._options, [*self._machines, machine])[-1:]]

    async def progress(self, every: float = 0.25) -> AsyncIterator[Progress]:
        """How far it is: at once, about every `every` seconds, and at the end with `ended` set."""
        scan = self._started()
        while not scan.ended:
            yield copy.copy(scan.progress)
            await scan.ended_within(every)
        yield copy.copy(scan.progress)

    async def snapshot(self) -> Report:
        """What is known now; the reading goes on. Costs a copy of the tables."""
        return await self._started().snapshot()

    async def result(self, budget: float | None = None) -> Report:
        """The report of the whole capture, or of what is known after `budget` seconds. Cancelling it stops the reading
        when nothing else waits. Raises CaptureError, SourceError."""
        return await self._started().wait(budget)

    async def packets(self) -> AsyncIterator[list[Packet]]:
        """The headers of all packets in file order, a list for each chunk that was read, none empty.

        Before the reading starts, once. It waits for whoever iterates: a few chunks are held, not more; so do not wait
        for `result` inside the loop. Who breaks off lets the reading go on without it. Ends with the reading, also
        where the source broke in the middle: `result` tells which.
        Raises StateError(started), CaptureError, SourceError.
        """
        from pcapstream.tap import Tap

        if self._scan is not None:
            raise StateError("started", "the reading has started without its packets")
        self._tap = tap = Tap()
        scan = self._started()
        try:
            async for packets in tap:
                yield packets
            scan.raise_failure()
        finally:
            tap.close()

    def _started(self) -> Scan:
        from pcapstream.scan import Scan

        if not self._entered or self._left:
            raise StateError("not_open", "this scan is not open")
        if self._scan is None:
            tap = self._tap
            self._scan = Scan(
                self._source,
                self._options,
                machines=self._machines,
                needs=frozenset() if tap is None else frozenset({"packets"}),
                listener=tap,
            )
            if tap is not None:
                tap.on_room = self._scan.poke
                self._scan.when_ended(tap.end)
            self._scan.start()
        return self._scan


def _source(given: Given, allow_private_urls: bool, parallel_ranges: int) -> Source:
    if isinstance(given, str | os.PathLike):
        from pcapstream.sources import resolve
        from pcapstream.sources.policy import Policy

        policy = Policy(allow_private_urls=allow_private_urls, parallel_ranges=parallel_ranges)
        return resolve(os.fspath(given), policy)
    return given


def _own(options: ScanOptions, machines: Sequence[Machine]) -> list[Machine]:
    """Own machines whose names and needs are all right."""
    from pcapstream.protocols import NEEDS

    taken = set(options.modules or ())
    for machine in machines:
        if machine.name in taken:
            raise QueryError("bad_parameter", f"there are two machines of the name {machine.name!r}")
        unknown = sorted(machine.needs - NEEDS)
        if unknown:
            raise QueryError(
                "bad_parameter",
                f"the machine {machine.name!r} needs {', '.join(unknown)}; there is {', '.join(sorted(NEEDS))}",
            )
        taken.add(machine.name)
    return list(machines)
