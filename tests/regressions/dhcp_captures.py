"""DHCP captures on which other tools gave wrong answers, made with scapy, and what Wireshark counts in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dhcp6 import (
    DUID_EN,
    DUID_LL,
    DHCP6_Advertise,
    DHCP6_RelayForward,
    DHCP6_Reply,
    DHCP6_Request,
    DHCP6_Solicit,
    DHCP6OptClientId,
    DHCP6OptElapsedTime,
    DHCP6OptIA_NA,
    DHCP6OptIA_PD,
    DHCP6OptIAAddress,
    DHCP6OptIAPrefix,
    DHCP6OptRelayMsg,
    DHCP6OptServerId,
)
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet, Raw

from tests.regressions.captures import Made
from tests.support.talk import START, in_ethernet, write

__all__ = ["DHCP_MADE", "MAC", "on_port_6767", "overloaded", "quoted", "texts", "v4", "version_6", "write"]

MAC = "02:00:00:00:00:09"
HARDWARE = bytes.fromhex(MAC.replace(":", ""))
SERVER = "192.168.1.1"


def v4(kind: str, after: float, *options: Any, **fields: Any) -> Packet:
    """A DHCPv4 message, from the server where it is an answer."""
    reply = kind in ("offer", "ack", "nak")
    ends = (SERVER, "255.255.255.255", 67, 68) if reply else ("0.0.0.0", "255.255.255.255", 68, 67)
    body = BOOTP(op=2 if reply else 1, xid=0x3903F326, chaddr=HARDWARE, **fields)
    body /= DHCP(options=[("message-type", kind), *options, "end"])
    frame = in_ethernet(IP(src=ends[0], dst=ends[1]) / UDP(sport=ends[2], dport=ends[3]) / body)
    frame.time = START + after
    return frame


def texts(path: Path) -> Path:
    """DISCOVER to ACK with text options, a relay's option 82 and routes of option 121."""
    client = [("hostname", b"laptop"), ("vendor_class_id", b"MSFT 5.0"), ("param_req_list", [1, 3, 6, 15, 121])]
    given = [
        ("server_id", SERVER), ("lease_time", 86400), ("renewal_time", 43200), ("rebinding_time", 75600),
        ("subnet_mask", "255.255.255.0"), ("router", SERVER), ("name_server", "9.9.9.9", "8.8.8.8"), ("domain", b"lan"),
        (121, bytes([24, 10, 1, 2, 192, 168, 1, 254])), (82, b"\x01\x04eth0"), ("boot-file-name", b"pxelinux.0"),
    ]  # fmt: skip
    return write(
        path,
        v4("discover", 0.0, *client),
        v4("offer", 0.020, *given, yiaddr="192.168.1.100"),
        v4("request", 0.030, *client, ("server_id", SERVER), ("requested_addr", "192.168.1.100")),
        v4("ack", 0.055, *given, yiaddr="192.168.1.100"),
    )


def version_6(path: Path) -> Path:
    """SOLICIT to REPLY with an address and a prefix; a SOLICIT inside a relay's message."""
    client, server = (
        DHCP6OptClientId(duid=DUID_LL(lladdr=MAC)),
        DHCP6OptServerId(duid=DUID_EN(enterprisenum=311, id=b"x")),
    )
    address = DHCP6OptIA_NA(iaid=1, ianaopts=[DHCP6OptIAAddress(addr="2001:db8::100", preflft=3600, validlft=7200)])
    prefix = DHCP6OptIA_PD(
        iaid=2, iapdopt=[DHCP6OptIAPrefix(prefix="2001:db8:ff00::", plen=56, preflft=3600, validlft=7200)]
    )

    def one(after: float, message: Packet, *, up: bool, source: str | None = None) -> Packet:
        ends = (source or "fe80::9", "ff02::1:2", 546, 547) if up else ("fe80::1", "fe80::9", 547, 546)
        frame = in_ethernet(IPv6(src=ends[0], dst=ends[1]) / UDP(sport=ends[2], dport=ends[3]) / message)
        frame.time = START + after
        return frame

    solicit = DHCP6_Solicit(trid=0xABC) / client / DHCP6OptElapsedTime(elapsedtime=0) / DHCP6OptIA_NA(iaid=1)
    relayed = DHCP6_RelayForward(linkaddr="2001:db8:1::1", peeraddr="fe80::9") / DHCP6OptRelayMsg(message=solicit)
    return write(
        path,
        one(0.0, solicit, up=True),
        one(0.010, DHCP6_Advertise(trid=0xABC) / client / server / address / prefix, up=False),
        one(0.020, DHCP6_Request(trid=0xABD) / client / server / address / prefix, up=True),
        one(0.050, DHCP6_Reply(trid=0xABD) / client / server / address / prefix, up=False),
        one(1.0, relayed, up=True, source="2001:db8:1::1"),
    )


def quoted(path: Path) -> Path:
    """A RELEASE that nobody takes: an ICMP error quotes it."""
    release = v4("release", 0.0, ("server_id", SERVER), ciaddr="192.168.1.100")
    inner = release[IP]
    error = in_ethernet(IP(src=SERVER, dst="192.168.1.100") / ICMP(type=3, code=3) / Raw(bytes(inner)))
    error.time = START + 0.001
    return write(path, release, error)


def overloaded(path: Path) -> Path:
    """An OFFER whose options go on in the fields for the file and the server's name, and one option in two pieces."""
    offer = v4(
        "offer", 0.0, (52, b"\x03"), ("domain", b"exam"), ("domain", b"ple.net"),
        file=b"\x0c\x06laptop\xff", sname=b"\x36\x04\xc0\xa8\x01\x01\xff", yiaddr="192.168.1.100",
    )  # fmt: skip
    return write(path, offer)


def on_port_6767(path: Path) -> Path:
    """A DISCOVER to port 6767."""
    frame = v4("discover", 0.0)
    frame[UDP].sport, frame[UDP].dport = 6768, 6767
    return write(path, frame)


DHCP_MADE = (
    Made(
        texts,
        {
            'dhcp.option.hostname == "laptop"': 2,
            'dhcp.option.domain_name == "lan"': 2,
            'dhcp.option.vendor_class_id == "MSFT 5.0"': 2,
            "dhcp.option.dhcp == 5": 1,
            "dhcp.option.dhcp_server_id == 192.168.1.1": 3,
            "dhcp.ip.your == 192.168.1.100": 2,
            "dhcp.option.classless_static_route": 2,
        },
        0,
    ),
    Made(
        version_6,
        {
            "dhcpv6": 5, "dhcpv6.msgtype == 1": 2, "dhcpv6.msgtype == 12": 1, "dhcpv6.iaaddr.ip == 2001:db8::100": 3,
            "dhcpv6.iaprefix.pref_addr == 2001:db8:ff00::": 3,
        },
        0,
    ),
    Made(quoted, {"dhcp": 2, "dhcp && icmp": 1}, 0),
    Made(
        overloaded,
        {'dhcp.option.hostname == "laptop"': 1,
         "dhcp.option.dhcp_server_id == 192.168.1.1": 1, "dhcp.option.dhcp == 2": 1},
        0,
    ),
    Made(on_port_6767, {"dhcp": 0}, 0),
)  # fmt: skip
"""All of them, by tshark: -Y FILTER, and the number of tcp.stream values."""
