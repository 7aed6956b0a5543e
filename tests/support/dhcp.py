"""DHCP messages from RFC 2131 2 and RFC 8415 8, and frames that carry them."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence

from tests.support.pcap import START_NS, Frame, udp

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
SERVER = "192.168.7.1"
SECOND = 1_000_000_000


def option(code: int, data: bytes) -> bytes:
    return bytes([code, len(data)]) + data


def address(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def mac(number: int) -> bytes:
    return b"\x02\x00\x00" + number.to_bytes(3, "big")


def message(
    kind: int | None,
    *,
    client: int = 1,
    xid: int = 1,
    server: str | None = None,
    lease: int | None = None,
    your: str = "0.0.0.0",
    own: str = "0.0.0.0",
    relay: str = "0.0.0.0",
    requested: str | None = None,
    more: bytes = b"",
) -> bytes:
    """A DHCPv4 message; kind None: BOOTP without options."""
    reply = kind in (OFFER, ACK, NAK)
    head = struct.pack("!BBBBIHH", 2 if reply else 1, 1, 6, 0, xid, 0, 0)
    head += address(own) + address(your) + bytes(4) + address(relay) + mac(client).ljust(16, b"\0") + bytes(192)
    if kind is None:
        return head
    options = option(53, bytes([kind]))
    options += option(54, address(server)) if server else b""
    options += option(51, struct.pack("!I", lease)) if lease is not None else b""
    options += option(50, address(requested)) if requested else b""
    return head + b"\x63\x82\x53\x63" + options + more + b"\xff"


def sent(at_ns: int, data: bytes, *, source: str = "0.0.0.0", to: str = "255.255.255.255") -> Frame:
    """A client's message in a frame."""
    return Frame(START_NS + at_ns, udp(source, 68, to, 67, data))


def answered(at_ns: int, data: bytes, *, source: str = SERVER, to: str = "255.255.255.255") -> Frame:
    """A server's message in a frame."""
    return Frame(START_NS + at_ns, udp(source, 67, to, 68, data))


def dora(
    client: int,
    got: str,
    *,
    at_ns: int = 0,
    xid: int = 1,
    lease: int = 3600,
    server: str = SERVER,
    step_ns: int = 10_000_000,
    more: bytes = b"",
) -> list[Frame]:
    """DISCOVER, OFFER, REQUEST, ACK, a step apart."""
    at = [at_ns + n * step_ns for n in range(4)]
    given = {"client": client, "xid": xid, "server": server, "your": got, "lease": lease}
    return [
        sent(at[0], message(DISCOVER, client=client, xid=xid, more=more)),
        answered(at[1], message(OFFER, **given), source=server),  # type: ignore[arg-type]
        sent(at[2], message(REQUEST, client=client, xid=xid, server=server, requested=got, more=more)),
        answered(at[3], message(ACK, **given), source=server),  # type: ignore[arg-type]
    ]


SOLICIT, ADVERTISE, REQUEST6, CONFIRM, RENEW, REBIND, REPLY, RELEASE6, DECLINE6, _, INFORMATION = range(1, 12)


def option6(code: int, data: bytes) -> bytes:
    return struct.pack("!HH", code, len(data)) + data


def duid(number: int) -> bytes:
    """DUID-LL of an Ethernet address."""
    return b"\x00\x03\x00\x01" + mac(number)


def message6(
    kind: int,
    *,
    client: int | None = 1,
    server: int | None = None,
    xid: int = 1,
    held: Sequence[tuple[str, int]] = (),
    prefixes: Sequence[tuple[str, int]] = (),
    status: int | None = None,
    more: bytes = b"",
) -> bytes:
    """A DHCPv6 message. held, prefixes: (address or prefix, valid lifetime in s)."""
    out = struct.pack("!I", kind << 24 | xid)
    out += option6(1, duid(client)) if client is not None else b""
    out += option6(2, duid(server)) if server is not None else b""
    for text, valid in held:
        out += option6(3, struct.pack("!III", 1, 0, 0) + option6(5, address(text) + struct.pack("!II", valid, valid)))
    for text, valid in prefixes:
        network = ipaddress.ip_network(text)
        body = struct.pack("!IIB", valid, valid, network.prefixlen) + network.network_address.packed
        out += option6(25, struct.pack("!III", 2, 0, 0) + option6(26, body))
    if status is not None:
        out += option6(13, struct.pack("!H", status) + b"said so")
    return out + more


def relayed6(
    inner: bytes, *, kind: int = 12, hops: int = 0, peer: str = "fe80::9", link: str = "2001:db8:1::1"
) -> bytes:
    return bytes([kind, hops]) + address(link) + address(peer) + option6(9, inner)


def sent6(at_ns: int, data: bytes, *, source: str = "fe80::9") -> Frame:
    return Frame(START_NS + at_ns, udp(source, 546, "ff02::1:2", 547, data))


def answered6(at_ns: int, data: bytes, *, source: str = "fe80::1", to: str = "fe80::9") -> Frame:
    return Frame(START_NS + at_ns, udp(source, 547, to, 546, data))


def dhcp_flows() -> list[list[Frame]]:
    """DHCP of clients, each a flow: one that gets an address and renews it, one that gets one and gives it back, one
    that is refused, one that nobody answers, one over IPv6. No two frames have the same time."""
    renews = dora(1, "192.168.7.11", at_ns=101, xid=0x11)
    renews += [
        sent(5 * SECOND, message(REQUEST, client=1, xid=0x12, own="192.168.7.11"), source="192.168.7.11", to=SERVER),
        answered(
            5 * SECOND + 3_000_000,
            message(ACK, client=1, xid=0x12, server=SERVER, your="192.168.7.11", lease=3600),
            to="192.168.7.11",
        ),
    ]
    gives_back = dora(2, "192.168.7.12", at_ns=1_003, xid=0x21, more=option(12, b"two"))
    gives_back.append(sent(6 * SECOND, message(RELEASE, client=2, xid=0x22, own="192.168.7.12", server=SERVER)))
    refused = [
        sent(11_000_007, message(REQUEST, client=3, xid=0x31, requested="192.168.99.3")),
        answered(12_000_007, message(NAK, client=3, xid=0x31, server=SERVER)),
    ]
    unanswered = [sent(n * SECOND + 13, message(DISCOVER, client=4, xid=0x41)) for n in range(3)]
    six = [
        sent6(21, message6(SOLICIT, client=5, xid=0x51)),
        answered6(4_000_021, message6(ADVERTISE, client=5, server=99, xid=0x51, held=[("2001:db8::5", 7200)])),
        sent6(5_000_021, message6(REQUEST6, client=5, server=99, xid=0x52, held=[("2001:db8::5", 7200)])),
        answered6(9_000_021, message6(REPLY, client=5, server=99, xid=0x52, held=[("2001:db8::5", 7200)])),
    ]
    return [renews, gives_back, refused, unanswered, six]
