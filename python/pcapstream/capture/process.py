"""A capture program at work: its bytes, what it says, and its end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from pcapstream.capture import supervisor

_PIPE_BYTES = 1 << 20
"""What an ordinary user may have: some milliseconds of a busy link while the decoder is at work."""
_SET_PIPE_SIZE = 1031
_LATE_SECONDS = 3.0
_SAID_BYTES = 8 << 10
"""Of what a program says, its first and its last bytes are kept, as many each."""
_PASSED_ON = ("PATH", "HOME", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "WIRESHARK_CONFIG_DIR")
"""Environment a capture program gets, beside the C locale: no token of ours among it."""


class CaptureProcess:
    """Starts `command` (a path and its arguments) under the supervisor. It ends by itself after `seconds`, and with
    this process however that ends.

    Raises OSError where not even the supervisor can be started.
    """

    def __init__(self, command: Sequence[str], seconds: float) -> None:
        read_end, write_end = os.pipe()
        self._line, far_line = socket.socketpair()
        try:
            with contextlib.suppress(OSError):
                fcntl.fcntl(read_end, _SET_PIPE_SIZE, _PIPE_BYTES)
            # No preexec_fn: Python code between fork and exec may find a lock that another thread held.
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(supervisor.__file__)), f"{seconds:.3f}", *command],
                stdin=far_line.fileno(),
                stdout=write_end,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env=_environment(),
                bufsize=0,
            )
        except BaseException:
            os.close(read_end)
            self._line.close()
            raise
        finally:
            os.close(write_end)
            far_line.close()
        self.output = read_end
        """Descriptor of the bytes."""
        self._lock = threading.Lock()
        self._first = b""
        self._last = b""
        self._listener = threading.Thread(target=self._listen, name="pcapstream-capture-said", daemon=True)
        self._listener.start()

    @property
    def said(self) -> str:
        """What the program wrote to standard error so far, its middle left out where it is long."""
        with self._lock:
            return (self._first + self._last).decode("utf-8", "replace")

    def ask_for_counts(self) -> None:
        """The program is to say its counts (SIGUSR1)."""
        with contextlib.suppress(OSError):
            self._line.send(b"?", socket.MSG_DONTWAIT)

    def stop(self) -> None:
        """Thread-safe, does not block, any number of calls: the program writes what it has, and ends."""
        # The descriptor is closed by the listener, which waits on it.
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_WR)

    def wait(self, seconds: float) -> int | None:
        """Exit code of the supervisor once program and supervisor have ended; None when they go on after that."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._listener.join(seconds)
        return code

    def close(self) -> None:
        """Let go of everything: any number of calls. What still runs is told to end, and ends within 4 seconds; nobody
        waits for more than a moment of that."""
        self.stop()
        with self._lock:
            output, self.output = self.output, -1
        if output >= 0:
            os.close(output)
        if self.wait(0.5) is None:
            threading.Thread(target=self._process.wait, name="pcapstream-capture-end", daemon=True).start()

    def _listen(self) -> None:
        """Takes what the program says, since a pipe that nobody reads would stop it; and ends the program should the
        supervisor be killed. Ends with the program."""
        said = self._process.stderr
        assert said is not None
        ready = select.poll()
        ready.register(said, select.POLLIN)
        ready.register(self._line, select.POLLIN)
        talking = held = True
        program: _Handle | None = None
        ending = [signal.SIGKILL, signal.SIGTERM]
        waiting: float | None = None
        try:
            # Our end of the line stays open until the supervisor has ended: to it, its closing is a request.
            while talking or held:
                events = ready.poll(waiting)
                if not events:
                    waiting = None
                    if program is not None and ending:
                        program.send(ending.pop())
                        waiting = _LATE_SECONDS * 1000
                for descriptor, _ in events:
                    if descriptor == said.fileno():
                        piece = said.read(4096)
                        self._keep(piece or b"")
                        if not piece:
                            talking = False
                            ready.unregister(said)
                    elif told := self._hear():
                        program = program or _Handle(told)
                    else:
                        # The supervisor has ended. The program has as well, unless the supervisor was killed.
                        held, waiting = False, 0.0
                        ready.unregister(self._line)
        finally:
            said.close()
            self._line.close()
            if program is not None:
                program.close()

    def _hear(self) -> bytes:
        with contextlib.suppress(OSError):
            return self._line.recv(64)
        return b""

    def _keep(self, piece: bytes) -> None:
        with self._lock:
            if len(self._first) < _SAID_BYTES:
                self._first += piece
            else:
                self._last = (self._last + piece)[-_SAID_BYTES:]


def _environment() -> dict[str, str]:
    return {**{name: os.environ[name] for name in _PASSED_ON if name in os.environ}, "LC_ALL": "C"}


class _Handle:
    """A process by its id, held so that the id cannot come to mean another one (where the system can)."""

    def __init__(self, told: bytes) -> None:
        self._pid = int(told)
        self._descriptor = -1
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                self._descriptor = os.pidfd_open(self._pid)

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(OSError):
            if self._descriptor >= 0:
                signal.pidfd_send_signal(self._descriptor, number)
            elif not hasattr(os, "pidfd_open"):
                os.kill(self._pid, number)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
