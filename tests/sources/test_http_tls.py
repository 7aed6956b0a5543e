"""https: whom to trust, and that bodies are read as with http."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest

from pcapstream.sources.http_stream import Candidate
from tests.sources.helpers import LOCAL, failure_of, http, read_all, some_bytes
from tests.support.http_server import Exchange, ScriptedServer

x509 = pytest.importorskip("cryptography.x509", reason="the package cryptography makes the certificates")

DATA = some_bytes(1_000_000)
ETAG = '"v1"'


class Certificate:
    """A self-signed one for 127.0.0.1 and capture.example, valid for a day around now."""

    def __init__(self, folder: Path, days_ago: int = 0) -> None:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "capture.example")])
        now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days_ago)
        alternatives = [x509.DNSName("capture.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=12))
            .not_valid_after(now + datetime.timedelta(hours=12))
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.file = folder / "certificate.pem"
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        key_file = folder / "key.pem"
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server_side.load_cert_chain(self.file, key_file)

    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.file))


def to_loopback(host: str, port: int) -> Sequence[Candidate]:
    return [(socket.AF_INET, ("127.0.0.1", port))]


def test_trusted_server_is_read(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path)
    with ScriptedServer(certificate.server_side) as server:
        server.script("/a", lambda exchange: exchange.file(DATA, etag=ETAG, drop_after=400_000))
        for host in ("127.0.0.1", "capture.example"):
            source = http(server.url("/a", host), resolver=to_loopback, ssl_context=certificate.trusted())
            assert read_all(source) == DATA


@pytest.mark.parametrize("block", [100, 1 << 20])
def test_chunks_and_block_sizes(tmp_path: Path, block: int) -> None:
    certificate = Certificate(tmp_path)
    data = DATA[:200_000]

    def chunked(exchange: Exchange) -> None:
        exchange.head(200, {"Transfer-Encoding": "chunked"})
        for start in range(0, len(data), 50_000):
            exchange.chunk(data[start : start + 50_000])
        exchange.chunk(b"")

    with ScriptedServer(certificate.server_side) as server:
        server.script("/chunked", chunked)
        server.script("/plain", lambda exchange: exchange.file(data))
        for path in ("/chunked", "/plain"):
            assert read_all(http(server.url(path), ssl_context=certificate.trusted()), block) == data


def test_several_ranges(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path)
    policy = type(LOCAL)(allow_private_urls=True, parallel_ranges=3)
    with ScriptedServer(certificate.server_side) as server:
        url = server.script("/a", lambda exchange: exchange.file(DATA, etag=ETAG))
        assert read_all(http(url, policy, ssl_context=certificate.trusted(), segment_bytes=100_000)) == DATA


def test_unknown_signer_other_name_and_old_certificate_are_not_trusted(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path)
    with ScriptedServer(certificate.server_side) as server:
        url = server.script("/a", lambda exchange: exchange.file(DATA))
        stranger = http(url)
        other_name = http(server.url("/a", "other.example"), resolver=to_loopback, ssl_context=certificate.trusted())
        for source in (stranger, other_name):
            error = failure_of(source.open)
            assert (error.code, error.problem) == ("tls", "the certificate of the server cannot be trusted")
        assert server.requests == []
    old = Certificate(tmp_path, days_ago=10)
    with ScriptedServer(old.server_side) as server:
        url = server.script("/a", lambda exchange: exchange.file(DATA))
        assert failure_of(http(url, ssl_context=old.trusted()).open).code == "tls"


def test_server_that_speaks_no_tls(server: ScriptedServer) -> None:
    url = server.script("/a", lambda exchange: exchange.file(DATA)).replace("http:", "https:")
    assert failure_of(http(url).open).code in ("tls", "connect")


def test_redirect_from_https_to_http_is_refused(tmp_path: Path, server: ScriptedServer) -> None:
    certificate = Certificate(tmp_path)
    end = server.script("/end", lambda exchange: exchange.file(DATA))
    with ScriptedServer(certificate.server_side) as secure:
        url = secure.script("/a", lambda exchange: exchange.reply(302, headers={"Location": end}))
        error = failure_of(http(url, ssl_context=certificate.trusted()).open)
    assert error.code == "redirects"
    assert server.requests == []
