"""list_fields: the names that filters take, with a page at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pcapstream._core import FilterError, check_filter, list_fields
from pcapstream.cli import main
from pcapstream.errors import QueryError
from pcapstream.tools.fields import LIST_FIELDS


def ask(**arguments: object) -> dict[str, Any]:
    return LIST_FIELDS.tell(LIST_FIELDS.bind(arguments))


def test_pages_have_every_field_once() -> None:
    names, offset = [], 0
    while offset is not None:
        table = ask(limit=300, offset=offset)["fields"]
        names += [row[0] for row in table["rows"]]
        offset = table["next_offset"]

    assert names == [field[0] for field in list_fields()]
    assert len(names) == len(set(names)) >= 300


def test_prefix_and_words_choose() -> None:
    rows = ask(prefix="tcp.analysis", words="RETRANSMISSION")["fields"]["rows"]

    assert [row[0] for row in rows] == [
        "tcp.analysis.fast_retransmission",
        "tcp.analysis.retransmission",
        "tcp.analysis.spurious_retransmission",
    ]
    assert ask(prefix="nothing.like.it")["fields"]["total"] == 0


def test_what_looks_ahead_is_marked_and_refused() -> None:
    (row,) = ask(prefix="dns.response_in")["fields"]["rows"]

    assert "refused" in row[3]
    with pytest.raises(FilterError) as refused:
        check_filter("dns.response_in")
    assert refused.value.args[0] == "look_ahead"


def test_every_other_field_is_a_filter() -> None:
    for name, _, _, mark in list_fields():
        if mark != "look_ahead":
            assert check_filter(name) == [name]


def test_the_command_line_calls_it_without_a_capture(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call", "list_fields", "--prefix", "arp.op"]) == 0
    assert [row[0] for row in json.loads(capsys.readouterr().out)["fields"]["rows"]] == ["arp.opcode"]


def test_wrong_parameters_are_refused() -> None:
    with pytest.raises(QueryError):
        ask(limit=0)
    with pytest.raises(QueryError):
        ask(prefixes="a")
