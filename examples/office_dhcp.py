"""office-dhcp.pcap: DHCP of a small office, and a second server that nobody set up."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from examples.packets import Host, Trace, pcap

START = 1_767_254_400_000_000_000
"""2026-01-01T08:00:00Z"""

DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
SOLICIT, ADVERTISE, REQUEST6, REPLY = 1, 2, 3, 7

ANY = "0.0.0.0"
EVERYBODY = Host("255.255.255.255", "ff:ff:ff:ff:ff:ff")
OFFICE = Host("192.0.2.1", "02:00:00:00:00:fe")
STRANGER = Host("192.0.2.66", "02:00:00:00:00:66")
ROUTER6 = Host("fe80::1", "02:00:00:00:00:fe")
SERVERS6 = Host("ff02::1:2", "33:33:00:01:00:02")


def option(code: int, data: bytes) -> bytes:
    return bytes([code, len(data)]) + data


def message(
    kind: int, mac: str, xid: int, options: bytes = b"", *, your: str = ANY, own: str = ANY, server: Host | None = None
) -> bytes:
    """A DHCPv4 message (RFC 2131 2)."""
    head = struct.pack("!BBBBIHH", 2 if kind in (OFFER, ACK, NAK) else 1, 1, 6, 0, xid, 0, 0)
    head += ip_address(own).packed + ip_address(your).packed + bytes(8)
    head += bytes.fromhex(mac.replace(":", "")).ljust(16, b"\0") + bytes(192)
    named = option(54, server.packed) if server else b""
    return head + b"\x63\x82\x53\x63" + option(53, bytes([kind])) + named + options + b"\xff"


def given(server: Host, hours: int = 8) -> bytes:
    """What an offer holds besides the address."""
    lease = hours * 3600
    return (
        option(1, ip_address("255.255.255.0").packed)
        + option(3, server.packed)
        + option(6, server.packed)
        + option(15, b"office.example")
        + option(51, struct.pack("!I", lease))
        + option(58, struct.pack("!I", lease // 2))
        + option(121, bytes([24, 198, 51, 100]) + server.packed)
    )


def office_dhcp() -> bytes:
    """Each function below adds what one device does."""
    trace = Trace(START)
    laptop(trace)
    phone(trace)
    printer_renews(trace)
    tablet_from_elsewhere(trace)
    camera_unanswered(trace)
    laptop_over_ipv6(trace)
    return pcap(trace.frames)


def up(trace: Trace, mac: str, data: bytes, after_ms: float) -> None:
    trace.datagram((Host(ANY, mac), 68), (EVERYBODY, 67), data, after_ms)


def down(trace: Trace, server: Host, data: bytes, after_ms: float) -> None:
    trace.datagram((server, 67), (EVERYBODY, 68), data, after_ms)


def whole(
    trace: Trace, mac: str, xid: int, got: str, server: Host, asks: bytes, rival: tuple[Host, str] | None
) -> None:
    """DISCOVER to ACK with `server`; a rival's offer comes first and is not taken up."""
    up(trace, mac, message(DISCOVER, mac, xid, asks), 1000)
    if rival is not None:
        down(trace, rival[0], message(OFFER, mac, xid, given(rival[0], 1), your=rival[1], server=rival[0]), 2)
    down(trace, server, message(OFFER, mac, xid, given(server), your=got, server=server), 30)
    up(trace, mac, message(REQUEST, mac, xid, asks + option(50, ip_address(got).packed), server=server), 5)
    down(trace, server, message(ACK, mac, xid, given(server), your=got, server=server), 12)


def laptop(trace: Trace) -> None:
    """Gets an address in 47 ms."""
    asks = (
        option(12, b"laptop") + option(60, b"MSFT 5.0") + option(55, bytes([1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 121]))
    )
    whole(trace, "02:00:00:00:00:15", 0x1001, "192.0.2.15", OFFICE, asks, None)


def phone(trace: Trace) -> None:
    """Two servers offer; it takes the stranger's, which gives away the laptop's address."""
    asks = option(12, b"phone") + option(60, b"android-dhcp-14") + option(55, bytes([1, 3, 6, 15, 26, 28, 51, 58, 59]))
    whole(trace, "02:00:00:00:00:21", 0x1002, "192.0.2.15", STRANGER, asks, (OFFICE, "192.0.2.21"))


def printer_renews(trace: Trace) -> None:
    """Asks the server it knows for the address it has."""
    printer = Host("192.0.2.77", "02:00:00:00:00:77")
    asks = message(REQUEST, printer.mac, 0x1003, option(12, b"printer"), own=printer.address)
    trace.datagram((printer, 68), (OFFICE, 67), asks, 2000)
    answer = message(ACK, printer.mac, 0x1003, given(OFFICE), your=printer.address, server=OFFICE)
    trace.datagram((OFFICE, 67), (printer, 68), answer, 3)


def tablet_from_elsewhere(trace: Trace) -> None:
    """Wants the address it had at home, is refused, and starts anew."""
    mac = "02:00:00:00:00:33"
    asks = option(12, b"tablet")
    up(trace, mac, message(REQUEST, mac, 0x1004, asks + option(50, ip_address("10.0.0.33").packed)), 1500)
    down(trace, OFFICE, message(NAK, mac, 0x1004, option(56, b"wrong network"), server=OFFICE), 4)
    whole(trace, mac, 0x1005, "192.0.2.33", OFFICE, asks, None)


def camera_unanswered(trace: Trace) -> None:
    """Asks three times; nobody answers."""
    mac = "02:00:00:00:00:44"
    for wait in (1000, 4000, 8000):
        up(trace, mac, message(DISCOVER, mac, 0x1006, option(12, b"camera")), wait)


def option6(code: int, data: bytes) -> bytes:
    return struct.pack("!HH", code, len(data)) + data


def laptop_over_ipv6(trace: Trace) -> None:
    """SOLICIT to REPLY: an address and a prefix (RFC 8415)."""
    client = Host("fe80::15", "02:00:00:00:00:15")
    names = option6(1, b"\0\x03\0\x01" + client.packed_mac)
    server = option6(2, b"\0\x03\0\x01" + ROUTER6.packed_mac)
    address = option6(5, ip_address("2001:db8:1::15").packed + struct.pack("!II", 3600, 7200))
    prefix = option6(26, struct.pack("!IIB", 3600, 7200, 60) + ip_address("2001:db8:1:f0::").packed)
    held = option6(3, struct.pack("!III", 1, 1800, 2880) + address)
    held += option6(25, struct.pack("!III", 2, 1800, 2880) + prefix)
    asked = option6(8, bytes(2)) + option6(6, struct.pack("!HH", 23, 24))

    def one(kind: int, xid: int, rest: bytes, after_ms: float, *, is_up: bool) -> None:
        data = struct.pack("!I", kind << 24 | xid) + names + rest
        ends = ((client, 546), (SERVERS6, 547)) if is_up else ((ROUTER6, 547), (client, 546))
        trace.datagram(*ends, data, after_ms)

    one(SOLICIT, 0x2001, asked + option6(3, struct.pack("!III", 1, 0, 0)), 500, is_up=True)
    one(ADVERTISE, 0x2001, server + held, 6, is_up=False)
    one(REQUEST6, 0x2002, server + asked + held, 1, is_up=True)
    one(REPLY, 0x2002, server + held + option6(23, ip_address("2001:db8:1::53").packed), 5, is_up=False)
