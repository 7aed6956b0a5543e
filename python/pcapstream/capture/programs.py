"""The programs that capture: how each is called, and what it means by what it says.

dumpcap is Wireshark's small privileged capture program; tcpdump does it as well, with a ring that holds fewer packets;
the packet socket is ours, for Linux machines that have neither. Arguments are lists, no shell sees them.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pcapstream.capture import packet_socket
from pcapstream.errors import LiveError

Kind = Literal["dumpcap", "tcpdump", "socket"]
KINDS: tuple[Kind, ...] = ("dumpcap", "tcpdump", "socket")
"""In the order in which they are taken."""
Format = Literal["pcapng", "pcap"]

KERNEL_BUFFER_BYTES = 32 << 20
"""What the kernel holds while nobody reads: 32 ms of a link of 10 Gbit/s."""
SNAP_BYTES = 262_144

_LIBRARY_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/usr/bin", "/sbin")
"""Where capture programs are beside the PATH, which has no sbin for ordinary users everywhere."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the kernel counted for a capture."""

    dropped: int
    """Packets that came and found no room."""


@dataclass(frozen=True, slots=True)
class Program:
    """One capture program of this machine."""

    kind: Kind
    path: str

    @property
    def formats(self) -> tuple[Format, ...]:
        """What it writes, the first unless told otherwise."""
        return ("pcapng", "pcap") if self.kind == "dumpcap" else ("pcap",)

    @property
    def tells_counts(self) -> bool:
        """Whether it says its counts when asked to, before its end."""
        return self.kind != "dumpcap"

    def command(self, interface: str, capture_filter: str, seconds: float, form: Format) -> list[str]:
        """Its path and arguments: capture to standard output."""
        if self.kind == "dumpcap":
            command = [self.path, "-q", "-i", interface, "-B", str(KERNEL_BUFFER_BYTES >> 20), "-s", str(SNAP_BYTES)]
            command += ["-w", "-", *(["-P"] if form == "pcap" else [])]
            # A limit of its own, should everything else fail.
            command += ["-a", f"duration:{math.ceil(seconds) + 5}"]
            return [*command, "-f", capture_filter] if capture_filter else command
        if self.kind == "tcpdump":
            # Without the immediate mode its packets come up to a second late, all at once.
            command = [self.path, "-i", interface, "-B", str(KERNEL_BUFFER_BYTES >> 10), "-s", str(SNAP_BYTES)]
            command += ["-n", "-U", "--immediate-mode", "-w", "-"]
        else:
            command = [self.path, "-I", "-S", str(Path(packet_socket.__file__)), interface, str(KERNEL_BUFFER_BYTES)]
        # Behind "--" a filter cannot be taken for an option.
        return [*command, *(["--"] if self.kind == "tcpdump" else []), *([capture_filter] if capture_filter else [])]

    def counts(self, said: str) -> Counts | None:
        """The last counts it said."""
        if self.kind == "dumpcap":
            found = re.findall(r"Packets received/dropped on interface .*: \d+/(\d+) \(", said)
        else:
            found = re.findall(r"(\d+) packets? dropped by kernel", said)
        return Counts(int(found[-1])) if found else None

    def failure(self, said: str, interface: str, capture_filter: str) -> LiveError:
        """Why it did not start, in our own words: what it said holds paths and advice for its own users."""
        low = said.lower()
        if any(words in low for words in ("permission", "not permitted", "root priv")):
            return LiveError("no_permission", f"{self.name} may not capture here")
        reason = _filter_problem(low) if capture_filter else None
        if reason is not None:
            return LiveError("bad_capture_filter", f"the capture filter is not taken: {reason}")
        if any(words in low for words in ("no such device", "no interface", "doesn't exist")):
            return LiveError("unknown_interface", f"the interface {interface} went away")
        if "not up" in low or "network is down" in low:
            return LiveError("capture_failed", f"the interface {interface} is down")
        return LiveError("capture_failed", f"{self.name} did not start to capture on {interface}")

    @property
    def name(self) -> str:
        return "the packet socket" if self.kind == "socket" else self.kind


def _filter_problem(low: str) -> str | None:
    """What is wrong with the filter, from libpcap's words in lower case; None when it is not about the filter."""
    for words, meaning in (
        ("no libpcap", "there is no libpcap on this machine to compile it"),
        ("unknown host", "it names a host that cannot be resolved"),
        ("unknown network", "it names a network that is not known"),
        ("unknown port", "it names a port that is not known"),
        ("unknown ether host", "it names a host that is not known"),
        ("rejects all packets", "it lets no packet through"),
        ("illegal token", "it has a character that has no meaning"),
        ("illegal char", "it has a character that has no meaning"),
        ("syntax error", "its syntax is wrong"),
        ("parse filter", "it cannot be understood"),
        ("capture filter", "it cannot be understood"),
        ("not supported for", "it asks for something this kind of link does not have"),
        ("parse error", "its syntax is wrong"),
    ):
        if words in low:
            return meaning
    return None


def find_program(kind: str | None = None) -> Program:
    """The program to capture with: that of this kind, or the first there is.

    Raises LiveError: no_capture_tool, no_permission (one is there, but not for this user).
    """
    forbidden: str | None = None
    for one in KINDS:
        if kind not in (None, one):
            continue
        if one == "socket":
            if sys.platform.startswith("linux"):
                return Program(one, sys.executable)
            continue
        if found := shutil.which(one) or shutil.which(one, path=os.pathsep.join(_LIBRARY_FOLDERS)):
            return Program(one, found)
        forbidden = forbidden or next(
            (one for folder in _LIBRARY_FOLDERS if os.path.isfile(os.path.join(folder, one))), None
        )
        # Without the right to run dumpcap a packet socket would be refused too, with worse advice.
        if forbidden and one == "tcpdump":
            break
    if forbidden:
        raise LiveError("no_permission", f"this user may not run {forbidden}")
    raise LiveError("no_capture_tool", f"there is no {kind} on this machine" if kind else "nothing here can capture")
