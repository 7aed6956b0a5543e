"""The network interfaces of this machine, from the C library: names, addresses, whether they are up."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path

ANY = "any"
"""Linux's name for all interfaces at once."""

_UP, _LOOPBACK = 0x1, 0x8
_SYS = Path("/sys/class/net")


@dataclass(slots=True)
class NetworkInterface:
    """One interface."""

    name: str
    is_up: bool = False
    is_loopback: bool = False
    addresses: list[str] = field(default_factory=list)
    """IPv4 and IPv6, in the system's order."""
    speed: int | None = None
    """Mbit/s where the driver tells."""
    mtu: int | None = None


class _Entry(ctypes.Structure):
    """struct ifaddrs, as far as Linux, macOS and the BSDs have it in common."""


_Entry._fields_ = [
    ("next", ctypes.POINTER(_Entry)),
    ("name", ctypes.c_char_p),
    ("flags", ctypes.c_uint),
    ("address", ctypes.c_void_p),
]


def network_interfaces() -> list[NetworkInterface]:
    """All of them, in the system's order, those that are down too."""
    found = {name: NetworkInterface(name) for _, name in socket.if_nameindex()}
    for name, flags, address in _addresses():
        one = found.get(name)
        if one is None:
            continue
        one.is_up = bool(flags & _UP)
        one.is_loopback = bool(flags & _LOOPBACK)
        if address is not None and address not in one.addresses:
            one.addresses.append(address)
    for one in found.values():
        one.speed = _number(one.name, "speed")
        one.mtu = _number(one.name, "mtu")
    return list(found.values())


def interface_names() -> tuple[str, ...]:
    """What can be captured on: all interfaces, and "any" where the system has it."""
    names = tuple(name for _, name in socket.if_nameindex())
    return (*names, ANY) if sys.platform.startswith("linux") else names


def _addresses() -> list[tuple[str, int, str | None]]:
    """(interface, flags, IP address or None) for each address of each interface."""
    library = ctypes.CDLL(None)
    first = ctypes.POINTER(_Entry)()
    if library.getifaddrs(ctypes.byref(first)) != 0:
        return []
    found = []
    try:
        entry = first
        while entry:
            one = entry.contents
            found.append((one.name.decode("utf-8", "replace"), one.flags, _text(one.address)))
            entry = one.next
    finally:
        library.freeifaddrs(first)
    return found


def _text(address: int | None) -> str | None:
    """The IP address in a struct sockaddr."""
    if not address:
        return None
    start = ctypes.string_at(address, 2)
    # The BSDs put a length before a family of one byte.
    family = struct.unpack("H", start)[0] if sys.platform.startswith("linux") else start[1]
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, ctypes.string_at(address + 4, 4))
    if family == socket.AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, ctypes.string_at(address + 8, 16))
    return None


def _number(interface: str, name: str) -> int | None:
    """A number the kernel keeps in /sys; None where it has none, or none that makes sense."""
    with contextlib.suppress(OSError, ValueError):
        number = int((_SYS / interface / name).read_text())
        return number if number > 0 else None
    return None
