"""`pcapstream live`: a network interface watched in this process, once a second; nothing is written to disk.

The pass is the one of `analyze`, over a source that does not end by itself: each second its state is shown.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from pcapstream.capture.programs import find_program
from pcapstream.pipeline import End, Pass
from pcapstream.report import ScanOptions, report_of, scan_id_of
from pcapstream.sources.live import LiveSource
from pcapstream.tools.answer import answer
from pcapstream.tools.triage import ANALYZE

if TYPE_CHECKING:
    from pcapstream.cli.arguments import Watch
    from pcapstream.pipeline import State

EVERY_SECONDS = 1.0
UNLIMITED_SECONDS = 1e7
HISTORY = 60
"""Seconds of rates that are shown."""
_END_SECONDS = 8.0
_TOP = 5
_SHARE = 5.0


class View:
    """What there is to show at one moment."""

    def __init__(self, watch: Watch, source: LiveSource) -> None:
        self.watch = watch
        self.source = source
        self.history: deque[float] = deque(maxlen=HISTORY)
        """Bits a second, one number for each second."""
        self.packets = self.wire_bytes = 0
        self.packet_rate = self.bit_rate = 0.0
        self.seconds = 0.0
        self.state = "running"
        self.result: Mapping[str, Any] = {}
        self._then = 0.0

    def update(self, work: Pass, result: Mapping[str, Any]) -> None:
        now = time.monotonic() - (self.source.began or time.monotonic())
        packets, wire_bytes = work.progress.packets, work.progress.wire_bytes
        span = now - self._then
        if span > 0.2:
            self.packet_rate = (packets - self.packets) / span
            self.bit_rate = (wire_bytes - self.wire_bytes) * 8 / span
            self.history.append(self.bit_rate)
            self._then = now
        self.packets, self.wire_bytes, self.seconds, self.result = packets, wire_bytes, now, result

    def line(self) -> dict[str, Any]:
        """One line of --json."""
        found: dict[str, Any] = {
            "state": self.state,
            "interface": self.watch.interface,
            "seconds": round(self.seconds, 3),
            "packets": self.packets,
            "bytes": self.wire_bytes,
            "dropped": self.source.dropped,
            "packets_per_second": round(self.packet_rate, 1),
            "bits_per_second": round(self.bit_rate),
        }
        if self.state != "running":
            found["reason"] = self.source.why
        tcp = self.result.get("tcp")
        if tcp:
            found["connections"] = tcp["connections"]
        for key in ("top_talkers", "top_conversations"):
            table = self.result.get(key)
            if table:
                found[key] = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"][:_TOP]]
        found["findings"] = [
            {key: one[key] for key in ("code", "severity", "text", "count")} for one in self.result.get("findings", [])
        ]
        return found


def live(watch: Watch) -> int:
    """Watches until the duration is over, Ctrl-C or SIGTERM; gives the exit code: 0 also then. Raises LiveError."""
    source = LiveSource(
        watch.interface,
        seconds=watch.duration or UNLIMITED_SECONDS,
        capture_filter=watch.filter,
        program=find_program(watch.capture_tool),
    )
    options = ScanOptions()
    asked = threading.Event()
    with _signals(source, asked):
        try:
            source.open()
            work = Pass(source, options.machines(), limits=options.core_limits())
        except BaseException:
            source.close()
            raise
        work.start()
        view = View(watch, source)
        try:
            with _screen(watch) as show:
                fresh = 0.0
                while not _ended(work, asked):
                    source.ask_for_counts()
                    began = time.monotonic()
                    # The tables of a busy link take time to look at: never more than a fifth of it.
                    result = _triage(work.snapshot().result(), options, source) if began >= fresh else view.result
                    fresh = began + _SHARE * (time.monotonic() - began)
                    view.update(work, result)
                    if not work.result.done():
                        show(view)
                if asked.is_set():
                    _end(work)
                state = work.result.result()
                view.state = "failed" if source.why == "failed" else "stopped"
                view.update(work, _triage(state, options, source))
                show(view)
        finally:
            work.cancel()
            work.join()
    if state.error is not None:
        raise state.error
    return 0


def _ended(work: Pass, asked: threading.Event) -> bool:
    """Waits a second; whether it is over before."""
    # A signal handler runs in this thread, between two steps of it: short waits let it.
    until = time.monotonic() + EVERY_SECONDS
    while (left := until - time.monotonic()) > 0 and not asked.is_set():
        try:
            work.result.exception(timeout=min(left, 0.1))
            return True
        except FutureTimeoutError:
            continue
    return asked.is_set() or work.result.done()


def _end(work: Pass) -> None:
    """The capture was told to end: wait until it has, and end the pass by force if it does not."""
    try:
        work.result.exception(timeout=_END_SECONDS)
    except FutureTimeoutError:
        work.cancel(End.CANCELLED)


def _triage(state: State, options: ScanOptions, source: LiveSource) -> Mapping[str, Any]:
    report = report_of(state, source.name, scan_id_of(None, options), None)
    return answer(ANALYZE, report, ANALYZE.bind({"pcap_file": source.name}), budget=None)


@contextmanager
def _signals(source: LiveSource, asked: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the capture, not the process: what was counted is still told. The second one ends it."""

    def on_signal(number: int, _: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        source.stop()
        if source.began is None:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _screen(watch: Watch) -> Iterator[Any]:
    """A function that shows a view: a line of JSON, a line of text where stdout is no terminal, or a screen."""
    if watch.json:
        yield lambda view: print(json.dumps(view.line(), ensure_ascii=False), flush=True)
        return
    from pcapstream.cli.live_screen import screen, text_line

    if not sys.stdout.isatty():
        yield lambda view: print(text_line(view), flush=True)
        return
    with screen() as show:
        yield show
