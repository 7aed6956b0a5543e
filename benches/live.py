"""Figures of live capture, on loopback of a network namespace of its own (root; iproute2; dumpcap).

    python -m benches.live rate       # packets/s without a kernel drop, beside dumpcap writing the same to disk
    python -m benches.live delay      # from a packet being sent to a snapshot that has it
    python -m benches.live memory     # of `pcapstream live` over 5 minutes of load

Loopback hands every packet to a capture twice, once in each direction, and libpcap leaves out one of the two: the
kernel has twice the work it has on a cable.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BATCH = 64
_SECONDS = 5.0
_PAYLOAD = 100
_BUFFER_MIB = 32
"""Kernel buffer, the same for both."""


class _Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Header(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class _Message(ctypes.Structure):
    _fields_ = [("header", _Header), ("sent", ctypes.c_uint32)]


def send(rate: float, seconds: float, flows: int) -> int:
    """That many datagrams a second, over sockets of so many flows; gives how many were sent. Nobody reads them: what
    does not fit into the receiver is thrown away behind the capture."""
    library = ctypes.CDLL(None, use_errno=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(flows)]
        for one in senders:
            one.connect(receiver.getsockname())
        payload = ctypes.create_string_buffer(_PAYLOAD)
        vector = _Vector(ctypes.addressof(payload), _PAYLOAD)
        messages = (_Message * _BATCH)()
        for message in messages:
            message.header.vectors, message.header.vector_count = ctypes.addressof(vector), 1
        sent, began = 0, time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            due = int(now * rate) - sent
            if due < _BATCH:
                time.sleep(_BATCH / rate)
                continue
            for _ in range(min(due // _BATCH, 64)):
                sent += max(0, library.sendmmsg(senders[sent // _BATCH % flows].fileno(), messages, _BATCH, 0))
        for one in senders:
            one.close()
    return sent


@contextmanager
def namespace() -> Iterator[str]:
    name = f"pcs-bench-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def _load(space: str, rate: float, seconds: float, flows: int) -> int:
    command = ["ip", "netns", "exec", space, sys.executable, "-m", "benches.live", "send"]
    told = subprocess.run(
        [*command, str(rate), str(seconds), str(flows)], check=True, capture_output=True, text=True
    ).stdout
    return int(told)


Measured = tuple[int, int, int, float]
"""(sent, recorded, dropped, CPU seconds of those who recorded)."""


def with_dumpcap(space: str, rate: float, folder: str) -> Measured:
    path = os.path.join(folder, "dumpcap.pcapng")
    command = ["ip", "netns", "exec", space, "dumpcap", "-q", "-i", "lo", "-B", str(_BUFFER_MIB), "-w", path]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "File:" not in process.stderr.readline():
            pass
        sent = _load(space, rate, _SECONDS, 16)
        time.sleep(1)
        process.terminate()
        found = re.search(r": (\d+)/(\d+) \(", process.stderr.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    os.unlink(path)
    assert found
    return sent, int(found[1]), int(found[2]), usage.ru_utime + usage.ru_stime


def with_ours(space: str, rate: float, folder: str) -> Measured:
    """The same, recorded to disk and analysed by all modules meanwhile."""
    command = ["ip", "netns", "exec", space, sys.executable, "-m", "benches.live", "record", folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        sent = _load(space, rate, _SECONDS, 16)
        time.sleep(1)
        process.stdin.close()
        packets, dropped, cpu = process.stdout.readline().split()
    return sent, int(packets), int(dropped), float(cpu)


def record(folder: str) -> None:
    """Records until standard input ends; prints packets and drops."""
    from pcapstream.capture.recording import FileRecording, Folder
    from pcapstream.pipeline import Pass
    from pcapstream.report import ScanOptions
    from pcapstream.sources.live import LiveSource

    recording = FileRecording(Folder(folder), "ours.pcapng", 1 << 40)
    source = LiveSource("lo", seconds=600, recording=recording)
    source.open()
    work = Pass(source, ScanOptions().machines())
    work.start()
    before = _cpu()
    print("ready", flush=True)
    sys.stdin.read()
    source.stop()
    work.result.result()
    print(work.progress.packets, source.dropped, _cpu() - before)
    os.unlink(os.path.join(folder, "ours.pcapng"))


def _cpu() -> float:
    """Of this process, and of the capture program once it has ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def rates(steps: list[int]) -> None:
    print("| datagrams/s | dumpcap to disk | pcapstream: to disk and analysed |\n| --- | --- | --- |")
    with namespace() as space, tempfile.TemporaryDirectory() as folder:
        for rate in steps:
            row = []
            for measure in (with_dumpcap, with_ours):
                sent, packets, dropped, cpu = measure(space, rate, folder)
                row.append(
                    f"{packets:,} of {sent:,} ({sent / _SECONDS:,.0f}/s), {dropped:,} dropped, "
                    f"{cpu / max(packets, 1) * 1e6:.2f} us CPU a packet"
                )
            print(f"| {rate:,} | {' | '.join(row)} |", flush=True)


def delays(number: int = 40) -> None:
    """A packet at a time, snapshots as fast as they come."""
    from pcapstream.pipeline import Pass
    from pcapstream.report import ScanOptions
    from pcapstream.sources.live import LiveSource

    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        source = LiveSource("lo", seconds=600, capture_filter=f"udp port {receiver.getsockname()[1]}")
        source.open()
        work = Pass(source, ScanOptions().machines())
        work.start()
        found = []
        for sent in range(1, number + 1):
            began = time.monotonic()
            sender.sendto(b"x", receiver.getsockname())
            while work.snapshot().result().core.capture["packets"] < sent:
                time.sleep(0.001)
            found.append(time.monotonic() - began)
            # Another place in the quarter of a second in which the kernel collects.
            time.sleep(0.037)
        source.stop()
        work.result.result()
    print(f"median {statistics.median(found) * 1000:.0f} ms, longest {max(found) * 1000:.0f} ms of {number}")


def memory(rate: float, seconds: float) -> None:
    with namespace() as space:
        command = ["ip", "netns", "exec", space, sys.executable, "-m", "pcapstream", "live", "lo", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            json.loads(process.stdout.readline())
            load = subprocess.Popen(
                [
                    "ip",
                    "netns",
                    "exec",
                    space,
                    sys.executable,
                    "-m",
                    "benches.live",
                    "send",
                    str(rate),
                    str(seconds),
                    "500",
                ],
                stdout=subprocess.DEVNULL,
            )
            began, told = time.monotonic(), -30.0
            for line in process.stdout:
                if (now := time.monotonic() - began) - told >= 30:
                    told = now
                    status = Path(f"/proc/{process.pid}/status").read_text()
                    resident = re.search(r"VmRSS:\s+(\d+)", status)
                    assert resident
                    seen = json.loads(line)
                    print(
                        f"{now:4.0f} s  {int(resident[1]) / 1024:.1f} MB  {seen['packets']:,} packets  "
                        f"{seen['packets_per_second']:,.0f}/s",
                        flush=True,
                    )
                if load.poll() is not None:
                    break
            process.terminate()
            last = json.loads(process.stdout.readlines()[-1])
    print(f"{last['state']}: {last['packets']:,} packets, {last['dropped']:,} dropped")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benches.live", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("rate", "delay", "memory", "send", "record"))
    parser.add_argument("more", nargs="*")
    given = parser.parse_args()
    more = given.more
    if given.what == "send":
        print(send(float(more[0]), float(more[1]), int(more[2])))
    elif given.what == "record":
        record(more[0])
    elif given.what == "rate":
        rates([int(one) for one in more] or [50_000, 100_000, 150_000, 200_000, 300_000, 400_000])
    elif given.what == "delay":
        delays()
    else:
        memory(float(more[0]) if more else 50_000, float(more[1]) if more[1:] else 300)


if __name__ == "__main__":
    main()
