"""`pcapstream live` as people run it: lines for scripts, lines in a pipe, a screen in a terminal, and its ends."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pcapstream.capture.programs import Kind
from tests.support.live import Datagrams, children, datagrams, gone, kind, needs_capture
from tests.support.stdio import PATIENCE, environment

__all__ = ["kind"]


@contextmanager
def live(*arguments: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "pcapstream", "live", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), **more
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pcapstream", "live", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=PATIENCE, check=False)


def on(traffic: Datagrams, kind: Kind, *more: str) -> list[str]:
    return ["lo", "--filter", traffic.filter, "--capture-tool", kind, *more]


@needs_capture()
def test_json_is_a_line_a_second_and_the_last_has_the_totals(kind: Kind) -> None:
    with datagrams() as traffic, live(*on(traffic, kind, "--json", "--duration", "3")) as process:
        told = lines(process)
        first = next(told)
        traffic.send(40)
        rest = list(told)
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""

    assert (first["state"], first["packets"], first["interface"]) == ("running", 0, "lo")
    assert [line["state"] for line in rest[:-1]] == ["running"] * len(rest[:-1])
    last = rest[-1]
    assert last["state"] == "stopped"
    assert last["reason"] == "duration"
    assert last["packets"] == 40
    assert last["bytes"] == 40 * 142
    assert last["dropped"] == 0
    assert last["top_talkers"][0]["endpoint"] == "127.0.0.1"
    assert last["top_conversations"][0]["frames_a_to_b"] + last["top_conversations"][0]["frames_b_to_a"] == 40
    assert all(a["packets"] <= b["packets"] for a, b in zip([first, *rest], rest, strict=False))


@needs_capture()
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_with_its_totals(kind: Kind, number: signal.Signals) -> None:
    with datagrams() as traffic, live(*on(traffic, kind, "--json")) as process:
        told = lines(process)
        next(told)
        below = children(process.pid)
        traffic.send(10)
        process.send_signal(number)
        last = list(told)[-1]
        assert process.wait(PATIENCE) == 0

    assert (last["state"], last["reason"], last["packets"]) == ("stopped", "stopped", 10)
    assert len(below) == 2
    assert gone(below)


@needs_capture()
def test_killed_it_leaves_nothing_running(kind: Kind) -> None:
    with live("lo", "--filter", "udp port 1", "--json", "--capture-tool", kind) as process:
        next(lines(process))
        below = children(process.pid)
        process.kill()
        process.wait(PATIENCE)

        assert len(below) == 2
        assert gone(below)


@needs_capture()
def test_a_reader_that_goes_away_ends_it(kind: Kind) -> None:
    with live("lo", "--filter", "udp port 1", "--json", "--capture-tool", kind) as process:
        next(lines(process))
        below = children(process.pid)
        assert process.stdout is not None
        process.stdout.close()

        assert process.wait(PATIENCE) == 141
        assert gone(below)


@needs_capture()
def test_in_a_pipe_it_is_plain_lines() -> None:
    with datagrams() as traffic:
        told = run("lo", "--filter", traffic.filter, "--duration", "1.5")

    assert told.returncode == 0
    assert "\x1b" not in told.stdout
    last = told.stdout.splitlines()[-1]
    assert last.startswith("stopped ")
    assert "0 packets" in last


@needs_capture()
def test_in_a_terminal_it_is_a_screen_rewritten_in_place() -> None:
    with datagrams() as traffic:
        far, near = pty.openpty()
        command = [sys.executable, "-m", "pcapstream", "live", "lo", "--filter", traffic.filter, "--duration", "3"]
        with subprocess.Popen(command, stdout=near, stderr=near, env=environment(TERM="xterm-256color")) as process:
            os.close(near)
            seen = b""
            until = time.monotonic() + PATIENCE
            while time.monotonic() < until:
                if not select.select([far], [], [], 0.2)[0]:
                    continue
                try:
                    piece = os.read(far, 65_536)
                except OSError:
                    break
                if not seen:
                    traffic.send(25)
                seen += piece
            os.close(far)
            assert process.wait(PATIENCE) == 0
    text = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", seen).decode()

    assert b"\x1b[1A" in seen
    assert "\x1b[?1049h" not in seen.decode()
    assert "25, 3.5 kB" in text
    assert "Top talkers" in text
    assert "stopped" in text


@needs_capture()
@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_it_works_inside_tmux(tmp_path: Path) -> None:
    socket = str(tmp_path / "tmux")
    command = f"{sys.executable} -m pcapstream live lo --filter 'udp port 1' --duration 20"
    try:
        subprocess.run(
            ["tmux", "-S", socket, "-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", command],
            env=environment(),
            check=True,
            timeout=PATIENCE,
        )
        until = time.monotonic() + PATIENCE
        shown = ""
        while "packets/s" not in shown and time.monotonic() < until:
            shown = subprocess.run(
                ["tmux", "-S", socket, "capture-pane", "-p"], capture_output=True, text=True, check=True, timeout=10
            ).stdout
    finally:
        subprocess.run(["tmux", "-S", socket, "kill-server"], check=False, timeout=10)

    assert "lo  udp port 1  running" in shown
    assert "0 packets/s, 0 bit/s" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nope0"], 1, "unknown_interface"),
        ([], 2, "the following arguments are required: INTERFACE"),
        (["lo", "--duration", "0"], 2, "must be above 0"),
        (["lo", "--duration", "soon"], 2, "no number of seconds"),
        (["lo", "--capture-tool", "sh"], 2, "invalid choice"),
        (["lo", "--save"], 2, "unrecognized arguments"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], code: int, says: str) -> None:
    told = run(*arguments)

    assert told.returncode == code
    assert told.stdout == ""
    assert says in told.stderr


@needs_capture()
def test_a_bad_filter_is_refused(kind: Kind) -> None:
    told = run("lo", "--filter", "tcp porrt 80", "--capture-tool", kind)

    assert told.returncode == 1
    assert told.stdout == ""
    assert "[bad_capture_filter]" in told.stderr


@needs_capture()
@pytest.mark.skipif(shutil.which("setpriv") is None or os.geteuid() != 0, reason="needs root and setpriv")
def test_without_the_right_to_capture_the_error_says_which(kind: Kind) -> None:
    command = ["setpriv", "--bounding-set=-net_raw,-net_admin", "--inh-caps=-all", sys.executable, "-m", "pcapstream"]
    told = subprocess.run(
        [*command, "live", "lo", "--duration", "5", "--capture-tool", kind],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=PATIENCE,
        check=False,
    )

    assert told.returncode == 1
    assert "[no_permission]" in told.stderr
    assert "CAP_NET_RAW" in told.stderr
    assert "group wireshark" in told.stderr
