"""udp.stream and followed UDP bytes beside tshark's: traffic for which Wireshark numbers streams in its own ways, and a
few captures of the folder that the environment variable PCAPSTREAM_CAPTURES names. (test_fields.py compares the field
over all of them.)"""

from __future__ import annotations

import base64
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

from tests.support.ask import ask, rows
from tests.support.wireshark import fields, needs_tshark

pytestmark = [pytest.mark.tshark, needs_tshark()]

SNMP = bytes.fromhex("302102010104067075626c6963a0140201000201000201003009300706032b0601 0500")
REQUEST = b"\0\x01file\0octet\0"
DATA = b"\0\x03\0\x01abc"
FEW = (
    "nDPI_FAX-Call-t38-CA-TDM-SIP-FB-1.pcap",
    "mercury_new-stats-telemetry-test.pcap",
    "community-id-spec_icmp6.pcap",
)
"""Calls whose media were announced, SNMP, quotes in ICMP errors."""

Steps = list[tuple[int, int, bytes]]
"""(port of the client, negative: the datagram comes from the server; port of the server, payload)"""

SNMP_TALKS: list[Steps] = [
    [(4000, 161, SNMP), (-4000, 161, SNMP), (4000, 161, SNMP)],
    [(-4000, 161, SNMP), (4000, 161, SNMP), (4000, 161, SNMP)],
    [(162, 162, SNMP), (-162, 162, SNMP), (162, 162, SNMP)],
    [(161, 53, SNMP), (161, 53, SNMP)],
    *(
        [(4000, 161, first), (4000, 161, SNMP), (4000, 161, SNMP)]
        for first in (
            b"",
            b"garbage",
            b"\x30",
            b"\x30\x00",
            b"\x30\x01\x02",
            SNMP[:12],
            SNMP + b"more",
            b"\x30\x81" + SNMP[1:],
            b"\x30\x84\0\0\0" + SNMP[1:],
            b"\x30\x22" + SNMP[2:],
            b"\x30\x80" + SNMP[2:] + b"\0\0",
            b"\xa0" + SNMP[1:],
            SNMP[:2] + b"\x04" + SNMP[3:],
        )
    ),
]
TFTP_TALKS: list[Steps] = [
    [(5000, 69, REQUEST), (-5000, 6000, DATA), (5000, 6000, b"\0\x04\0\x01"), (5000, 69, REQUEST), (-5000, 6001, DATA)],
    [(5000, 69, REQUEST), (-5000, 69, DATA), (5000, 69, b"\0\x04\0\x01"), (-5000, 6000, DATA)],
    [(-5000, 6000, DATA), (5000, 69, REQUEST), (-5000, 6000, DATA), (-5000, 6001, DATA)],
    [(5000, 69, DATA), (-5000, 6000, DATA), (5000, 69, DATA), (-5000, 6000, DATA)],
    [(5000, 1069, REQUEST), (-5000, 6000, DATA), (5000, 69, REQUEST), (-5000, 6000, DATA)],
    [(5000, 69, REQUEST), (-5000, 6000, DATA), (5000, 6000, REQUEST), (-5000, 6000, DATA)],
    [(69, 69, REQUEST), (-69, 69, DATA), (-69, 6000, DATA)],
]


def packets(talks: list[Steps]) -> Iterator[Packet]:
    for number, steps in enumerate(talks):
        client, server = f"10.1.0.{number + 1}", f"10.2.0.{number + 1}"
        for port, server_port, payload in steps:
            if port > 0:
                yield Ether() / IP(src=client, dst=server) / UDP(sport=port, dport=server_port) / Raw(payload)
            else:
                yield Ether() / IP(src=server, dst=client) / UDP(sport=server_port, dport=-port) / Raw(payload)


def quotes() -> Iterator[Packet]:
    """ICMP errors in front of, between and behind what they quote."""
    there = IP(src="10.3.0.1", dst="10.3.0.2") / UDP(sport=7000, dport=7001) / Raw(b"sent")
    new = IP(src="10.3.0.1", dst="10.3.0.2") / UDP(sport=7002, dport=161) / Raw(SNMP)
    for sent, is_quoted in ((there, True), (there, False), (there, True), (new, True), (new, False), (new, False)):
        error = IP(src=sent.dst, dst=sent.src) / ICMP(type=3, code=3)
        yield Ether() / (error / sent if is_quoted else sent)


def write(path: Path, made: Iterator[Packet]) -> Path:
    found = list(made)
    for number, packet in enumerate(found):
        packet.time = 1_700_000_000 + number * 0.25
    wrpcap(str(path), found)
    return path


def _last(value: object) -> object:
    return "" if value is None else value[-1] if isinstance(value, list) else value


def check(path: Path) -> None:
    names = ["frame.number", "udp.stream", "udp.time_relative", "udp.time_delta"]
    result = ask("extract_fields", path, fields=names, display_filter="udp", limit=100_000)

    mine = [
        ["" if value is None else value[-1] if isinstance(value, list) else value for value in row]
        for row in result["rows"]
    ]
    assert mine == fields(path, names, "udp")


@pytest.mark.parametrize("talks", [SNMP_TALKS, TFTP_TALKS], ids=["snmp", "tftp"])
def test_numbers_where_wireshark_has_its_own_ways(talks: list[Steps], tmp_path: Path) -> None:
    check(write(tmp_path / "made.pcap", packets(talks)))


def test_numbers_of_quoted_datagrams(tmp_path: Path) -> None:
    check(write(tmp_path / "made.pcap", quotes()))


def followed(path: Path, streams: list[int]) -> dict[int, tuple[bytes, bytes]]:
    found = {}
    for stream in streams:
        sides = {"to_server": b"", "to_client": b""}
        table = ask("follow_udp_stream", path, stream_index=stream, format="raw", limit=1_000)["segments"]
        assert table["total"] <= 1_000
        for row in rows(table):
            sides[row["direction"]] += base64.b64decode(row["data"])
        found[stream] = sides["to_server"], sides["to_client"]
    return found


def tsharks(path: Path, streams: list[int]) -> dict[int, tuple[bytes, bytes]]:
    """All streams in one run."""
    command = ["tshark", "-n", "-q", "-r", str(path)]
    for stream in streams:
        command += ["-z", f"follow,udp,raw,{stream}"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False).stdout
    found = {stream: [b"", b""] for stream in streams}
    stream = None
    for line in shown.splitlines():
        if begins := re.match(r"Filter: udp\.stream eq (\d+)", line):
            stream = int(begins[1])
        elif stream is not None and re.fullmatch(r"\t?[0-9a-f]+", line):
            found[stream][line[0] == "\t"] += bytes.fromhex(line.strip())
    return {stream: (sides[0], sides[1]) for stream, sides in found.items()}


@pytest.mark.skipif("PCAPSTREAM_CAPTURES" not in os.environ, reason="PCAPSTREAM_CAPTURES names no folder of captures")
@pytest.mark.parametrize("name", FEW)
def test_followed_datagrams_of_captures(name: str) -> None:
    path = next(Path(os.environ["PCAPSTREAM_CAPTURES"]).rglob(name))
    frames = Counter(int(row[0]) for row in fields(path, ["udp.stream"], "udp") if row[0])
    check(path)

    some = [stream for stream in sorted(frames) if frames[stream] <= 1_000][:12]
    assert followed(path, some) == tsharks(path, some)


def test_followed_datagrams_of_made_traffic(tmp_path: Path) -> None:
    path = write(tmp_path / "made.pcap", iter([*packets(TFTP_TALKS), *quotes()]))
    streams = sorted({int(row[0]) for row in fields(path, ["udp.stream"], "udp")})

    assert followed(path, streams) == tsharks(path, streams)
    # Behind the first SNMP message, which is only quoted here, a number begins that no error has.
    quoted = [ask("follow_udp_stream", path, stream_index=stream)["quoted_frames"] for stream in streams[-3:]]
    assert [len(frames) for frames in quoted] == [2, 1, 0]
