"""Real traffic for live captures: datagrams on loopback, and pairs of network namespaces joined by a cable."""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pcapstream.capture.programs import KINDS, Kind, find_program
from pcapstream.errors import LiveError
from pcapstream.sources.live import LiveSource


@functools.cache
def why_no_capture(kind: Kind | None = None) -> str | None:
    """Why this user cannot capture on loopback here with that program; None when he can."""
    source: LiveSource | None = None
    try:
        source = LiveSource("lo", seconds=1, program=find_program(kind))
        source.open()
    except LiveError as error:
        return f"no live capture here: {error}"
    finally:
        if source is not None:
            source.close()
    return None


def needs_capture() -> pytest.MarkDecorator:
    """`pytestmark = needs_capture()`"""
    reason = why_no_capture()
    return pytest.mark.skipif(reason is not None, reason=reason or "")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each capture program that works here."""
    found: Kind = request.param
    if (reason := why_no_capture(found)) is not None:
        pytest.skip(reason)
    return found


@dataclass
class Datagrams:
    """Sends to a socket of its own on loopback: no answers, no ICMP, one packet a datagram."""

    sender: socket.socket
    receiver: socket.socket
    sent: int = 0

    @property
    def port(self) -> int:
        return int(self.receiver.getsockname()[1])

    @property
    def filter(self) -> str:
        """Nobody else's packets."""
        return f"udp port {self.port}"

    def send(self, number: int, size: int = 100) -> None:
        for _ in range(number):
            self.sender.sendto(b"x" * size, self.receiver.getsockname())
            # Read at once: a full receive buffer would turn into ICMP errors.
            self.receiver.recv(65_535)
        self.sent += number


@contextmanager
def datagrams() -> Iterator[Datagrams]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        yield Datagrams(sender, receiver)


@dataclass
class Cable:
    """Two network namespaces: a client 10.77.0.1 on `near`, a server 10.77.0.2 on `far`."""

    near: str
    far: str
    interface: str = "veth0"
    client: str = "10.77.0.1"
    server: str = "10.77.0.2"

    def command(self, side: str, *command: str) -> list[str]:
        return ["ip", "netns", "exec", side, *command]

    def run(self, side: str, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(side, *command), capture_output=True, text=True, timeout=30, check=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=30)


@contextmanager
def cable() -> Iterator[Cable]:
    """Skips the test, with the reason, where namespaces cannot be made."""
    if shutil.which("ip") is None:
        pytest.skip("iproute2 is not installed: no network namespaces")
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    tag = uuid.uuid4().hex[:8]
    ends = Cable(f"pcs-near-{tag}", f"pcs-far-{tag}")
    try:
        try:
            for name in (ends.near, ends.far):
                _ip("netns", "add", name)
            _ip("link", "add", "veth0", "netns", ends.near, "type", "veth", "peer", "name", "veth0", "netns", ends.far)
            for name, address in ((ends.near, ends.client), (ends.far, ends.server)):
                _ip("-n", name, "addr", "add", f"{address}/24", "dev", "veth0")
                _ip("-n", name, "link", "set", "veth0", "up")
                _ip("-n", name, "link", "set", "lo", "up")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"network namespaces cannot be made here: {error.stderr.decode(errors='replace').strip()}")
        yield ends
    finally:
        for name in (ends.near, ends.far):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=30, check=False)


def children(pid: int) -> list[int]:
    """All processes below `pid`, from /proc."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def alive(pid: int) -> bool:
    """It runs: zombies do not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def gone(pids: list[int], *, open_for: float = 10.0) -> bool:
    """Whether all of these processes end within that time."""
    import time

    until = time.monotonic() + open_for
    while any(alive(pid) for pid in pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
