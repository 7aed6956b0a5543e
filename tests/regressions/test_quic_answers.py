"""QUIC that was sealed with the keys of RFC 9001 by the example's own script: tshark opens it, and so does the tool."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.office_quic import office_quic
from tests.support import wireshark
from tests.support.ask import ask, rows

TOOL = "analyze_quic_traffic"


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quic") / "office-quic.pcap"
    path.write_bytes(office_quic())
    return path


def test_each_way_to_connect_is_told_apart(capture: Path) -> None:
    result = ask(TOOL, capture)

    found = [
        (row["server_name"], row["hello_time_ms"], row["retry_frame"], row["version_negotiation_frame"])
        for row in rows(result["connections"])
    ]
    # 12 ms there and back; 1 + 20 + 20 ms with the Retry between.
    assert found == [
        ("www.shop.example", 12.0, None, None),
        ("api.shop.example", 41.0, 9, None),
        ("backup.example", None, None, 18),
        ("mail.example", None, None, None),
        ("news.example", None, None, None),
    ]
    [closed] = rows(result["connection_closes"])
    assert (closed["frame"], closed["error_code"], closed["tls_alert"]) == (20, 0x178, 120)
    assert (closed["reason"], closed["server_name"]) == ("no application protocol", "mail.example")
    assert [row["bytes_to_client"] == 0 for row in rows(result["connections"])] == [False] * 4 + [True]


@pytest.mark.tshark
@wireshark.needs_tshark()
def test_tshark_sees_the_same(capture: Path) -> None:
    result = ask(TOOL, capture)
    filters = [one["filter"] for one in result["findings"]]
    kinds = {"Initial": 0, "Handshake": 2, "Retry": 3}

    shown = wireshark.frames_of(capture, ["quic", "tls.handshake.type == 1", "tls.handshake.type == 2", *filters])
    types = wireshark.fields(capture, ["quic.long.packet_type"], "quic.long.packet_type", every=True)

    assert len(shown["quic"]) == result["total_quic_packets"] == 23
    assert shown["tls.handshake.type == 1"] == [row["frame"] for row in rows(result["handshakes"])]
    hellos = [row["server_hello_frame"] for row in rows(result["connections"]) if row["server_hello_frame"]]
    assert shown["tls.handshake.type == 2"] == hellos
    told = [int(kind) for (row,) in types for kind in row.split(",")]
    assert {name: told.count(number) for name, number in kinds.items()} == {
        name: result["packet_type_distribution"][name] for name in kinds
    }
    for one in result["findings"]:
        assert shown[one["filter"]] == one["frames"], one["code"]
