"""The captures of one server: started, watched, stopped, and kept for a while for those who ask about them.

Each is a scan of its own over a live source: whoever asks gets the state of that scan at that moment. Used on one
event loop.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import re
import secrets
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import anyio
import anyio.to_thread

from pcapstream.capture.programs import Format, find_program
from pcapstream.capture.recording import FileRecording, Folder, MemoryRecording, RecordedSource
from pcapstream.errors import LiveError, PcapstreamError, shown
from pcapstream.scan import Scan, opened
from pcapstream.sources.live import LiveSource

if TYPE_CHECKING:
    from pcapstream.model import Report
    from pcapstream.report import ScanOptions

log = logging.getLogger("pcapstream.capture")

PREFIX = "live:"
"""Before a capture's id, where tools take a path."""
KEPT = 8
"""Captures that have ended and can still be asked about."""
_TICK_SECONDS = 1.0
_RATE_TICKS = 5
"""Rates are those of that many seconds."""
_STOP_SECONDS = 6.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}\.(pcapng|pcap)")

CaptureState = Literal["starting", "running", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class CaptureLimits:
    """What the operator allows."""

    folder: str
    program: str | None = None
    """Kind of the capture program; None: the first there is."""
    max_seconds: int = 300
    max_bytes: int = 100_000_000
    """Of one capture, all its files together."""
    max_captures: int = 4
    """At a time."""


@dataclass(slots=True, eq=False)
class Capture:
    """One capture."""

    capture_id: str
    source: LiveSource
    duration: int
    recording: FileRecording | MemoryRecording
    output_file: str | None
    ring_files: int
    started: datetime
    scan: Scan | None = None
    failure: PcapstreamError | None = None
    snapshot: Report | None = None
    """The last one handed out: cursors go on in it."""
    ticks: deque[tuple[float, int, int]] = field(default_factory=lambda: deque(maxlen=_RATE_TICKS + 1))
    """(monotonic time, packets, bytes on the wire)"""
    timer: asyncio.TimerHandle | None = None
    ended_at: float | None = None
    read_again: int | None = None
    """Bytes that were recorded when the packets were last read again."""

    @property
    def name(self) -> str:
        """What tools take for `pcap_file`."""
        return PREFIX + self.capture_id

    @property
    def state(self) -> CaptureState:
        if self.scan is None:
            return "starting"
        if not self.scan.ended:
            return "running"
        return "failed" if self.failure is not None or self.source.why == "failed" else "stopped"

    @property
    def cut_by_max_packets(self) -> bool:
        """It ended because its analysis, as every one of this server, ends there."""
        most = None if self.scan is None else self.scan.options.max_packets
        return most is not None and self.state == "stopped" and self.packets >= most

    @property
    def packets(self) -> int:
        return 0 if self.scan is None else self.scan.progress.packets

    @property
    def wire_bytes(self) -> int:
        return 0 if self.scan is None else self.scan.progress.wire_bytes

    @property
    def elapsed(self) -> float:
        """Seconds since packets are recorded, or for how long they were."""
        if self.source.began is None:
            return 0.0
        return (time.monotonic() if self.ended_at is None else self.ended_at) - self.source.began

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.duration - self.elapsed) if self.state in ("starting", "running") else 0.0

    def kept(self, *, again: bool = False) -> RecordedSource:
        """What is recorded now, to be read once more. again: rather as much as the last time, for cursors."""
        if not again or self.read_again is None:
            self.read_again = self.recording.size
        return self.recording.source(self.name, f"{self.name}:{self.read_again}")

    def rates(self) -> tuple[float, float]:
        """(packets, bytes) a second over the last seconds of a running capture, over all of one that has ended."""
        if self.ended_at is not None or not self.ticks:
            return (self.packets / self.elapsed, self.wire_bytes / self.elapsed) if self.elapsed else (0.0, 0.0)
        then, packets, wire_bytes = self.ticks[0]
        span = max(time.monotonic() - then, 1e-3)
        return (self.packets - packets) / span, (self.wire_bytes - wire_bytes) / span


class Captures:
    """All captures of a server. options: what their scans compute."""

    def __init__(self, limits: CaptureLimits, options: ScanOptions) -> None:
        self.limits = limits
        self.options = options
        self._captures: OrderedDict[str, Capture] = OrderedDict()
        self._folder: Folder | None = None

    @property
    def folder(self) -> Folder:
        """Made when the first capture is saved. Raises LiveError(no_capture_folder)."""
        if self._folder is None:
            self._folder = Folder(self.limits.folder)
        return self._folder

    def files(self) -> list[tuple[str, os.stat_result]]:
        """Regular files of the folder, by name. Raises LiveError(no_capture_folder)."""
        return self.folder.entries() if os.path.isdir(self.limits.folder) else []

    def all(self) -> list[Capture]:
        """The running ones and the ended ones that are kept, the oldest first."""
        return list(self._captures.values())

    def get(self, capture_id: str) -> Capture:
        """Raises LiveError(unknown_capture)."""
        found = self._captures.get(capture_id.removeprefix(PREFIX))
        if found is None:
            raise LiveError("unknown_capture", f"there is no capture {shown(capture_id)}")
        return found

    def find(self, text: str) -> Capture | None:
        """The capture that `text`, an argument `pcap_file`, names as live:CAPTURE_ID; None for other texts.
        Raises LiveError(unknown_capture)."""
        return self.get(text) if text.startswith(PREFIX) else None

    async def start(
        self,
        interface: str,
        *,
        duration: int | None = None,
        capture_filter: str = "",
        output_file: str = "",
        save: bool = True,
        ring_files: int = 0,
    ) -> Capture:
        """Returns when packets are being recorded; the arguments are the tool's. Raises LiveError."""
        limits = self.limits
        if duration is not None and duration > limits.max_seconds:
            raise LiveError("too_long", f"a capture may last {limits.max_seconds} seconds, not {duration}")
        running = [one for one in self._captures.values() if one.state in ("starting", "running")]
        if len(running) >= limits.max_captures:
            raise LiveError("too_many_captures", f"{len(running)} captures are running, as many as are allowed")
        seconds = min(60, limits.max_seconds) if duration is None else duration
        program = find_program(limits.program)
        form, name = _output(output_file, program.formats, save)
        recording: FileRecording | MemoryRecording
        if name is None:
            recording = MemoryRecording(limits.max_bytes)
        else:
            recording = FileRecording(self.folder, name, limits.max_bytes, ring_files)
        # 128 random bits: knowing one capture's id, or the time, tells nothing of another's.
        capture_id = f"capture_{secrets.token_hex(16)}"
        source = LiveSource(
            interface,
            seconds=seconds,
            capture_filter=capture_filter,
            program=program,
            form=form,
            recording=recording,
            name=PREFIX + capture_id,
        )
        capture = Capture(capture_id, source, seconds, recording, name, ring_files, datetime.now(UTC))
        self._captures[capture_id] = capture
        try:
            await opened(source)
            scan = Scan(source, self.options)
        except BaseException:
            # Listed for as long as it leaves a trace: whoever sees it gone finds no file, and no program that goes on.
            try:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(source.close)
                if isinstance(recording, FileRecording):
                    recording.discard()
            finally:
                del self._captures[capture_id]
            raise
        scan.when_ended(lambda: self._ended(capture))
        capture.scan = scan
        scan.start()
        self._tick(capture)
        return capture

    async def stop(self, capture_id: str) -> Capture:
        """Returns when it has ended and everything it recorded is analysed; nothing happens to one that has ended.
        Raises LiveError(unknown_capture)."""
        capture = self.get(capture_id)
        if capture.scan is None:
            # Whoever started it is told; there is nothing to keep.
            capture.source.cancel()
        elif not capture.scan.ended:
            capture.source.stop()
            if not await capture.scan.ended_within(_STOP_SECONDS):
                capture.scan.stop()
                await capture.scan.left()
        return capture

    async def report(self, capture: Capture, *, again: bool = False) -> Report:
        """What is known now, at its end the whole. again: rather the one handed out before, whose rows a cursor counts.
        Raises what ended the capture when it left nothing."""
        if capture.scan is None:
            raise LiveError("unknown_capture", "the capture is just starting")
        if again and capture.snapshot is not None and not capture.scan.ended:
            return capture.snapshot
        capture.snapshot = covering(await capture.scan.snapshot(), capture)
        return capture.snapshot

    async def close(self) -> None:
        """Stop everything: no capture program outlives this by more than a moment."""
        running = [one for one in self._captures.values() if one.scan is not None and not one.scan.ended]
        for one in running:
            one.source.stop()
        with anyio.move_on_after(1.5, shield=True):
            for one in running:
                assert one.scan is not None
                await one.scan.ended_within(1.5)
        for one in running:
            assert one.scan is not None
            if not one.scan.ended:
                one.scan.stop()
        for one in self._captures.values():
            if one.timer is not None:
                one.timer.cancel()
        if self._folder is not None:
            self._folder.close()

    def _tick(self, capture: Capture) -> None:
        """Once a second while it runs: for rates and the kernel's counts."""
        capture.ticks.append((time.monotonic(), capture.packets, capture.wire_bytes))
        capture.source.ask_for_counts()
        capture.timer = asyncio.get_running_loop().call_later(_TICK_SECONDS, self._tick, capture)

    def _ended(self, capture: Capture) -> None:
        capture.ended_at = time.monotonic()
        if capture.timer is not None:
            capture.timer.cancel()
        assert capture.scan is not None
        try:
            capture.scan.raise_failure()
        except PcapstreamError as error:
            capture.failure = error
        except Exception:
            log.exception("the analysis of a capture broke")
            capture.failure = LiveError("interrupted", "the analysis broke off for a reason of our own")
        capture.snapshot = None
        ended = [one for one in self._captures.values() if one.ended_at is not None]
        for one in ended[: max(0, len(ended) - KEPT)]:
            del self._captures[one.capture_id]


def covering(report: Report, capture: Capture) -> Report:
    """The report with what its coverage means for a live capture: running ones are never complete."""
    coverage = report.coverage
    if capture.state == "running" and coverage.reason in (None, "budget"):
        coverage = dataclasses.replace(
            coverage,
            complete=False,
            reason="live",
            next_step="The capture goes on: ask again for what has come since.",
        )
    elif coverage.reason == "source_error":
        coverage = dataclasses.replace(coverage, next_step="Start another capture for what comes now.")
    return dataclasses.replace(report, coverage=coverage, name=capture.name)


def of_kept(report: Report, capture: Capture) -> Report:
    """The report of a pass over what the capture still has, with what is missing."""
    if not capture.recording.lost:
        return covering(report, capture)
    coverage = dataclasses.replace(
        report.coverage,
        complete=False,
        reason="not_kept",
        next_step="Ask without parameters that need the packets again for all of the capture, or save more of it.",
    )
    return dataclasses.replace(report, coverage=coverage, name=capture.name)


def _output(given: str, formats: tuple[Format, ...], save: bool) -> tuple[Format, str | None]:
    """(format, file name or None) of a capture. Raises LiveError(bad_output_file)."""
    if not save:
        if given:
            raise LiveError("bad_output_file", "an output_file is given, but save is false")
        return formats[0], None
    if not given:
        stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
        return formats[0], f"capture-{stamp}-{secrets.token_hex(4)}.{formats[0]}"
    fits = _NAME.fullmatch(given)
    if fits is None:
        raise LiveError(
            "bad_output_file",
            f"{shown(given)} is no plain file name of letters, digits, dots, - and _ that ends in .pcap or .pcapng",
        )
    form: Format = "pcapng" if fits[1] == "pcapng" else "pcap"
    if form not in formats:
        raise LiveError("bad_output_file", "the capture program here writes pcap: end the name in .pcap")
    return form, given
