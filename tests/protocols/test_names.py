"""Names of protocols that are told by port and look: one message of each, and tshark's word for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

import pcapstream
from pcapstream._core import Decoder
from tests.support import wireshark

CLIENT, SERVER = "192.0.2.1", "198.51.100.2"

SMB1 = bytes.fromhex("ff534d4272000000001801280000000000000000000000000000fffe00000000") + b"\0\0\0"
SMB2 = bytes.fromhex("fe534d42400000000000000000000100000000000000000000000000000000000000000000000000")
SMB2 += bytes(64 - len(SMB2)) + bytes.fromhex("24000100") + bytes(32)
STUN = bytes.fromhex("000100002112a442") + b"transaction1"
SNMP = bytes.fromhex("302502010104067075626c6963a018020102020102020101300d300b06072b0601020101010500")
NAME = bytes.fromhex("20") + b"FDEFFCFGEFFCCACACACACACACACACACA\0"

UDP_MESSAGES: list[tuple[str, int, bytes]] = [
    ("snmp", 161, SNMP),
    ("", 161, SNMP[:-3]),
    ("syslog", 514, b"<34>Oct 11 22:14:15 host su: failed"),
    ("radius", 1812, bytes.fromhex("01010014") + bytes(16)),
    ("tftp", 69, b"\0\1file.bin\0octet\0"),
    ("tftp", 6969, b"\0\1file.bin\0octet\0"),
    ("tftp", 69, b"\0\3\0\1data"),
    ("stun", 3478, STUN),
    ("stun", 40000, STUN),
    ("", 40001, STUN[:-1]),
    ("", 40002, b"\x08\0" + STUN[2:]),
    ("coap", 5683, bytes.fromhex("40010001b474657374")),
    ("iax2", 4569, bytes.fromhex("8001000000000000000006010000")),
    ("rip", 520, bytes.fromhex("01010000") + bytes(20)),
    ("mgcp", 2427, b"RSIP 1 gw@example.net MGCP 1.0\r\nRM: restart\r\n\r\n"),
    ("kerberos", 88, bytes.fromhex("6a0930073005a003020105")),
    ("nbdgm+smb", 138, bytes([0x11, 2, 0, 1, 192, 0, 2, 1, 0, 138, 0, 200, 0, 0]) + NAME + NAME + SMB1),
]

TCP_MESSAGES: list[tuple[str, int, bytes]] = [
    ("ftp", 21, b"220 ready\r\n"),
    ("ftp-data", 20, b"bytes of a file"),
    ("ssh", 22, b"SSH-2.0-OpenSSH_9.6\r\n"),
    ("ssh", 22, bytes.fromhex("0000016c0514") + bytes(40)),
    ("telnet", 23, b"\xff\xfb\x01login: "),
    ("smtp", 25, b"220 mail.example.net ESMTP\r\n"),
    ("", 25, b"220 mail.exam"),
    ("pop", 110, b"+OK ready\r\n"),
    ("imap", 143, b"* OK ready\r\n"),
    ("bgp", 179, b"\xff" * 16 + b"\0\x13\4"),
    ("nbss+smb", 445, b"\0\0" + len(SMB1).to_bytes(2, "big") + SMB1),
    ("nbss+smb2", 445, b"\0\0" + len(SMB2).to_bytes(2, "big") + SMB2),
    ("nbss", 139, b"\x85\0\0\0"),
    ("", 445, b"\0\0" + (len(SMB1) + 1).to_bytes(2, "big") + SMB1),
    ("ldap", 389, bytes.fromhex("300c020101600702010304008000")),
    ("mbtcp+modbus", 502, bytes.fromhex("000100000006010300000001")),
    ("rtsp", 554, b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
    ("tds", 1433, bytes.fromhex("1201001400000000") + bytes(12)),
    ("mqtt", 1883, bytes.fromhex("c000")),
    ("skinny", 2000, bytes.fromhex("040000000000000000000000")),
    ("mysql", 3306, bytes.fromhex("0100000001")),
    ("stun", 3478, STUN),
    ("stun", 40003, STUN),
    ("stun", 40004, b"\0\x14" + STUN),
    ("", 40005, STUN[:-1]),
    ("pgsql", 5432, b"Q\0\0\0\x0dSELECT 1\0"),
    ("irc", 6667, b"NICK somebody\r\n"),
    ("diameter", 3868, bytes.fromhex("01000024800001180000000000000001000000020000010840000010") + b"host.net"),
    ("dnp3", 20000, bytes.fromhex("056405c001000004e921")),
    ("kerberos", 88, bytes.fromhex("0000000b6a0930073005a003020105")),
    ("tpkt", 102, bytes.fromhex("0300000702f080")),
    ("tpkt+rdp", 3389, bytes.fromhex("030000130ee000000000000100080003000000")),
    ("memcache", 11211, b"get key\r\n"),
]

NAMES = {name for names, _, _ in UDP_MESSAGES + TCP_MESSAGES for name in names.split("+") if name}


def packets() -> Iterator[Packet]:
    for i, (_, port, data) in enumerate(UDP_MESSAGES):
        yield Ether() / IP(src=CLIENT, dst=SERVER) / UDP(sport=50000 + i, dport=port) / Raw(data)
    for i, (_, port, data) in enumerate(TCP_MESSAGES):
        yield Ether() / IP(src=SERVER, dst=CLIENT) / TCP(sport=port, dport=51000 + i, flags="PA", seq=1) / Raw(data)


MESSAGES = UDP_MESSAGES + TCP_MESSAGES
NAMES = sorted({name for names, _, _ in MESSAGES for name in names.split("+") if name})


def protocols(path: Path) -> dict[str, int]:
    return pcapstream.analyze(str(path)).summary(pcapstream.TriageSummary).tally.protocols()


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("names") / "names.pcap"
    wrpcap(str(path), list(packets()))
    return path


def test_each_message_has_the_names_it_was_made_for(capture: Path) -> None:
    decoder = Decoder(tcp=True, tally=True, packets=True, apps=["names"])
    rows = [*decoder.feed(capture.read_bytes()).packets, *decoder.finish().packets]

    found = ["+".join(name for name in row.protocols if name in NAMES) for row in rows]

    assert found == [names for names, _, _ in MESSAGES]


def test_the_counts_of_protocols_have_them(capture: Path) -> None:
    counts = protocols(capture)

    assert {name: counts[name] for name in NAMES} == {
        name: sum(name in names.split("+") for names, _, _ in MESSAGES) for name in NAMES
    }


def test_a_message_quoted_in_an_error_is_named_too(tmp_path: Path) -> None:
    quoted = IP(src=CLIENT, dst=SERVER) / TCP(sport=50000, dport=25, flags="PA") / Raw(b"EHLO example.net\r\n")
    error = Ether() / IP(src=SERVER, dst=CLIENT) / ICMP(type=3, code=4) / quoted
    wrpcap(str(tmp_path / "quoted.pcap"), [error])

    assert protocols(tmp_path / "quoted.pcap")["smtp"] == 1


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A client with the port of FTP data at a BGP server; a packet of SSH in three segments, one of them twice."""

    def at(client: int, server: int, seq: int, data: bytes, flags: str = "PA", *, back: bool = False) -> Packet:
        ends = (SERVER, CLIENT, server, client) if back else (CLIENT, SERVER, client, server)
        ip = Ether() / IP(src=ends[0], dst=ends[1])
        return ip / TCP(sport=ends[2], dport=ends[3], flags=flags, seq=seq, ack=1) / Raw(data)

    packet = bytes.fromhex("0000016c0514") + bytes(0x16C - 2)
    frames = [
        at(20, 179, 1, b"\xff" * 16 + b"\0\x13\4", "S"),
        at(2000, 22, 1, b"SSH-2.0-a\r\n"),
        at(2000, 22, 12, packet[:100]),
        at(2000, 22, 112, packet[100:200]),
        at(2000, 22, 212, packet[200:]),
        *(at(2000, 22, 1, b"", "A", back=True) for _ in range(3)),
        at(2000, 22, 212, packet[200:]),
        at(2000, 22, 380, b"\x9a\xde\xcf\x08" * 10),
    ]
    wrpcap(str(tmp_path / "talk.pcap"), frames)
    return tmp_path / "talk.pcap"


def test_streams_are_named_by_the_servers_port_and_where_packets_begin_and_end(talk: Path) -> None:
    decoder = Decoder(tcp=True, tally=True, packets=True, apps=["names"])
    rows = [*decoder.feed(talk.read_bytes()).packets, *decoder.finish().packets]

    named = ["+".join(name for name in row.protocols if name in NAMES) for row in rows]

    assert named == ["bgp", "ssh", "ssh", "", "ssh", "", "", "", "", "ssh"]


@pytest.mark.tshark
@wireshark.needs_tshark()
def test_tshark_names_streams_the_same(talk: Path) -> None:
    rows = wireshark.fields(talk, ["bgp", "ssh"])

    named = ["+".join(name for name, shown in zip(("bgp", "ssh"), row, strict=True) if shown) for row in rows]

    assert named == ["bgp", "ssh", "ssh", "", "ssh", "", "", "", "", "ssh"]


@pytest.mark.tshark
@wireshark.needs_tshark()
def test_tshark_names_them_the_same(capture: Path) -> None:
    rows = wireshark.fields(capture, NAMES)

    found = [{name for name, shown in zip(NAMES, row, strict=True) if shown} for row in rows]

    assert found == [{name for name in names.split("+") if name} for names, _, _ in MESSAGES]
