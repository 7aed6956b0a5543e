"""A capture program at work: its bytes, what it says, and its end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from pcapstream.capture import supervisor

_PIPE_BYTES = 1 << 20
"""What an ordinary user may have: some milliseconds of a busy link while the decoder is at work."""
_SET_PIPE_SIZE = 1031
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
        try:
            with contextlib.suppress(OSError):
                fcntl.fcntl(read_end, _SET_PIPE_SIZE, _PIPE_BYTES)
            # No preexec_fn: Python code between fork and exec may find a lock that another thread held.
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(supervisor.__file__)), f"{seconds:.3f}", *command],
                stdin=subprocess.PIPE,
                stdout=write_end,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env={**{k: os.environ[k] for k in _PASSED_ON if k in os.environ}, "LC_ALL": "C"},
                bufsize=0,
            )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        self.output = read_end
        """Descriptor of the bytes."""
        self._lock = threading.Lock()
        self._first = b""
        self._last = b""
        # A pipe that nobody reads would stop the program as soon as it has said enough.
        self._listener = threading.Thread(target=self._listen, name="pcapstream-capture-said", daemon=True)
        self._listener.start()

    @property
    def said(self) -> str:
        """What the program wrote to standard error so far, its middle left out where it is long."""
        with self._lock:
            return (self._first + self._last).decode("utf-8", "replace")

    def ask_for_counts(self) -> None:
        """The program is to say its counts (SIGUSR1)."""
        self._tell(b"?")

    def stop(self) -> None:
        """Thread-safe, does not block, any number of calls: the program writes what it has, and ends."""
        with self._lock:
            if self._process.stdin is not None and not self._process.stdin.closed:
                with contextlib.suppress(OSError):
                    self._process.stdin.close()

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

    def _tell(self, what: bytes) -> None:
        with self._lock:
            if self._process.stdin is not None and not self._process.stdin.closed:
                with contextlib.suppress(OSError):
                    self._process.stdin.write(what)

    def _listen(self) -> None:
        said = self._process.stderr
        assert said is not None
        with said:
            while piece := said.read(4096):
                with self._lock:
                    if len(self._first) < _SAID_BYTES:
                        self._first += piece
                    else:
                        self._last = (self._last + piece)[-_SAID_BYTES:]
