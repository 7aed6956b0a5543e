"""Packets, fields, search and streams, as tshark has them."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import wrpcap

from pcapstream.cli import main
from pcapstream.errors import QueryError
from pcapstream.settings import Settings
from pcapstream.tools.registry import find_tool
from pcapstream.tools.rows import frame_ranges
from tests.support import wireshark
from tests.support.ask import ask
from tests.support.pcap import mixed, pcap

FILTERS = (
    "tcp.flags.syn == 1",
    "tcp.len > 0",
    "dns",
    "frame.number in {2..5} or udp",
    "tcp.port == 80 and ip.ttl < 100",
)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packets") / "mixed.pcap"
    path.write_bytes(pcap(mixed()))
    return path


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A request and its response."""
    ends = {"src": "192.0.2.1", "dst": "198.51.100.2"}
    request = (
        Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(**ends) / TCP(sport=50000, dport=80, flags="PA")
    )
    response = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01") / IP(src=ends["dst"], dst=ends["src"])
    response /= TCP(sport=80, dport=50000, flags="PA")
    path = tmp_path_factory.mktemp("packets") / "web.pcap"
    wrpcap(
        str(path),
        [
            request / Raw(b"GET /start HTTP/1.1\r\nHost: example.net\r\n\r\n"),
            response / Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            request / Raw(b"GET /again HTTP/1.1\r\nHost: example.net\r\n\r\n"),
        ],
    )
    return path


def frames_of(table: dict[str, Any]) -> list[int]:
    return [row[0] for row in table["rows"]]


@pytest.mark.tshark
@wireshark.needs_tshark()
@pytest.mark.parametrize("display_filter", FILTERS)
def test_the_packets_of_a_filter_are_tsharks(capture: Path, display_filter: str) -> None:
    result = ask("get_packets", capture, display_filter=display_filter, limit=1000)

    assert frames_of(result["packets"]) == wireshark.frames(capture, display_filter)


@pytest.mark.tshark
@wireshark.needs_tshark()
def test_the_values_of_fields_are_tsharks(capture: Path) -> None:
    names = [
        "frame.number",
        "ip.src",
        "ip.dst",
        "tcp.srcport",
        "tcp.seq",
        "tcp.len",
        "tcp.stream",
        "udp.dstport",
        "ip.len",
    ]

    result = ask("extract_fields", capture, fields=names, limit=1000)

    rows = [["" if value is None else value for value in row] for row in result["rows"]]
    assert result["columns"] == names
    assert rows == wireshark.fields(capture, names)


def test_limit_counts_matches_and_reading_stops_there(capture: Path) -> None:
    whole = ask("get_packets", capture, display_filter="tcp.flags.syn == 1")["packets"]
    first = ask("get_packets", capture, display_filter="tcp.flags.syn == 1", limit=2)

    assert frames_of(first["packets"]) == frames_of(whole)[:2]
    assert first["packets"]["total_at_least"] == 2
    assert first["coverage"]["packets"] == frames_of(whole)[1]


def test_pages_go_on_where_the_last_one_ended(capture: Path) -> None:
    whole = frames_of(ask("get_packets", capture, display_filter="tcp", limit=1000)["packets"])
    found: list[int] = []
    cursor = None
    # Ends: every page but the last has rows.
    while True:
        table = ask("get_packets", capture, display_filter="tcp", limit=40, cursor=cursor)["packets"]
        found += frames_of(table)
        cursor = table["next_cursor"]
        if cursor is None or not table["rows"]:
            break

    assert found == whole


def test_frames_by_number(capture: Path) -> None:
    result = ask("get_packets", capture, frames="2-3, 5")

    assert frames_of(result["packets"]) == [2, 3, 5]


@pytest.mark.parametrize("text", ["", "0", "5-2", "x", "1,,2", "1-2-3", "-5"])
def test_frame_numbers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no list|ends before"):
        frame_ranges(text)


@pytest.mark.tshark
@wireshark.needs_tshark()
def test_bytes_of_a_packet_are_those_of_the_file(capture: Path) -> None:
    result = ask("get_packets", capture, frames="1", detail="bytes")

    dump = result["packets"]["rows"][0][-1]
    shown = subprocess.run(
        ["tshark", "-r", str(capture), "-Y", "frame.number == 1", "-x"], capture_output=True, text=True, check=True
    )
    theirs = re.findall(r"^[0-9a-f]{4}  ((?:[0-9a-f]{2} ?)+) ", shown.stdout, re.M)
    assert [line[6:53].strip() for line in dump] == [line.strip() for line in theirs]


def test_layers_have_offsets_that_hold(capture: Path) -> None:
    result = ask("get_packets", capture, frames="1", detail="layers")

    layers = {layer["protocol"]: layer for layer in result["packets"]["rows"][0][-1]}
    assert [layers["eth"]["offset"], layers["ip"]["offset"]] == [0, 14]
    assert [name for name, *_ in layers["ip"]["fields"]][:2] == ["ip.version", "ip.hdr_len"]


def test_search_ignores_case_unless_told(web: Path) -> None:
    wanted = ask("search_packet_content", web, search_pattern="http/1.1")
    exact = ask("search_packet_content", web, search_pattern="http/1.1", case_sensitive=True)
    upper = ask("search_packet_content", web, search_pattern="HTTP/1.1", case_sensitive=True)

    assert frames_of(wanted["matches"]) == frames_of(upper["matches"]) == [1, 2, 3]
    assert not exact["matches"]["rows"]


@pytest.mark.parametrize(
    "pattern", ['Zost" or frame.number >= 1 or frame contains "a', 'x"', "\\", "a)(", "${frame}", "'; --"]
)
@pytest.mark.parametrize("where", ["frame", "payload", "stream"])
def test_nothing_of_a_pattern_becomes_a_filter(web: Path, pattern: str, where: str) -> None:
    result = ask("search_packet_content", web, search_pattern=pattern, where=where)

    assert result["matches"]["rows"] == []
    assert result["coverage"]["complete"]


@pytest.mark.tshark
@wireshark.needs_tshark()
@pytest.mark.parametrize(
    ("pattern", "kind", "display_filter"),
    [
        ("48 54 54 50", "hex", "frame contains 48:54:54:50"),
        (r"HTTP/1\.[01] 2\d\d", "regex", r'frame matches "HTTP/1\\.[01] 2\\d\\d"'),
        ("get /", "text", 'frame matches "get /"'),
    ],
)
def test_matches_are_tsharks(web: Path, pattern: str, kind: str, display_filter: str) -> None:
    result = ask("search_packet_content", web, search_pattern=pattern, kind=kind, limit=1000)

    assert frames_of(result["matches"]) == wireshark.frames(web, display_filter)


def test_a_pattern_that_is_none_is_refused(web: Path) -> None:
    with pytest.raises(QueryError) as refused:
        ask("search_packet_content", web, search_pattern="zz", kind="hex")
    assert refused.value.code == "bad_parameter"
    with pytest.raises(QueryError) as refused:
        ask("search_packet_content", web, search_pattern="(", kind="regex")
    assert refused.value.code == "bad_filter"


def followed(path: Path, tool: str, index: int) -> tuple[bytes, bytes]:
    result = ask(tool, path, stream_index=index, format="raw", limit=1000)
    sides = {"to_server": b"", "to_client": b""}
    for _, direction, _, length, data in result["segments"]["rows"]:
        sides[direction] += base64.b64decode(data)
        assert len(base64.b64decode(data)) == length
    return sides["to_server"], sides["to_client"]


def tsharks(path: Path, kind: str, index: int) -> tuple[bytes, bytes]:
    """Bytes of both directions, without the placeholders for missing ones."""
    shown = subprocess.run(
        ["tshark", "-r", str(path), "-q", "-z", f"follow,{kind},raw,{index}"],
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = b"", b""
    for line in shown.stdout.splitlines():
        if re.fullmatch(r"\t?[0-9a-f]+", line):
            data = bytes.fromhex(line.strip())
            first, second = (first, second + data) if line.startswith("\t") else (first + data, second)
    missing = re.compile(rb"\[\d+ bytes missing in capture file\]\0?")
    return missing.sub(b"", first), missing.sub(b"", second)


@pytest.mark.tshark
@wireshark.needs_tshark()
def test_followed_bytes_are_tsharks(capture: Path) -> None:
    streams = sorted({int(row[0]) for row in wireshark.fields(capture, ["tcp.stream"], "tcp")})

    for index in streams:
        assert followed(capture, "follow_tcp_stream", index) == tsharks(capture, "tcp", index), index


def test_a_stream_that_is_not_there(capture: Path) -> None:
    result = ask("follow_tcp_stream", capture, stream_index=99_999)

    assert (result["packet_count"], result["metadata"]) == (0, {})
    assert "There is no stream of that number." in result["notes"]


def test_the_command_prints_and_writes(capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filter", str(capture), "tcp.flags.syn == 1 and ip", "--fields", "frame.number,ip.src"]) == 0
    lines = capsys.readouterr().out.splitlines()
    out = tmp_path / "found.pcapng"

    assert main(["filter", str(capture), "tcp.flags.syn == 1 and ip", "--write", str(out)]) == 0
    assert main(["filter", str(capture), "tcp.flags.syn == 1 and ip", "--write", str(out)]) == 2
    again = ask("extract_fields", out, fields=["frame.number", "ip.src"], limit=1000)

    assert [line.split("\t")[1] for line in lines] == [row[1] for row in again["rows"]]
    assert out.stat().st_mode & 0o777 == 0o600


def test_a_filter_that_is_wrong_says_where(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filter", str(capture), "tcp.prot == 80"]) != 0
    assert "tcp.port" in capsys.readouterr().err


def test_options_of_a_page_do_not_run_the_machines() -> None:
    tool = find_tool("get_packets")
    options = tool.options(Settings().scan_options(), tool.bind({"pcap_file": "x.pcap"}))

    assert options.modules == ()
