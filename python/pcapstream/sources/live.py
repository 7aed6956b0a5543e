"""A network interface: packets as they come, from dumpcap, tcpdump or a packet socket through a pipe."""

from __future__ import annotations

import logging
import threading
import time
from typing import Literal

from pcapstream.capture.blocks import MAX_BLOCK_BYTES, Blocks, NotACapture
from pcapstream.capture.interfaces import interface_names
from pcapstream.capture.process import CaptureProcess
from pcapstream.capture.programs import Format, Program, find_program
from pcapstream.capture.recording import Recording
from pcapstream.capture.supervisor import ENDED_BY_REQUEST, ENDED_BY_TIME
from pcapstream.errors import LiveError, SourceError, shown
from pcapstream.sources._descriptor import PipeReader

log = logging.getLogger("pcapstream.capture")

MAX_FILTER_CHARS = 2_000
LEAST_BUFFER_BYTES = 2 * MAX_BLOCK_BYTES
"""For `read`, which hands over whole packets."""
READY_SECONDS = 15.0
"""A filter may name hosts, which are looked up before the capture begins."""
_END_SECONDS = 4.0
_COUNTS_AFTER = 0.9

Why = Literal["duration", "stopped", "max_size", "failed"]
"""Why a capture ended: its time was over; it was asked to; it reached its size; it broke off."""


class LiveSource:
    """Records from an interface until `seconds` are over, `stop` is called or the recording is full.

    interface: one of this machine's, or "any" on Linux. capture_filter: in libpcap's language; the capture program
    checks it before `open` returns. program: which one captures; None takes the first there is. form: of the bytes.
    recording: where they are kept beside being read; None: nowhere.
    """

    def __init__(
        self,
        interface: str,
        *,
        seconds: float,
        capture_filter: str = "",
        program: Program | None = None,
        form: Format | None = None,
        recording: Recording | None = None,
        name: str | None = None,
    ) -> None:
        self.interface = interface
        self.capture_filter = capture_filter.strip()
        self.seconds = seconds
        self.recording = recording
        self.program = program
        self.form = form
        self.why: Why | None = None
        """Set once it has ended."""
        self.began: float | None = None
        """time.monotonic() when the first packet could be recorded."""
        self._name = name or f"live:{interface}"
        self._process: CaptureProcess | None = None
        self._reader: PipeReader | None = None
        self._blocks = Blocks()
        self._tail = b""
        self._fetched = 0
        self._full = False
        self._stopped = False
        self._cancelled = threading.Event()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._name

    @property
    def identity(self) -> str | None:
        """None: it happens once."""
        return None

    @property
    def size(self) -> int | None:
        return None

    @property
    def bytes_fetched(self) -> int:
        return self._fetched

    @property
    def dropped(self) -> int | None:
        """Packets the kernel had no room for; None while the program has not said (dumpcap says it at the end)."""
        process, program = self._process, self.program
        counts = None if process is None or program is None else program.counts(process.said)
        return None if counts is None else counts.dropped

    def ask_for_counts(self) -> None:
        """Thread-safe: have `dropped` brought up to date, where the program can."""
        program, process, began = self.program, self._process, self.began
        if program is None or process is None or began is None or not program.tells_counts:
            return
        # tcpdump writes its header before it is ready for the signal, which would end it.
        if time.monotonic() - began > _COUNTS_AFTER:
            process.ask_for_counts()

    def open(self) -> None:
        """Returns when the capture runs: the interface is there, the filter is taken, packets are recorded from now.

        Raises LiveError: unknown_interface, bad_capture_filter, no_permission, no_capture_tool, capture_failed;
        SourceError: cancelled.
        """
        if self.interface not in interface_names():
            raise LiveError("unknown_interface", f"there is no interface {shown(self.interface)}")
        if len(self.capture_filter) > MAX_FILTER_CHARS or not self.capture_filter.isprintable():
            raise LiveError("bad_capture_filter", "the capture filter is too long, or not printable")
        program = self.program = self.program or find_program()
        form = self.form or program.formats[0]
        if form not in program.formats:
            raise LiveError("bad_output_file", f"{program.name} writes {program.formats[0]} only")
        command = program.command(self.interface, self.capture_filter, self.seconds, form)
        with self._lock:
            if self._cancelled.is_set():
                raise SourceError("cancelled", "reading was cancelled")
            try:
                self._process = process = CaptureProcess(command, self.seconds)
            except OSError:
                raise LiveError("capture_failed", "no process can be started") from None
            self._reader = reader = PipeReader(process.output)
        late = threading.Timer(READY_SECONDS, process.stop)
        late.daemon = True
        late.start()
        try:
            # The header is the sign: it is written when interface and filter are in place.
            first = bytearray(64 << 10)
            got = reader.read(memoryview(first))
        finally:
            late.cancel()
        if got == 0:
            process.wait(_END_SECONDS)
            self.why = "failed"
            failure = program.failure(process.said, self.interface, self.capture_filter)
            if failure.code == "capture_failed":
                self._log(process)
            raise failure
        self.began = time.monotonic()
        self._tail = bytes(first[:got])

    def read(self, buffer: memoryview, /) -> int:
        """Whole blocks, recorded before they are handed over. Raises LiveError(interrupted), SourceError(cancelled)."""
        process, reader = self._process, self._reader
        if process is None or reader is None:
            raise ValueError("read of a source that is not open")
        if len(buffer) < LEAST_BUFFER_BYTES:
            raise ValueError(f"a live source needs a buffer of {LEAST_BUFFER_BYTES:,} bytes")
        if self._full:
            return self._end(process)
        filled = len(self._tail)
        buffer[:filled] = self._tail
        try:
            while not (whole := self._blocks.whole(buffer[:filled])):
                if filled > MAX_BLOCK_BYTES:
                    raise NotACapture
                got = reader.read(buffer[filled:])
                if got == 0:
                    return self._end(process)
                filled += got
        except NotACapture:
            self.why = "failed"
            raise LiveError("interrupted", "the capture program sent what is no capture") from None
        self._tail = bytes(buffer[whole:filled])
        if self.recording is not None:
            try:
                taken = self.recording.take(self._blocks, buffer[:whole])
            except LiveError:
                self.why = "failed"
                process.stop()
                raise
            if taken < whole:
                self._full = True
                process.stop()
                if taken == 0:
                    return self._end(process)
            whole = taken
        self._fetched += whole
        return whole

    def stop(self) -> None:
        """Thread-safe, does not block: the capture ends, `read` gives what was recorded until now and then its end."""
        self._stopped = True
        if self._process is not None:
            self._process.stop()

    def close(self) -> None:
        with self._lock:
            reader, process = self._reader, self._process
        # Outside the lock: `cancel` waits for nobody.
        if reader is not None:
            reader.close()
        if process is not None:
            process.close()
        if self.recording is not None:
            self.recording.close()
        if self.why is None:
            self.why = "stopped"

    def cancel(self) -> None:
        self._cancelled.set()
        with self._lock:
            if self._reader is not None:
                self._reader.cancel()
            if self._process is not None:
                self._process.stop()

    def _end(self, process: CaptureProcess) -> int:
        """The program has closed its output, or is no longer listened to. Gives 0."""
        if self._full:
            # It must be able to write the rest before it says its counts.
            self._drain()
        code = process.wait(_END_SECONDS)
        if self._full:
            self.why = "max_size"
        elif code == ENDED_BY_TIME:
            self.why = "duration"
        elif code == ENDED_BY_REQUEST or self._stopped:
            self.why = "stopped"
        else:
            # Also with code 0: dumpcap ends so when its interface goes away.
            self.why = "failed"
            self._log(process)
            raise LiveError("interrupted", f"the capture on {self.interface} broke off")
        return 0

    def _drain(self) -> None:
        """Read what nobody wants any more, to its end."""
        waste = memoryview(bytearray(64 << 10))
        reader = self._reader
        while reader is not None and reader.read(waste):
            pass

    def _log(self, process: CaptureProcess) -> None:
        program = self.program.name if self.program is not None else ""
        log.warning("%s on %s ended: %s", program, self.interface, " ".join(process.said.split())[-1_000:])
