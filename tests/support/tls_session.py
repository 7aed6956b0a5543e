"""TLS sessions as OpenSSL plays them, without sockets: what both sides send, the secrets they log, captures of it.

played = play([(CLIENT, b"GET / ..."), (SERVER, b"HTTP/1.1 200 OK ...")], version=ssl.TLSVersion.TLSv1_2)
path.write_bytes(capture(talk_of(played), played.key_log))
"""

from __future__ import annotations

import contextlib
import ssl
import struct
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.pcap import Frame, pcapng
from tests.support.talk import START, Talk

CLIENT, SERVER = 0, 1
MAX_SEGMENT = 1400
TLS_KEY_LOG = 0x544C534B


@dataclass(frozen=True)
class Played:
    """flights: (side, bytes of whole records) in the order they were sent."""

    flights: Sequence[tuple[int, bytes]]
    key_log: bytes
    cipher: str


@lru_cache(maxsize=2)
def _identity(kind: str) -> bytes:
    """Key and certificate of site.example in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "site.example")])
    begin = datetime(2023, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(begin).not_valid_after(begin + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("site.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + made.public_bytes(serialization.Encoding.PEM)


def play(
    script: Iterable[tuple[int, bytes]],
    *,
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    ciphers: str | None = None,
    alpn: Sequence[str] = (),
    identity: str = "ec",
    configure: Callable[[ssl.SSLContext], None] | None = None,
    close: bool = True,
) -> Played:
    """A handshake, the script's (side, data), and (unless told not to) the close of both. ciphers: OpenSSL's names, for
    TLS 1.2 and before."""
    with TemporaryDirectory() as folder:
        pem, log = Path(folder, "server.pem"), Path(folder, "keys.log")
        pem.write_bytes(_identity(identity))
        client_side, server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        client_side.check_hostname, client_side.verify_mode = False, ssl.CERT_NONE
        server_side.load_cert_chain(pem)
        for context in (client_side, server_side):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0 and 1.1
                context.minimum_version = context.maximum_version = version
            if ciphers:
                context.set_ciphers(ciphers)
            if alpn:
                context.set_alpn_protocols(list(alpn))
            if configure:
                configure(context)
        client_side.keylog_filename = str(log)
        ways = [ssl.MemoryBIO(), ssl.MemoryBIO()]  # what each side has sent
        taps = [ssl.MemoryBIO(), ssl.MemoryBIO()]  # what has come to it
        flights: list[tuple[int, bytes]] = []
        ends = [
            client_side.wrap_bio(taps[CLIENT], ways[CLIENT], server_hostname="site.example"),
            server_side.wrap_bio(taps[SERVER], ways[SERVER], server_side=True),
        ]

        def move() -> None:
            for side in (CLIENT, SERVER):
                if data := ways[side].read():
                    flights.append((side, data))
                    taps[1 - side].write(data)

        done = [False, False]
        while not all(done):
            for side in (CLIENT, SERVER):
                try:
                    ends[side].do_handshake()
                    done[side] = True
                except ssl.SSLWantReadError:
                    pass
                move()
        for side, data in script:
            ends[side].write(data)
            move()
            received = b""
            while len(received) < len(data):
                received += ends[1 - side].read(len(data) - len(received))
            assert received == data
        if close:
            for side in (CLIENT, SERVER):
                with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLSyscallError):
                    ends[side].unwrap()
                move()
        cipher = ends[CLIENT].cipher()
        return Played(flights, log.read_bytes(), cipher[0] if cipher else "")


def talk_of(
    played: Played,
    *,
    server_port: int = 443,
    client_port: int = 40_000,
    start: float = START,
    segment: int = MAX_SEGMENT,
) -> Talk:
    """The session over TCP, each flight in segments of at most so many bytes."""
    talk = Talk(client_port=client_port, server_port=server_port, start=start)
    talk.handshake()
    for side, data in played.flights:
        for at in range(0, len(data), MAX_SEGMENT):
            talk.send(side, data[at : at + MAX_SEGMENT], "PA")
    talk.close()
    return talk


def frames_of(*talks: Talk) -> list[Frame]:
    return [Frame(round(float(frame.time) * 1e9), bytes(frame)) for talk in talks for frame in talk.frames]


def secrets_block(log: bytes, kind: int = TLS_KEY_LOG) -> bytes:
    """A Decryption Secrets Block, little-endian."""
    body = struct.pack("<II", kind, len(log)) + log + bytes(-len(log) % 4)
    return struct.pack("<II", 10, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))


def capture(talk: Talk | Sequence[Talk], key_log: bytes | None) -> bytes:
    """A pcapng with the secrets in front of its packets; without any when there are none."""
    whole = pcapng(frames_of(talk) if isinstance(talk, Talk) else frames_of(*talk))
    first = struct.unpack_from("<I", whole, 4)[0]
    block = b"" if key_log is None else secrets_block(key_log)
    return whole[:first] + block + whole[first:]
