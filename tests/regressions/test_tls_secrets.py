"""Captures that bring their TLS session secrets: what is inside, on sessions that OpenSSL played."""

from __future__ import annotations

import json
import re
import ssl
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import pcapstream
from pcapstream.cli import main
from pcapstream.errors import QueryError
from pcapstream.report import ScanOptions
from tests.support.ask import ask, rows
from tests.support.talk import START, Talk
from tests.support.tls_session import CLIENT, SERVER, Played, capture, play, secrets_block, talk_of
from tests.support.wireshark import fields, needs_tshark

pytest.importorskip("cryptography", reason="the package cryptography makes the certificate")

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
OLD = ":@SECLEVEL=0"
NO_ENCRYPT_THEN_MAC = 1 << 19

REQUEST = b"GET /a?b=1 HTTP/1.1\r\nHost: site.example\r\nAuthorization: Basic bWU6aHVudGVyMg==\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: site.example\r\nContent-Length: 20000\r\n\r\n" + b"y" * 20_000


def response(size: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nServer: tested\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size


TALK = [(CLIENT, REQUEST), (SERVER, response(40_000)), (CLIENT, POST), (SERVER, response(0))]
"""Records of 16 KiB at most, so messages in several of them."""


def without_encrypt_then_mac(context: ssl.SSLContext) -> None:
    context.options |= NO_ENCRYPT_THEN_MAC


@dataclass(frozen=True)
class Suite:
    name: str
    version: ssl.TLSVersion = TLS12
    ciphers: str | None = None
    identity: str = "ec"
    configure: Callable[[ssl.SSLContext], None] | None = None
    alpn: Sequence[str] = field(default=())

    def play(self, script: Sequence[tuple[int, bytes]]) -> Played:
        return play(
            script,
            version=self.version,
            ciphers=self.ciphers,
            identity=self.identity,
            configure=self.configure,
            alpn=self.alpn,
        )


SUITES = [
    Suite("aes128-gcm", ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"),
    Suite("aes256-gcm", ciphers="ECDHE-ECDSA-AES256-GCM-SHA384"),
    Suite("chacha20", ciphers="ECDHE-ECDSA-CHACHA20-POLY1305"),
    Suite("cbc-encrypt-then-mac", ciphers="ECDHE-ECDSA-AES128-SHA" + OLD),
    Suite("cbc-sha384", ciphers="ECDHE-ECDSA-AES256-SHA384" + OLD),
    Suite("cbc-mac-first", ciphers="ECDHE-ECDSA-AES128-SHA" + OLD, configure=without_encrypt_then_mac),
    Suite("cbc-sha256-rsa", ciphers="AES256-SHA256" + OLD, identity="rsa"),
    Suite("tls-1.1", ssl.TLSVersion.TLSv1_1, "ECDHE-ECDSA-AES128-SHA" + OLD),
    Suite("tls-1.0", ssl.TLSVersion.TLSv1, "ECDHE-ECDSA-AES256-SHA" + OLD, configure=without_encrypt_then_mac),
    Suite("tls-1.3", TLS13),
    Suite("tls-1.3-alpn", TLS13, alpn=("http/1.1",)),
]


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    return len(body).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + body


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, HEADERS, DATA, ACK, END = 4, 1, 0, 1, 5
ASK = b"\x82\x84\x87\x41\x0csite.example"  # GET / by the static table of HPACK
HTTP2 = [
    (SERVER, frame(SETTINGS, 0, 0, b"\0\3\0\0\0\x64")),
    (CLIENT, PREFACE + frame(SETTINGS, 0, 0)),
    (CLIENT, frame(SETTINGS, ACK, 0) + frame(HEADERS, END, 1, ASK)),
    (SERVER, frame(HEADERS, 4, 1, b"\x88")),
    (SERVER, frame(DATA, 1, 1, b"body")),
]
WEBSOCKET = [
    (
        CLIENT,
        b"GET /c HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    ),
    (
        SERVER,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    ),
    (SERVER, b"\x81\x05Hello"),
    (CLIENT, b"\x81\x82\1\2\3\4ik"),
]
QUERY = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1"
ANSWER = QUERY[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + QUERY[12:] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"
DNS = [(CLIENT, struct.pack(">H", len(QUERY)) + QUERY), (SERVER, struct.pack(">H", len(ANSWER)) + ANSWER)]
IMAP = [(SERVER, b"* OK IMAP4 ready\r\n"), (CLIENT, b"a LOGIN me secret\r\n"), (SERVER, b"a OK done\r\n")]
UNTIL_CLOSE = [(CLIENT, b"GET / HTTP/1.0\r\n\r\n"), (SERVER, b"HTTP/1.0 200 OK\r\n\r\n" + b"z" * 5_000)]

INSIDE: list[tuple[str, list[tuple[int, bytes]], int, tuple[str, ...]]] = [
    ("http on another port", TALK, 8443, ()),
    ("http agreed on", TALK, 9999, ("http/1.1",)),
    ("http/2", HTTP2, 443, ("h2",)),
    ("websocket", WEBSOCKET, 443, ()),
    ("dns", DNS, 853, ()),
    ("imap", IMAP, 993, ()),
    ("until the end", UNTIL_CLOSE, 443, ()),
]

NAMES = [
    "frame.number", "frame.protocols", "tls.record.content_type", "tls.record.opaque_type", "tls.handshake.type",
    "tls.alert_message.desc", "http.request.method", "http.request.full_uri", "http.response.code",
    "http.content_length", "http2.type", "dns.qry.name",
]  # fmt: skip


def comparable(row: Sequence[str | None]) -> list[str]:
    """Protocols once each, without those of the contents (certificates, texts)."""
    values = [value or "" for value in row]
    kept = dict.fromkeys(re.sub(r":(x509|pkix|pkcs|data)[^:]*", "", values[1]).split(":"))
    return [values[0], ":".join(kept), *values[2:]]


def seen(path: Path) -> list[list[str]]:
    result = ask("extract_fields", path, fields=NAMES, limit=10_000)
    shown = [[",".join(map(str, v)) if isinstance(v, list) else v for v in row] for row in result["rows"]]
    return [comparable([None if v is None else str(v) for v in row]) for row in shown]


def write(folder: Path, played: Played, *, port: int = 443, log: bytes | None = None) -> Path:
    path = folder / "capture.pcapng"
    path.write_bytes(capture(talk_of(played, server_port=port), played.key_log if log is None else log))
    return path


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_what_is_inside_is_what_was_said(suite: Suite, tmp_path: Path) -> None:
    path = write(tmp_path, suite.play(TALK))

    tls = ask("analyze_tls_handshakes", path)
    http = ask("extract_http_requests", path)

    assert tls["decrypted"]["connections"] == 1
    assert tls["decrypted"]["with_secrets_of"] == {"capture": 1, "file": 0}
    assert tls["decrypted"]["directions_given_up"] == 0
    assert tls["summary"].endswith("1 connection decrypted with secrets in the capture.")
    requests = rows(http["http_requests"])
    assert [(r["method"], r["uri"], r["status"]) for r in requests] == [("GET", "/a?b=1", 200), ("POST", "/p", 200)]


@pytest.mark.tshark
@needs_tshark()
def test_every_frame_is_tsharks(tmp_path: Path) -> None:
    """All suites and all protocols inside, one session behind the other in one capture."""
    sessions = [(suite.play(TALK), 443) for suite in SUITES]
    for _, script, port, alpn in INSIDE:
        sessions += [(play(script, version=version, alpn=alpn), port) for version in (TLS12, TLS13)]
    talks = [
        talk_of(played, server_port=port, client_port=41_000 + i, start=START + 100 * i)
        for i, (played, port) in enumerate(sessions)
    ]
    path = tmp_path / "all.pcapng"
    path.write_bytes(capture(talks, b"".join(played.key_log for played, _ in sessions)))

    expected = [comparable(row) for row in fields(path, NAMES, every=True)]

    assert len(expected) > 700
    assert seen(path) == expected


def test_secrets_are_nowhere(tmp_path: Path) -> None:
    played = play(TALK)
    path = write(tmp_path, played)
    secrets = {line.split()[2].decode() for line in played.key_log.splitlines() if not line.startswith(b"#")}
    assert len(secrets) >= 4

    for tool in ("analyze_tls_handshakes", "analyze_pcap_file", "analyze_capinfos", "extract_http_requests"):
        text = json.dumps(ask(tool, path)).lower()
        assert not [secret for secret in secrets if secret in text]

    # Basic authentication inside of TLS was readable for nobody.
    assert "hunter2" not in json.dumps(ask("extract_http_requests", path))
    assert ask("extract_credentials", path)["summary"]["total_logins"] == 0


def facts(path: Path) -> tuple[Any, list[str]]:
    result = ask("analyze_tls_handshakes", path)
    return result.get("decrypted"), result["notes"]


def test_without_the_right_secrets_nothing_is_opened(tmp_path: Path) -> None:
    played, other = play(TALK, version=TLS12), play(TALK, version=TLS12)
    path = tmp_path / "none.pcapng"
    path.write_bytes(capture(talk_of(played), None))
    assert facts(path)[0] is None

    found, notes = facts(write(tmp_path, played, log=other.key_log))
    assert (found["connections"], found["sessions_with_secrets"]) == (0, 1)
    assert any("open no connection" in note for note in notes)

    # The right random with another secret.
    forged = re.sub(rb"[0-9a-f]{96}", b"5a" * 48, played.key_log)
    found, notes = facts(write(tmp_path, played, log=forged))
    assert (found["connections"], found["records"], found["directions_given_up"]) == (0, 0, 2)
    assert "http" not in {p for row in seen(tmp_path / "capture.pcapng") for p in row[1].split(":")}


def test_a_key_log_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    played = play(TALK)
    path, log = tmp_path / "plain.pcapng", tmp_path / "keys.log"
    path.write_bytes(capture(talk_of(played), None))

    with pytest.raises(QueryError) as caught:
        pcapstream.analyze(path, tls_keylog=log)
    assert caught.value.code == "bad_parameter"
    assert str(log) not in str(caught.value)

    log.write_bytes(played.key_log)
    flag = ["--tls-keylog", str(log)]
    assert main(["call", "analyze_tls_handshakes", str(path), *flag]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["decrypted"]["with_secrets_of"] == {"capture": 0, "file": 1}
    assert main(["filter", str(path), "http.request", "--fields", "frame.number,http.request.full_uri", *flag]) == 0
    shown = [line.split("\t")[1] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["https://site.example/a?b=1", "https://site.example/p"]

    report = pcapstream.analyze(path, modules=["http", "tcp"], tls_keylog=log)
    assert report.summary(pcapstream.HttpSummary).counts()["http"]["requests"] == 2


def test_options_with_another_key_log_are_others(tmp_path: Path) -> None:
    """A finished analysis is not given to who has other secrets."""
    log = tmp_path / "keys.log"
    keys = {ScanOptions().key, ScanOptions(tls_keylog=str(log)).key}
    for content in (b"one", b"two, longer"):
        log.write_bytes(content)
        keys.add(ScanOptions(tls_keylog=str(log)).key)
    assert len(keys) == 4


def test_lines_that_are_no_secrets_are_skipped_and_told(tmp_path: Path) -> None:
    played = play(TALK)
    log = b"\xff\xfe\nCLIENT_RANDOM 12 34\n# comment\n" + played.key_log + b"EXPORTER_SECRET 00 00\n"
    found, notes = facts(write(tmp_path, played, log=log))
    assert found["connections"] == 1
    assert any(note.startswith("2 lines of the key log") for note in notes)


def test_a_block_counts_for_what_is_behind_it(tmp_path: Path) -> None:
    """One session twice, and its secrets between; other kinds of secrets mean nothing."""
    played = play(TALK)
    first = capture(talk_of(played), None)
    whole = capture(talk_of(played, client_port=40_001, start=START + 100), played.key_log)
    path = tmp_path / "two.pcapng"
    path.write_bytes(first + secrets_block(played.key_log, kind=0x57474B4C) + whole)
    found, _ = facts(path)
    assert (found["connections"], found["sessions_with_secrets"]) == (1, 1)


def late(played: Played, nth: int, by: int, seconds: float, **ends: Any) -> Talk:
    """The session with its nth segment lost in front of the capture point, and sent again behind so many others."""
    talk = Talk(server_port=443, **ends)
    talk.handshake()
    segments = [(side, data[at : at + 1400]) for side, data in played.flights for at in range(0, len(data), 1400)]
    for i, (side, segment) in enumerate(segments):
        if i == nth:
            at = talk.send(side, segment, "PA", lost=True)
        else:
            talk.send(side, segment, "PA")
        if i == nth + by:
            talk.send(segments[nth][0], segments[nth][1], "PA", seq=at, after=seconds)
    talk.close()
    return talk


def late_ones() -> tuple[list[Talk], bytes]:
    """Segments that come late, as repetitions (300 ms) and out of order (1 ms), in both versions; and the secrets."""
    talks, log = [], b""
    script = [(CLIENT, REQUEST), (SERVER, response(10_000)), (CLIENT, REQUEST), (SERVER, response(20_000))]
    for version in (TLS12, TLS13):
        played = play(script, version=version)
        for nth in (6, 8, 9, 14):
            for by, seconds in ((1, 0.001), (3, 0.001), (3, 0.3)):
                n = len(talks)
                talks.append(late(played, nth, by, seconds, client_port=42_000 + n, start=START + 100 * n))
        log += played.key_log
    return talks, log


def test_a_late_segment_ends_nothing(tmp_path: Path) -> None:
    talks, log = late_ones()
    path = tmp_path / "late.pcapng"
    path.write_bytes(capture(talks, log))

    found, _ = facts(path)
    http = rows(ask("extract_http_requests", path, limit=1000)["http_requests"])

    assert (found["connections"], found["directions_given_up"]) == (len(talks), 0)
    whole = [(row["status"], row["response_body_bytes"]) for row in http if row["complete"]]
    assert sorted(whole) == sorted([(200, 10_000), (200, 20_000)] * len(talks))
    assert {row["as_wireshark"] for row in http} == {True, False}


@pytest.mark.tshark
@needs_tshark()
def test_late_segments_show_the_http_that_tshark_shows(tmp_path: Path) -> None:
    """Of HTTP alone: where Wireshark has lost its place, what it takes for a record depends on encrypted bytes."""
    talks, log = late_ones()
    path = tmp_path / "late.pcapng"
    path.write_bytes(capture(talks, log))

    def of_http(frames: list[list[str]]) -> list[list[str]]:
        return [[row[0], *row[6:10]] for row in frames if any(row[6:10])]

    expected = of_http([comparable(row) for row in fields(path, NAMES, every=True)])

    assert len(expected) > len(talks)
    assert of_http(seen(path)) == expected


def test_a_lost_record_ends_its_direction_only(tmp_path: Path) -> None:
    played = play([(CLIENT, REQUEST), (SERVER, response(3_000)), (CLIENT, POST), (SERVER, response(10))], version=TLS12)
    talk = talk_of(played)
    sent = [i for i, one in enumerate(talk.frames) if one["TCP"].sport == 443 and len(one["TCP"].payload) == 1400]
    del talk.frames[sent[-1]]
    path = tmp_path / "lost.pcapng"
    path.write_bytes(capture(talk, played.key_log))

    found, notes = facts(path)

    assert (found["connections"], found["directions_given_up"]) == (1, 1)
    assert any("1 direction decrypted in part only" in note for note in notes)
    shown = [row[6] + row[8] for row in seen(path) if row[6] or row[8]]
    assert shown == ["GET", "POST"]
