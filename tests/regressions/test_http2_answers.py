"""HTTP/2 in the clear, said by the h2 package at both ends: what was asked and answered is known. tshark looks on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes

from tests.support.ask import ask, rows
from tests.support.talk import Talk, write
from tests.support.wireshark import fields, needs_tshark

TOOL = "extract_http_requests"
MSS = 1_400
BODY = bytes(range(256)) * 24


class Ends:
    """A client and a server of h2 with a capture point between them."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.client = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.server = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))

    def start(self) -> None:
        self.client.initiate_connection()
        self.server.initiate_connection()
        self.move()

    def ask(self, stream: int, method: str, path: str, body: bytes = b"", **more: str) -> None:
        headers = [(":method", method), (":scheme", "http"), (":authority", "api.example"), (":path", path)]
        headers += [("user-agent", "tester/1.0"), *more.items()]
        self.client.send_headers(stream, headers, end_stream=not body)
        if body:
            self.client.send_data(stream, body, end_stream=True)

    def answer(self, stream: int, status: int, body: bytes = b"", trailers: bool = False) -> None:
        headers = [(":status", str(status)), ("server", "maker"), ("content-type", "text/plain")]
        self.server.send_headers(stream, headers, end_stream=not body)
        if body:
            self.server.send_data(stream, body, end_stream=not trailers)
        if trailers:
            self.server.send_headers(stream, [("x-sum", "1")], end_stream=True)

    def move(self) -> None:
        """What both have to say goes over the wire, in segments, until both are silent."""
        while True:
            sent = [(side, end.data_to_send()) for side, end in enumerate((self.client, self.server))]
            for side, data in sent:
                for at in range(0, len(data), MSS):
                    self.talk.send(side, data[at : at + MSS], "PA")
                if data:
                    (self.server, self.client)[side].receive_data(data)
            if not any(data for _, data in sent):
                return


def by_stream(path: Path) -> dict[str, Any]:
    """Prior knowledge: a page with trailers, a POST whose answer overtakes it, an error, a stream reset, a GOAWAY."""
    ends = Ends(Talk(server_port=80))
    ends.talk.handshake()
    ends.start()
    ends.ask(1, "GET", "/page")
    ends.ask(3, "POST", "/form", b"a=1&b=2")
    ends.move()
    ends.answer(3, 404, b"no")
    ends.move()
    ends.answer(1, 200, BODY, trailers=True)
    ends.move()
    ends.ask(5, "GET", "/slow")
    ends.move()
    ends.server.reset_stream(5, ErrorCodes.REFUSED_STREAM)
    ends.move()
    ends.ask(7, "HEAD", "/page")
    ends.move()
    ends.answer(7, 503)
    ends.server.close_connection()
    ends.move()
    return ask(TOOL, write(path, ends.talk))


def test_requests_and_responses_of_streams_that_overtake_each_other(tmp_path: Path) -> None:
    result = by_stream(tmp_path / "c.pcap")

    told = {row["uri"] + row["method"]: row for row in rows(result["http_requests"])}
    assert {key: row["status"] for key, row in told.items()} == {
        "/pageGET": 200, "/formPOST": 404, "/slowGET": None, "/pageHEAD": 503,
    }  # fmt: skip
    assert {row["host"] for row in told.values()} == {"api.example"}
    assert {row["user_agent"] for row in told.values()} == {"tester/1.0"}
    assert (told["/pageGET"]["response_body_bytes"], told["/formPOST"]["response_body_bytes"]) == (len(BODY), 2)
    assert told["/formPOST"]["request_body_bytes"] == 7
    # The later request was answered first.
    assert told["/formPOST"]["response_frame"] < told["/pageGET"]["response_frame"]


def test_what_the_connection_did_is_counted(tmp_path: Path) -> None:
    result = by_stream(tmp_path / "c.pcap")

    sums = result["http2"]
    assert (sums["requests"], sums["responses"], sums["unanswered"], sums["connections"]) == (4, 3, 1, 1)
    assert sums["methods"] == {"GET": 2, "HEAD": 1, "POST": 1}
    assert sums["status_codes"] == {"200": 1, "404": 1, "503": 1}
    assert (sums["client_errors"], sums["server_errors"]) == (1, 1)
    assert (sums["frame_types"]["rst_stream"], sums["frame_types"]["goaway"]) == (1, 1)
    codes = {one["code"]: one for one in result["findings"]}
    assert {"http2_server_errors", "http2_client_errors", "http2_reset_streams", "http2_goaway"} <= codes.keys()


@needs_tshark()
@pytest.mark.tshark
def test_frames_are_where_tshark_has_them(tmp_path: Path) -> None:
    path = tmp_path / "c.pcap"
    result = by_stream(path)

    for wanted, column in (("http2.headers.method", "frame"), ("http2.headers.status", "response_frame")):
        theirs = sorted(int(row[0]) for row in fields(path, ["frame.number"], wanted))
        ours = sorted({row[column] for row in rows(result["http_requests"])} - {None})
        assert ours == sorted(set(theirs))
    for one in result["findings"]:
        assert set(one["frames"]) == {int(row[0]) for row in fields(path, ["frame.number"], one["filter"])}


def test_another_port_is_known_by_the_preface(tmp_path: Path) -> None:
    ends = Ends(Talk(server_port=18_080))
    ends.talk.handshake()
    ends.start()
    ends.ask(1, "GET", "/elsewhere")
    ends.move()
    ends.answer(1, 204)
    ends.move()

    (only,) = rows(ask(TOOL, write(tmp_path / "c.pcap", ends.talk))["http_requests"])
    assert (only["uri"], only["status"], only["destination_port"], only["version"]) == (
        "/elsewhere", 204, 18_080, "HTTP/2",
    )  # fmt: skip


def test_an_upgrade_from_http_1_goes_on_as_http_2(tmp_path: Path) -> None:
    """RFC 7540 section 3.2: the first request is HTTP/1.1, its response is stream 1 of HTTP/2."""
    ends = Ends(Talk(server_port=80))
    ends.talk.handshake()
    settings = ends.client.initiate_upgrade_connection()
    assert settings is not None
    lines = ["GET /start HTTP/1.1", "Host: api.example", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"]
    ends.talk.client("\r\n".join([*lines, f"HTTP2-Settings: {settings.decode()}", "", ""]).encode(), "PA")
    ends.talk.server(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "PA")
    ends.server.initiate_upgrade_connection(settings)
    ends.move()
    ends.answer(1, 200, b"first")
    ends.move()
    ends.ask(3, "GET", "/second")
    ends.move()
    ends.answer(3, 304)
    ends.move()

    result = ask(TOOL, write(tmp_path / "c.pcap", ends.talk))
    told = sorted((row["version"], row["uri"], row["status"]) for row in rows(result["http_requests"]))

    # What was asked in HTTP/1.1 has two responses: the switch, and the one that was wanted.
    assert told == [("HTTP/1.1", "/start", 101), ("HTTP/2", "/second", 304), ("HTTP/2", "/start", 200)]
    assert result["http2"]["status_codes"] == {"200": 1, "304": 1}
    assert result["statistics"]["upgrades"] == {"h2c": 1}
