"""Exchanges in which somebody logs in, one of each protocol, with what is to be found in them by construction."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import NamedTuple

from tests.support.pcap import START_NS, Frame, tcp, udp

SECRET = "correct-horse-9"
"""Must be nowhere in what is told, nor may its length."""
CLIENT, SERVER = "10.0.0.1", "10.0.0.2"
_FIN, _SYN, _PSH, _ACK = 1, 2, 8, 16


class Found(NamedTuple):
    """What has to be told of a login."""

    protocol: str
    method: str
    exposed: str
    user: str | None
    outcome: str


def b64(text: str | bytes) -> bytes:
    return base64.b64encode(text.encode() if isinstance(text, str) else text)


def exchange(
    port: int,
    parts: Sequence[bytes],
    *,
    client: str = CLIENT,
    client_port: int = 40_000,
    server: str = SERVER,
    start_ns: int = START_NS,
    step_ns: int = 10_000_000,
    piece: int = 1_400,
) -> list[Frame]:
    """A TCP connection. Parts begin with ">" (client) or "<" (server); each is cut into segments of `piece` bytes."""
    frames: list[Frame] = []
    ends = ((client, client_port), (server, port))
    number = [1_000, 70_000]

    def send(side: int, flags: int, data: bytes = b"") -> None:
        (source, source_port), (target, target_port) = ends[side], ends[1 - side]
        ack = number[1 - side] if flags & _ACK else 0
        frames.append(
            Frame(
                start_ns + step_ns * len(frames),
                tcp(source, source_port, target, target_port, flags, seq=number[side], ack=ack, payload=data),
            )
        )
        number[side] += len(data) + bool(flags & (_SYN | _FIN))

    send(0, _SYN)
    send(1, _SYN | _ACK)
    send(0, _ACK)
    for part in parts:
        side, data = int(part[:1] == b"<"), part[1:]
        for at in range(0, len(data), piece):
            send(side, _PSH | _ACK, data[at : at + piece])
    send(0, _FIN | _ACK)
    send(1, _FIN | _ACK)
    send(0, _ACK)
    return frames


def datagrams(
    port: int,
    parts: Sequence[bytes],
    *,
    client: str = CLIENT,
    client_port: int = 50_000,
    server: str = SERVER,
    start_ns: int = START_NS,
    step_ns: int = 10_000_000,
) -> list[Frame]:
    """The same over UDP."""
    ends = ((client, client_port), (server, port))
    frames = []
    for n, part in enumerate(parts):
        (source, source_port), (target, target_port) = ends[::-1] if part[:1] == b"<" else ends
        frames.append(Frame(start_ns + n * step_ns, udp(source, source_port, target, target_port, part[1:])))
    return frames


def tlv(tag: int, *parts: bytes) -> bytes:
    """A BER value (X.690 8.1)."""
    body = b"".join(parts)
    length = bytes([len(body)]) if len(body) < 128 else b"\x82" + struct.pack("!H", len(body))
    return bytes([tag]) + length + body


def _number(value: int, tag: int = 2) -> bytes:
    return tlv(tag, bytes([value]))


def ldap_bind(number: int, name: str, secret: str) -> bytes:
    operation = tlv(0x60, _number(3), tlv(4, name.encode()), tlv(0x80, secret.encode()))
    return tlv(0x30, _number(number), operation)


def ldap_result(number: int, code: int) -> bytes:
    return tlv(0x30, _number(number), tlv(0x61, _number(code, 10), tlv(4), tlv(4)))


def snmp(pdu: int, community: str = SECRET, version: int = 1) -> bytes:
    body = tlv(pdu, _number(7), _number(0), _number(0), tlv(0x30))
    return tlv(0x30, _number(version), tlv(4, community.encode()), body)


def as_req(user: str, realm: str = "EXAMPLE.ORG", *, proof: bool) -> bytes:
    """RFC 4120 5.4.1."""
    name = tlv(0x30, tlv(0xA0, _number(1)), tlv(0xA1, tlv(0x30, tlv(0x1B, user.encode()))))
    service = tlv(0x30, tlv(0xA0, _number(2)), tlv(0xA1, tlv(0x30, tlv(0x1B, b"krbtgt"), tlv(0x1B, realm.encode()))))
    body = tlv(
        0x30, tlv(0xA0, tlv(3, bytes(5))), tlv(0xA1, name), tlv(0xA2, tlv(0x1B, realm.encode())), tlv(0xA3, service),
        tlv(0xA5, tlv(0x18, b"20370913024805Z")), tlv(0xA7, _number(9)), tlv(0xA8, tlv(0x30, _number(18))),
    )  # fmt: skip
    cipher = tlv(0x30, tlv(0xA0, _number(18)), tlv(0xA2, tlv(4, SECRET.encode())))
    proofs = tlv(0xA3, tlv(0x30, tlv(0x30, tlv(0xA1, _number(2)), tlv(0xA2, tlv(4, cipher))))) if proof else b""
    return tlv(0x6A, tlv(0x30, tlv(0xA1, _number(5)), tlv(0xA2, _number(10)), proofs, tlv(0xA4, body)))


def krb_error(code: int, realm: str = "EXAMPLE.ORG") -> bytes:
    service = tlv(0x30, tlv(0xA0, _number(2)), tlv(0xA1, tlv(0x30, tlv(0x1B, b"krbtgt"))))
    return tlv(
        0x7E,
        tlv(
            0x30, tlv(0xA0, _number(5)), tlv(0xA1, _number(30)), tlv(0xA4, tlv(0x18, b"20260101000000Z")),
            tlv(0xA5, _number(0)), tlv(0xA6, _number(code)), tlv(0xA9, tlv(0x1B, realm.encode())), tlv(0xAA, service),
        ),
    )  # fmt: skip


def ntlm(domain: str, user: str) -> bytes:
    """[MS-NLMP] 2.2.1.3, with responses of the right lengths and nothing in them."""
    head = b"NTLMSSP\0" + struct.pack("<I", 3)
    texts = [bytes(24), bytes(24), domain.encode("utf-16-le"), user.encode("utf-16-le"), b"", b""]
    at, fields, body = 64, b"", b""
    for text in texts:
        fields += struct.pack("<HHI", len(text), len(text), at)
        body, at = body + text, at + len(text)
    return head + fields + struct.pack("<I", 1) + body


def smb2(number: int, status: int, blob: bytes, *, response: bool) -> bytes:
    """A session setup ([MS-SMB2] 2.2.5, 2.2.6) behind its length."""
    head = b"\xfeSMB" + struct.pack("<HHIHHIIQIIQ16s", 64, 1, status, 1, 1, int(response), 0, number, 0, 0, 7, b"")
    if response:
        body = struct.pack("<HHHH", 9, 0, 72, len(blob)) + blob
    else:
        body = struct.pack("<HBBIIHHQ", 25, 0, 1, 0, 0, 88, len(blob), 0) + blob
    return struct.pack("!I", len(head) + len(body)) + head + body


_SECRET = SECRET.encode()

TCP_LOGINS: tuple[tuple[int, tuple[bytes, ...], tuple[Found, ...]], ...] = (
    (
        21,
        (b"<220 ready\r\n", b">USER alice\r\n", b"<331 password\r\n", b">PASS wrong\r\n", b"<530 no\r\n",
         b">USER alice\r\n", b"<331 password\r\n", b">PASS %b\r\n" % _SECRET, b"<230 in\r\n"),
        (Found("ftp", "PASS", "secret", "alice", "refused"), Found("ftp", "PASS", "secret", "alice", "accepted")),
    ),
    (
        25,
        (b"<220 mx ESMTP\r\n", b">EHLO c\r\n", b"<250-mx\r\n250 AUTH PLAIN LOGIN\r\n",
         b">AUTH PLAIN %b\r\n" % b64(b"\0bob\0" + _SECRET), b"<535 5.7.8 no\r\n",
         b">AUTH LOGIN\r\n", b"<334 VXNlcm5hbWU6\r\n", b">%b\r\n" % b64("bob"), b"<334 UGFzc3dvcmQ6\r\n",
         b">%b\r\n" % b64(SECRET), b"<235 2.7.0 in\r\n"),
        (Found("smtp", "PLAIN", "secret", "bob", "refused"), Found("smtp", "LOGIN", "secret", "bob", "accepted")),
    ),
    (
        587,
        (b"<220 mx ESMTP\r\n", b">AUTH CRAM-MD5\r\n", b"<334 PDQ+\r\n", b">%b\r\n" % b64("tim 0123456789abcdef"),
         b"<235 in\r\n"),
        (Found("smtp", "CRAM-MD5", "hash", "tim", "accepted"),),
    ),
    (
        110,
        (b"<+OK ready <1@x>\r\n", b">USER carol\r\n", b"<+OK\r\n", b">PASS %b\r\n" % _SECRET, b"<-ERR no\r\n",
         b">APOP carol c4c9334bac560ecc979e58001b3e22fb\r\n", b"<+OK in\r\n"),
        (Found("pop", "PASS", "secret", "carol", "refused"), Found("pop", "APOP", "hash", "carol", "accepted")),
    ),
    (
        143,
        (b"<* OK IMAP4rev1\r\n", b">a1 LOGIN \"dave x\" %b\r\n" % _SECRET, b"<a1 NO no\r\n",
         b">a2 AUTHENTICATE PLAIN\r\n", b"<+ \r\n", b">%b\r\n" % b64(b"\0dave\0" + _SECRET), b"<a2 OK in\r\n"),
        (Found("imap", "LOGIN", "secret", "dave x", "refused"), Found("imap", "PLAIN", "secret", "dave", "accepted")),
    ),
    (
        23,
        (b"<\xff\xfd\x18", b">\xff\xfb\x18", b"<host login: ", b">e", b"<e", b">ve\r\n", b"<ve\r\nPassword: ",
         b">%b\r\n" % _SECRET, b"<\r\nLogin incorrect\r\nhost login: ", b">eve\r\n", b"<eve\r\nPassword: ",
         b">%b\r\n" % _SECRET, b"<\r\nLast login: today\r\n$ "),
        (Found("telnet", "password", "secret", "eve", "refused"),
         Found("telnet", "password", "secret", "eve", "accepted")),
    ),
    (
        389,
        (b">" + ldap_bind(1, "cn=frank,dc=example", SECRET), b"<" + ldap_result(1, 49),
         b">" + ldap_bind(2, "cn=frank,dc=example", SECRET), b"<" + ldap_result(2, 0)),
        (Found("ldap", "simple", "secret", "cn=frank,dc=example", "refused"),
         Found("ldap", "simple", "secret", "cn=frank,dc=example", "accepted")),
    ),
    (
        445,
        (b">" + smb2(1, 0, ntlm("CORP", "grace"), response=False),
         b"<" + smb2(1, 0xC000006D, b"", response=True),
         b">" + smb2(2, 0, ntlm("CORP", "grace"), response=False), b"<" + smb2(2, 0, b"", response=True)),
        (Found("ntlmssp", "smb2", "hash", "CORP/grace", "refused"),
         Found("ntlmssp", "smb2", "hash", "CORP/grace", "accepted")),
    ),
    (
        4021,
        (b"<220 some FTP server\r\n", b">USER heidi\r\nPASS %b\r\n" % _SECRET, b"<331 x\r\n230 in\r\n"),
        (Found("ftp", "PASS", "secret", "heidi", "accepted"),),
    ),
    (
        80,
        (b">GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic %b\r\n\r\n" % b64(b"ivan:" + _SECRET),
         b"<HTTP/1.1 401 no\r\nContent-Length: 0\r\n\r\n"),
        (Found("http", "basic", "secret", "ivan", "refused"),),
    ),
    # Nothing to be told: encryption begins, a mail that quotes a login.
    (21, (b"<220 ready\r\n", b">AUTH TLS\r\n", b"<234 go\r\n", b">USER x\r\nPASS %b\r\n" % _SECRET), ()),
    (25, (b"<220 mx ESMTP\r\n", b">DATA\r\n", b"<354 go\r\n",
          b">AUTH PLAIN %b\r\n.\r\n" % b64(b"\0bob\0" + _SECRET), b"<250 ok\r\n"), ()),
)  # fmt: skip

UDP_LOGINS: tuple[tuple[int, tuple[bytes, ...], tuple[Found, ...]], ...] = (
    (
        161,
        (b">" + snmp(0xA0), b"<" + snmp(0xA2), b">" + snmp(0xA1)),
        (Found("snmp", "community v2c", "secret", None, "accepted"),),
    ),
    (162, (b">" + snmp(0xA7),), (Found("snmp", "trap community v2c", "secret", None, "unknown"),)),
    (
        88,
        (b">" + as_req("judy", proof=False), b"<" + krb_error(25), b">" + as_req("judy", proof=True),
         b"<" + krb_error(24)),
        (Found("kerberos", "encrypted timestamp", "hash", "judy@EXAMPLE.ORG", "refused"),),
    ),
    (88, (b">" + as_req("nobody", proof=False), b"<" + krb_error(6)),
     (Found("kerberos", "as-req", "name", "nobody@EXAMPLE.ORG", "refused"),)),
)  # fmt: skip


def login_flows(piece: int = 1_400) -> list[list[Frame]]:
    """Each exchange a flow of its own, with a client of its own."""
    found = []
    for n, (port, parts, _) in enumerate(TCP_LOGINS):
        found.append(exchange(port, parts, client=f"10.1.0.{n + 1}", start_ns=START_NS + n * 1_000_000, piece=piece))
    for n, (port, parts, _) in enumerate(UDP_LOGINS):
        found.append(datagrams(port, parts, client=f"10.2.0.{n + 1}", start_ns=START_NS + n * 1_000_000))
    return found
