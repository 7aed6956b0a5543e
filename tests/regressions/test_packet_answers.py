"""Questions about any packet that other tools answered wrongly or refused: expected values are tshark's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pcapstream.errors import QueryError
from pcapstream.tools.registry import TOOLS
from tests.regressions import http_captures as captures
from tests.support import wireshark
from tests.support.ask import ask, rows

needs_tshark = wireshark.needs_tshark()

EXAMPLE = Path(__file__).parents[2] / "examples" / "web-problems.pcapng"
REQUESTS = "http.request"

ARGUMENTS: dict[str, dict[str, Any]] = {
    "analyze_traffic_flow": {"server_ip": "10.0.0.2"},
    "extract_fields": {"fields": ["frame.number"], "limit": 1000},
    "get_packets": {"limit": 1000},
    "search_packet_content": {"search_pattern": "no such text"},
    "follow_tcp_stream": {"stream_index": 0},
    "follow_udp_stream": {"stream_index": 0},
}


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A request in frame 154, of the second connection."""
    return captures.late(tmp_path_factory.mktemp("packets") / "late.pcap")


@pytest.mark.tshark
@needs_tshark
def test_summary_and_protocols_are_there(late: Path) -> None:
    """awslabs asked tshark for "proto,colinfo", which no tshark has: both failed on every capture."""
    tree = rows(ask("analyze_pcap_file", late, analysis_type="protocols")["hierarchy"])

    found = {row["path"].rpartition(":")[2]: row["frames"] for row in tree}
    shown = {name: len(numbers) for name, numbers in wireshark.frames_of(late, ["eth", "ip", "tcp", "frame"]).items()}
    assert {**found, "frame": shown["frame"]} == shown
    summary = ask("analyze_pcap_file", late)
    assert summary["coverage"]["packets"] == shown["frame"]
    assert summary["analysis_type"] == "summary"


@pytest.mark.tshark
@needs_tshark
@pytest.mark.parametrize("where", ["tcp and udp", "tcp.port == 40001", "http"])
def test_a_filter_applies_to_conversations(late: Path, where: str) -> None:
    """awslabs gave the filter to a tap that does not heed it: all conversations were listed whatever it said."""
    shown = wireshark.fields(late, ["tcp.stream"], where)

    result = ask("analyze_pcap_file", late, analysis_type="conversations", display_filter=where)

    table = rows(result["tcp_conversations"]) if shown else []
    assert ("tcp_conversations" in result) == bool(shown)
    assert len(table) == len({stream for (stream,) in shown})
    assert sum(row["frames_a_to_b"] + row["frames_b_to_a"] for row in table) == len(shown)


@pytest.mark.tshark
@needs_tshark
def test_a_limit_counts_matches_of_fields_and_texts(late: Path) -> None:
    """awslabs stopped after that many packets: what matched behind them was not found."""
    expected = [int(number) for (number,) in wireshark.fields(late, ["frame.number"], REQUESTS)]

    fields = ask("extract_fields", late, fields=["frame.number"], display_filter=REQUESTS, limit=1)
    texts = ask("search_packet_content", late, search_pattern="GET /late", limit=1)

    assert [int(row[0]) for row in fields["rows"]] == expected == [154]
    assert [row["frame"] for row in rows(texts["matches"])] == expected


@pytest.mark.tshark
@needs_tshark
def test_a_stream_has_its_ends_wherever_it_begins(late: Path) -> None:
    """awslabs read one packet to learn them: of every stream that does not begin in frame 1 they were empty."""
    shown = wireshark.fields(
        late, ["frame.number", "ip.src", "tcp.srcport", "ip.dst", "tcp.dstport"], "tcp.stream == 1"
    )
    number, source, source_port, destination, destination_port = shown[0]

    result = ask("follow_tcp_stream", late, stream_index=1)

    metadata = result["metadata"]
    assert metadata["client"] == f"{source}:{source_port}"
    assert metadata["server"] == f"{destination}:{destination_port}"
    assert (metadata["first_frame"], metadata["last_frame"]) == (int(number), int(shown[-1][0]))
    assert result["packet_count"] == len(shown)


@pytest.mark.tshark
@needs_tshark
def test_a_udp_stream_has_its_ends_wherever_it_begins() -> None:
    """The same of UDP, whose packets awslabs did not count either."""
    names = ["frame.number", "ip.src", "udp.srcport", "ip.dst", "udp.dstport"]
    shown = wireshark.fields(EXAMPLE, names, "udp.stream == 3")
    assert int(shown[0][0]) > 1

    result = ask("follow_udp_stream", EXAMPLE, stream_index=3)

    metadata = result["metadata"]
    assert metadata["client"] == f"{shown[0][1]}:{shown[0][2]}"
    assert metadata["server"] == f"{shown[0][3]}:{shown[0][4]}"
    assert (metadata["first_frame"], metadata["last_frame"]) == (int(shown[0][0]), int(shown[-1][0]))
    assert result["packet_count"] == len(shown)


@pytest.mark.parametrize("tool", [tool.name for tool in TOOLS])
def test_every_tool_answers_about_a_capture_that_is_cut(tool: str, late: Path, tmp_path: Path) -> None:
    """tshark says so with an error, and awslabs threw away what it had read: no tool answered."""
    path = tmp_path / "cut.pcap"
    path.write_bytes(late.read_bytes()[:-10])

    result = ask(tool, path, **ARGUMENTS.get(tool, {}))

    # The last of 155 frames is cut.
    assert result["coverage"]["packets"] == 154
    assert result["coverage"]["complete"] is False
    assert result["coverage"]["reason"] == "damaged"


@pytest.mark.tshark
@needs_tshark
@pytest.mark.parametrize(
    "where",
    [
        "tcp.port == 40001 && (http.request || tcp.flags.syn == 1)",
        "tcp.srcport == 80 || tcp.dstport == 80 && tcp.len > 0",
        'frame contains "GET" && !(frame contains "`$;|")',
        "tcp.flags & 2",
    ],
)
def test_ampersands_and_bars_are_operators(late: Path, where: str) -> None:
    """awslabs refused them as if a shell could see them."""
    result = ask("get_packets", late, display_filter=where, limit=1000)

    assert [row["frame"] for row in rows(result["packets"])] == wireshark.frames(late, where)


@pytest.mark.parametrize("name", ["ip.src or frame", 'ip.src" or "', "-Y frame", "ip.src,tcp.port==1"])
def test_nothing_of_a_field_becomes_a_filter(late: Path, name: str) -> None:
    with pytest.raises(QueryError) as refused:
        ask("extract_fields", late, fields=[name])

    assert refused.value.code == "unknown_field"
