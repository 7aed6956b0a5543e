"""Tables are cut by whole rows and go on with cursors; a wrong cursor is told from an expired one."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

import pcapstream
from pcapstream.errors import QueryError
from pcapstream.tools.answer import answer
from pcapstream.tools.paging import MAX_RESULT_CHARS, to_json
from pcapstream.tools.registry import find_tool
from tests.support.pcap import Frame, conversation, in_time_order, pcap, udp

CONNECTIONS = 400


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("paging") / "many.pcap"
    talks = [conversation(client=f"10.1.{n // 200}.{n % 200 + 1}", client_port=40_000 + n) for n in range(CONNECTIONS)]
    path.write_bytes(pcap(in_time_order(talks)))
    return path


def ask(
    path: Path, tool: str = "analyze_tcp_connections", budget: int | None = None, **arguments: Any
) -> dict[str, Any]:
    spec = find_tool(tool)
    report = pcapstream.analyze(path, modules=spec.needs)
    return answer(spec, report, spec.bind({"pcap_file": str(path), **arguments}), budget=budget)


def test_pages_together_are_the_whole_table(capture: Path) -> None:
    whole = ask(capture, limit=1000)["connections"]
    pages: list[list[Any]] = []
    cursor = None
    while True:
        page = ask(capture, limit=150, cursor=cursor)["connections"]
        assert page["total"] == CONNECTIONS
        assert page["limit"] == 150
        pages += page["rows"]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert len(whole["rows"]) == CONNECTIONS
    assert whole["next_cursor"] is None
    assert pages == whole["rows"]


def test_a_page_holds_only_its_table(capture: Path) -> None:
    first = ask(capture, "analyze_pcap_file", analysis_type="endpoints", limit=2)
    cursor = first["tcp_endpoints"]["next_cursor"]

    page = ask(capture, "analyze_pcap_file", analysis_type="endpoints", limit=2, cursor=cursor)

    assert page["tcp_endpoints"]["offset"] == 2
    assert "ip_endpoints" not in page
    assert page["summary"] == first["summary"]
    assert page["coverage"]["complete"] is True


def test_answers_are_cut_by_rows_to_their_budget(capture: Path) -> None:
    result = ask(capture, detailed=True, limit=1000, budget=MAX_RESULT_CHARS)
    table = result["connections"]

    assert len(to_json(result)) <= MAX_RESULT_CHARS
    assert 10 < len(table["rows"]) < CONNECTIONS
    assert table["total"] == CONNECTIONS
    assert any("next_cursor" in note for note in result["notes"])
    page = ask(capture, detailed=True, limit=1000, cursor=table["next_cursor"], budget=MAX_RESULT_CHARS)
    assert page["connections"]["rows"][0][0] == len(table["rows"])


def test_every_table_of_a_result_shrinks_before_any_is_left_out(capture: Path) -> None:
    result = ask(capture, "analyze_pcap_file", analysis_type="conversations", limit=1000, budget=8_000)

    assert len(to_json(result)) <= 8_000
    assert all(result[f"{kind}_conversations"]["rows"] for kind in ("eth", "ip", "tcp"))


@pytest.mark.parametrize(
    "cursor", ["x", "", "====", "WzFd", "a" * 5000, "\u00e9", base64.urlsafe_b64encode(b"[" * 600).decode()]
)
def test_what_is_no_cursor_is_refused(capture: Path, cursor: str) -> None:
    if cursor == "":
        assert ask(capture, cursor=cursor)["connections"]["rows"]
        return
    with pytest.raises(QueryError) as refused:
        ask(capture, cursor=cursor)

    assert refused.value.code == "bad_cursor"


def test_a_changed_cursor_is_refused(capture: Path) -> None:
    cursor = ask(capture)["connections"]["next_cursor"]
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    body = json.loads(raw[:-4])
    body[3] = 399
    forged = base64.urlsafe_b64encode(json.dumps(body, separators=(",", ":")).encode() + raw[-4:]).rstrip(b"=").decode()

    with pytest.raises(QueryError) as refused:
        ask(capture, cursor=forged)

    assert refused.value.code == "bad_cursor"


def test_a_cursor_of_another_question_is_refused(capture: Path) -> None:
    cursor = ask(capture)["connections"]["next_cursor"]

    for other in ({"server_port": 443}, {"detailed": True}):
        with pytest.raises(QueryError, match="another question") as refused:
            ask(capture, cursor=cursor, **other)
        assert refused.value.code == "bad_cursor"
    with pytest.raises(QueryError, match="another question"):
        ask(capture, "analyze_capinfos", cursor=cursor)


def test_a_cursor_expires_with_its_capture(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    talks = [conversation(client_port=40_000 + n) for n in range(20)]
    path.write_bytes(pcap(in_time_order(talks)))
    cursor = ask(path)["connections"]["next_cursor"]
    path.write_bytes(pcap(in_time_order(talks[:19])))

    with pytest.raises(QueryError) as refused:
        ask(path, cursor=cursor)

    assert refused.value.code == "expired_cursor"


def test_a_row_too_large_by_itself_has_its_lists_cut(tmp_path: Path) -> None:
    questions = b"\0\0\1\0\1" * 10_000
    message = bytes.fromhex("123401000000") + b"\0" * 6 + questions
    message = message[:4] + (10_000).to_bytes(2, "big") + message[6:]
    path = tmp_path / "many-questions.pcap"
    path.write_bytes(pcap([Frame(1_000_000_000, udp("10.0.0.1", 40_000, "10.0.0.2", 53, message))]))

    result = ask(path, "analyze_dns_packets", budget=MAX_RESULT_CHARS)

    assert len(to_json(result)) <= MAX_RESULT_CHARS
    [row] = result["packets"]["rows"]
    assert len(row[result["packets"]["columns"].index("questions")]) == 200
    assert "Lists inside of rows were cut to their first 200 entries." in result["notes"]
