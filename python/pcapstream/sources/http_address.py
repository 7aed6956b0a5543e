"""Which network addresses belong to everybody, and which to somebody's inside.

The table is our own and not `ipaddress.is_global`, whose answer for some blocks changed between patch releases of
Python: what may be connected to must not depend on the interpreter.
"""

from __future__ import annotations

import ipaddress
import socket

_REFUSED_4 = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network; 0.0.0.0 reaches the local host on Linux (RFC 1122 3.2.1.3)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # behind a carrier's NAT (RFC 6598); a cloud's metadata at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # public by number, yet a cloud's own service that only its machines can reach
        "169.254.0.0/16",  # link-local (RFC 3927); cloud metadata at 169.254.169.254
        "172.16.0.0/12",  # private (RFC 1918)
        "192.0.0.0/24",  # protocol assignments (RFC 6890); a cloud's metadata at 192.0.0.192
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.88.99.0/24",  # 6to4 relays, withdrawn (RFC 7526)
        "192.168.0.0/16",  # private (RFC 1918)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)

# Everything outside is loopback, unspecified, unique local (fd00:ec2::254 too), link-local, multicast or unassigned.
_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_6 = tuple(
    ipaddress.IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments (RFC 2928), Teredo (2001::/32) among them
        "2001:db8::/32",  # documentation (RFC 3849)
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 2.1
_ISATAP_MARKS = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214 6.1


def is_public(address: str) -> bool:
    """Whether the numeric `address` is one that anybody on the internet may connect to.

    An IPv4 address embedded in an IPv6 one (mapped, NAT64, 6to4, ISATAP) must be public itself. What is not a numeric
    address, or carries a zone such as %eth0, is not public.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return _is_public_4(parsed)
    if parsed.scope_id is not None:
        return False
    if parsed.ipv4_mapped is not None:
        return _is_public_4(parsed.ipv4_mapped)
    number = int(parsed)
    if parsed in _NAT64:
        return _is_public_4(ipaddress.IPv4Address(number & 0xFFFF_FFFF))
    if parsed not in _UNICAST_6 or any(parsed in block for block in _REFUSED_6):
        return False
    if parsed.sixtofour is not None and not _is_public_4(parsed.sixtofour):
        return False
    isatap = (number >> 32) & 0xFFFF_FFFF in _ISATAP_MARKS
    return not isatap or _is_public_4(ipaddress.IPv4Address(number & 0xFFFF_FFFF))


def _is_public_4(address: ipaddress.IPv4Address) -> bool:
    return not any(address in block for block in _REFUSED_4)


def is_own(family: int, address: str) -> bool:
    """Whether `address` is one of this machine's: the route to it starts at itself. Sends no packet.

    A machine's public address reaches its services as loopback does.
    """
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return bool(probe.getsockname()[0] == address)
    except OSError:
        return False
