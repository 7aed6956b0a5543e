"""Runs one capture program and ends it with whoever asked for it. A script of its own process: nothing but the standard
library, no thread, so that what is done between fork and exec is safe.

    python -I -S supervisor.py SECONDS PROGRAM ARGUMENT...

Standard input is the life line. It is a socket whose other end only the process that asked holds, so it is closed when
that process ends in any way, SIGKILL included; a byte on it means "tell your counts" (SIGUSR1 to the program). The
program's process id is sent over it, so that the other side can end the program should this process be killed. Standard
output and standard error are the program's.

The program is told to end when the life line closes, after SECONDS, or on SIGTERM: by SIGTERM (it writes what it has
and its counts) once the kernel has handed over what came until then, and by SIGKILL 3 seconds later. Where the kernel
can (Linux), it is told so too when this process dies first. A parent-death signal alone would not do: it follows the
thread that forked, not the process, and the kernel forgets it for programs that change their rights when they start,
as dumpcap and tcpdump do.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time

ENDED_BY_TIME = 200
ENDED_BY_REQUEST = 201
NOT_STARTED = 202
"""Exit codes of ours; other ones are the program's: its code, or 128 + the signal that ended it."""

_LAST_PACKETS_SECONDS = 0.3
"""The kernel collects packets for up to a quarter of a second before dumpcap sees them; its end forgets them."""
_GRACE_SECONDS = 3.0
_LONGEST_POLL = 3_600.0
_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Runs the program to its end; gives the exit code."""
    deadline = time.monotonic() + float(arguments[0])
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    asked: list[int] = []
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: asked.append(1))
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    prctl = _prctl()
    myself = os.getpid()
    child = os.fork()
    if child == 0:
        _become(arguments[1:], prctl, myself)
    with contextlib.suppress(OSError):
        os.write(0, b"%d\n" % child)
    # The reader of the capture sees its end when the program closes it, not when this process does.
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    ready = select.poll()
    ready.register(wake_read, select.POLLIN)
    ready.register(0, select.POLLIN)
    why: int | None = None
    signals = [signal.SIGKILL, signal.SIGTERM]
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return why if why is not None else code if code >= 0 else 128 - code
        now = time.monotonic()
        if why is None and (asked or now >= deadline):
            why = ENDED_BY_REQUEST if asked else ENDED_BY_TIME
            deadline = now + _LAST_PACKETS_SECONDS
        elif why is not None and now >= deadline:
            os.kill(child, signals.pop() if len(signals) > 1 else signals[0])
            deadline = now + _GRACE_SECONDS
        for descriptor, _ in ready.poll(min(max(0.0, deadline - now), _LONGEST_POLL) * 1000 + 1):
            said = b""
            with contextlib.suppress(OSError):
                said = os.read(descriptor, 4096)
            if descriptor == 0 and not said:
                ready.unregister(0)
                asked.append(1)
            elif descriptor == 0 and why is None:
                os.kill(child, signal.SIGUSR1)


def _prctl() -> object:
    """The system call that ties a process to its parent, where there is one; looked up before the fork."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        import ctypes

        return ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None


def _become(command: list[str], prctl: object, parent: int) -> None:
    """In the forked process: turns into the program."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        if callable(prctl):
            prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(NOT_STARTED)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execv(command[0], command)
    except OSError as error:
        os.write(2, f"cannot be started: {error.strerror}\n".encode())
    finally:
        os._exit(NOT_STARTED)


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
