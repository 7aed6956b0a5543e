"""Capture programs of this machine, and the interfaces they record from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pcapstream.capture import packet_socket
from pcapstream.capture.interfaces import interface_names, network_interfaces
from pcapstream.capture.process import CaptureProcess
from pcapstream.capture.programs import Program, find_program
from pcapstream.errors import LiveError
from tests.support.live import children, gone


@pytest.mark.skipif(shutil.which("ip") is None, reason="iproute2 is not installed")
def test_interfaces_are_those_of_ip() -> None:
    told = json.loads(subprocess.run(["ip", "-j", "addr"], capture_output=True, check=True, timeout=30).stdout)

    ours = {one.name: one for one in network_interfaces()}
    assert list(ours) == [one["ifname"] for one in told]
    for one in told:
        mine = ours[one["ifname"]]
        assert sorted(mine.addresses) == sorted(address["local"] for address in one["addr_info"])
        assert mine.is_up == ("UP" in one["flags"])
        assert mine.is_loopback == ("LOOPBACK" in one["flags"])
        assert mine.mtu == one["mtu"]
    assert interface_names() == (*ours, "any")


def program(folder: Path, name: str, mode: int = 0o755) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\nexit 3\n")
    path.chmod(mode)
    return path


def test_the_first_program_there_is_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapstream.capture.programs._LIBRARY_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    if sys.platform.startswith("linux"):
        assert find_program().kind == "socket"
    with pytest.raises(LiveError) as missing:
        find_program("dumpcap")
    assert missing.value.code == "no_capture_tool"
    tcpdump = program(tmp_path, "tcpdump")
    assert find_program() == Program("tcpdump", str(tcpdump))
    dumpcap = program(tmp_path, "dumpcap")
    assert find_program() == Program("dumpcap", str(dumpcap))
    assert find_program("tcpdump").kind == "tcpdump"


def test_a_program_this_user_may_not_run_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As dumpcap on Debian for those outside the group wireshark."""
    monkeypatch.setattr("pcapstream.capture.programs._LIBRARY_FOLDERS", (str(tmp_path),))
    monkeypatch.setenv("PATH", "/nowhere")
    program(tmp_path, "dumpcap", 0o644)
    for kind in (None, "dumpcap"):
        with pytest.raises(LiveError) as refused:
            find_program(kind)
        assert refused.value.code == "no_permission"
        assert "group wireshark" in str(refused.value)


def test_arguments_are_a_list_with_the_filter_where_it_is_no_option() -> None:
    for kind in ("dumpcap", "tcpdump", "socket"):
        command = Program(kind, "/x").command("eth0", "-w /etc/passwd", 10, "pcap")  # type: ignore[arg-type]
        assert command[-1] == "-w /etc/passwd"
        assert command[-2] == ("-f" if kind == "dumpcap" else "--" if kind == "tcpdump" else command[-2])
        assert not any("eth0" in one and one != "eth0" for one in command)


@pytest.mark.parametrize(
    ("kind", "said", "dropped"),
    [
        ("dumpcap", "Packets received/dropped on interface 'Loopback: lo': 10/3 (pcap:3/dumpcap:0/flushed:0)", 3),
        ("dumpcap", "Capturing on 'lo'\nFile: -\n", None),
        ("tcpdump", "tcpdump: 12 packets captured, 24 packets received by filter, 7 packets dropped by kernel", 7),
        ("tcpdump", "1 packet captured\n1 packet received by filter\n1 packet dropped by kernel\n", 1),
        ("tcpdump", "tcpdump: listening on lo", None),
    ],
)
def test_counts_are_understood(kind: str, said: str, dropped: int | None) -> None:
    counts = Program(kind, "/x").counts(said)  # type: ignore[arg-type]

    assert (None if counts is None else counts.dropped) == dropped


def test_a_program_that_does_not_listen_is_ended() -> None:
    stubborn = "import signal,os,time\nsignal.signal(15, signal.SIG_IGN)\nos.write(1, b'up')\ntime.sleep(1000)"
    process = CaptureProcess([sys.executable, "-I", "-S", "-c", stubborn], 600)
    assert os.read(process.output, 10) == b"up"
    below = children(process._process.pid)
    process.stop()
    began = time.monotonic()

    assert process.wait(20) == 201
    assert 3 <= time.monotonic() - began < 15
    process.close()
    assert len(below) == 1
    assert gone(below)


def test_a_program_that_is_not_there_is_told_apart() -> None:
    process = CaptureProcess(["/nowhere/dumpcap"], 5)

    assert process.wait(10) == 202
    assert "cannot be started" in process.said
    process.close()


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root and unshare")
def test_without_libpcap_the_packet_socket_takes_no_filter() -> None:
    """The library is hidden in a mount namespace of the program's own."""
    known = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    libraries = [line.split(" => ")[1] for line in known.splitlines() if "libpcap.so" in line]
    if not libraries:
        pytest.skip("there is no libpcap to hide")
    hide = "".join(f"mount --bind /dev/null {os.path.realpath(one)} && " for one in libraries)
    run = f'{hide}exec {sys.executable} -I -S {packet_socket.__file__} lo 1000000 "$@"'
    told = subprocess.run(
        ["unshare", "-m", "sh", "-c", run, "sh", "udp port 1"], capture_output=True, text=True, timeout=30, check=False
    )
    if "mount" in told.stderr:
        pytest.skip(f"nothing can be mounted here: {told.stderr.strip()}")

    assert told.returncode == 1
    failure = Program("socket", "x").failure(told.stderr, "lo", "udp port 1")
    assert failure.code == "bad_capture_filter"
    assert "no libpcap" in failure.problem
