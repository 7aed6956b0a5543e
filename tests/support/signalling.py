"""Made traffic of DHCP, SIP with SDP, RTP and RTCP, laid out after the RFCs: what every field has a value in, and what
is malformed in many ways."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from tests.support.pcap import START_NS, Frame, pcap, udp

CLIENT, SERVER = "10.1.0.1", "10.1.0.2"


def _dhcp4(
    options: list[tuple[int, bytes]],
    *,
    op: int = 1,
    hardware: tuple[int, int] = (1, 6),
    server: bytes = b"",
    file: bytes = b"",
    cookie: bytes = b"\x63\x82\x53\x63",
    flags: int = 0,
    seconds: int = 0,
    end: bytes = b"\xff",
) -> bytes:
    """RFC 2131 2."""
    addresses = [bytes([10, 0, 0, n]) for n in range(4)]
    message = struct.pack("!BBBBIHH4s4s4s4s", op, *hardware, 0, 0x1234, seconds, flags, *addresses)
    message += bytes(range(1, 17)) + server.ljust(64, b"\0") + file.ljust(128, b"\0") + cookie
    return message + b"".join(bytes([code, len(data)]) + data for code, data in options) + end


def _option6(code: int, data: bytes) -> bytes:
    """RFC 8415 21.1."""
    return struct.pack("!HH", code, len(data)) + data


def _dhcp6(kind: int, *options: bytes) -> bytes:
    return bytes([kind, 1, 2, 3]) + b"".join(options)


def dhcp() -> list[bytes]:
    """Frames."""
    ip = bytes([192, 168, 1, 1, 192, 168, 1, 2])
    uuid, duid = bytes(range(16)), b"\xffABCD\0"
    four = [
        _dhcp4(
            [
                (53, b"\1"),
                (61, b"\1abcdef"),
                (61, b"\7abcdef"),
                (61, b"\0host.name"),
                (61, duid + b"\3\0\1abcdef"),
                (61, duid + b"\2\0\0\0\x09xyz"),
                (61, duid + b"\1\0\1\0\0\0\x09xyzabc"),
                (61, b""),
                (61, b"\5"),
            ],
            flags=0x8001,
            seconds=0x0500,
        ),
        _dhcp4(
            [
                (53, b"\2"),
                (82, b"\1\4circ\2\3rem\5\4\1\2\3\4\6\3sub\12\1\x80\13\4\1\2\3\4\14\2ab"),
                (121, b"\x18\x0a\1\2\1\2\3\4\0\1\2\3\4"),
                (249, b"\x20\1\2\3\4\5\6\7\10"),
                (121, b"\0"),
                (119, b"\3abc\3com\0\2de\xc0\4"),
                (120, b"\0\3sip\3org\0"),
                (93, b"\0\7\0"),
                (94, b"\1\3\2"),
                (97, b"\0" + uuid),
            ],
            op=2,
        ),
        _dhcp4(
            [
                (53, b"\3"),
                (81, b"\4\0\0\4host\3dom\0"),
                (81, b"\5\1\2\4host"),
                (81, b"\0\0\0host\0x"),
                (81, b"\0"),
                (77, b"\3abc\2de"),
                (77, b"RRAS.Microsoft"),
                (77, b"iPXE"),
                (77, b"x"),
                (77, b"\0a"),
                (21, ip + b"abcd"),
                (33, ip),
                (43, b"\1\2ab"),
                (60, b"udhcp"),
                (145, b"\1"),
                (160, b"http://x/"),
                (161, b"https://m"),
            ]
        ),
        _dhcp4(
            [
                (53, b"\5"),
                (1, b"\xff\xff"),
                (3, ip + b"x"),
                (51, b"\0\0\1\0"),
                (51, b"\0"),
                (2, b"\xff\xff\xff\0"),
                (25, b"\0\1\0\2\0"),
                (19, b"\1"),
                (20, b"\0\0"),
                (12, b"h\xe9st\0more"),
                (12, b""),
                (46, b"\2"),
                (118, ip[:4]),
                (120, b"\1" + ip),
                (116, b"\1"),
                (80, b""),
                (53, b""),
                (200, b"zz"),
            ]
        ),
        _dhcp4([(53, b"\1"), (52, b"\3")], server=b"\x0c\x02hi\x00\x00\xff", file=b"\x0f\x03dom\x34\x01\x01"),
        _dhcp4([], cookie=b"\1\2\3\4", end=b"v" * 60 + b"\0\0\0\xff\0\0", server=b"serv", file=b"boot\xffx"),
        _dhcp4([(53, b"\1"), (52, b"\1")], hardware=(1, 0), end=b""),
        _dhcp4([(53, b"\1")], hardware=(7, 1), op=2, end=b"\0\0\0\xff\0\0\0"),
        _dhcp4([(53, b"\1"), (12, b"abc")], end=b"\x0f\x20ab"),
        _dhcp4([(55, b"\1\2\3"), (82, b"\1\4ci")], hardware=(1, 17))[:270],
        _dhcp4([])[:60],
        _dhcp4([])[:200],
    ]
    o = _option6
    link = b"\1\0\1\0\0\1\0abcdef"
    six = [
        _dhcp6(
            1,
            o(1, b"\0" + link),
            o(3, b"\0\0\0\1" + bytes(8) + o(5, uuid + b"\0\0\1\0\xff\xff\xff\xff" + o(13, b"\0\2nope"))),
            o(4, b"abcd"),
            o(6, b"\0\1\0\x17\0\xff"),
            o(8, b"\1\0"),
            o(14, b""),
            o(15, b"\0\2ab\0\3cde"),
            o(16, b"\0\0\0\x09\0\2ab\0\1c"),
            o(39, b"\1\4host"),
            o(39, b"\5\4host\3com\0"),
            o(39, b"\0\4host\0"),
        ),
        _dhcp6(
            7,
            o(2, b"\0\3\0\1abcdef"),
            o(2, b"\0\4" + uuid),
            o(2, b"\0\2\0\0\0\x09id"),
            o(39, b"\2\4host\3com\0"),
            o(23, uuid + uuid),
            o(23, uuid + b"x"),
            o(24, b"\3abc\3com\0\3org\0\2xy"),
            o(25, b"\0\0\0\1" + bytes(8) + o(26, bytes(8) + b"\x38" + uuid)),
            o(7, b"\5"),
            o(7, b""),
            o(12, uuid),
            o(13, b"\0\0"),
            o(17, b"\0\0\0\x01" + o(1, b"ab") + o(2, b"")),
            o(31, uuid),
            o(32, b"\0\0\0\5"),
            o(22, uuid),
            o(21, b"\3sip\2ex\0"),
            o(27, uuid),
            o(29, b"\3nis\2ex\0"),
            o(37, b"\0\0\0\1rem"),
            o(38, b"sub"),
            o(41, b"UTC0"),
            o(42, b"Europe/X"),
            o(56, o(1, uuid) + o(2, uuid) + o(3, b"\3ntp\3org\0")),
            o(64, b"\4aftr\3org\0"),
            o(19, b"\5"),
            o(999, b"zz"),
        ),
        b"\x0c\2" + uuid + uuid + o(18, b"eth0") + o(9, _dhcp6(1, o(8, b"\0\1"))),
        _dhcp6(1, o(8, b"\0\1")) + b"\0\1\0\x50ab",
        _dhcp6(1)[:2],
        _dhcp6(5, o(3, b"abc"), o(18, b""), o(6, b"\0")),
    ]
    frames = [udp(CLIENT, 68, SERVER, 67, message) for message in four]
    return frames + [udp("fd00::1", 546, "fd00::2", 547, message) for message in six]


REQUEST, STATUS = b"INVITE sip:bob@biloxi.com SIP/2.0", b"SIP/2.0 200 OK"
SDP = b"""v=0
o=alice 2890844526 2890844527 IN IP4 host.example.com
s=A Seminar
i=info
u=http://x/
e=j@x (J)
p=+1 617
c=IN IP4 224.2.36.42/127/3
b=CT:128
t=2873397496 2873404696
r=604800 3600 0 90000
z=2882844526 -1h 2898848070 0
a=recvonly
a=tool:x y
m=audio 49170/2 RTP/AVP 0 8 97 101
i=title
c=IN IP6 FF15::101/3
b=AS:64
a=rtpmap:97 iLBC/8000/2
a=fmtp:97 mode=20;x=y; z
a=sendrecv
a=ptime:20
a=candidate:1 1 UDP 2130706431 10.0.1.1 8998 typ host
m=video 0 RTP/AVP 31
m=application x udp wb
m=audio 7000 RTP/SAVP 0 18 96
a=rtpmap: 96  foo/16000
a=rtpmap:96
a=fmtp:96
x=unk
bad line
m=audio 70000 RTP/AVP 3 200 abc
a=
a=:x
b=5
a=path:msrp://h:9/s;tcp
""".replace(b"\n", b"\r\n")


def message(line: bytes, *headers: bytes, body: bytes = b"", end: bytes = b"\r\n") -> bytes:
    """RFC 3261 7."""
    return line + b"\r\n" + b"".join(header + b"\r\n" for header in headers) + end + body


def sip() -> list[bytes]:
    """Frames. Secrets are in none: they are masked here."""
    typed = (b"Content-Type: application/sdp", b"CSeq: 1 INVITE", b"Call-ID: zz")
    parts = b"--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\ns=x\r\n"
    parts += b"--b1\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b1--\r\n"
    messages = [
        message(
            REQUEST,
            b"Via: SIP/2.0/UDP pc33.atlanta.com:5066;branch=z9hG4bK776;rport",
            b"Max-Forwards: 70",
            b"To: Bob <sip:bob@biloxi.com>",
            b'From: "Alice \\"x\\" A" <sip:alice@atlanta.com:5061;transport=tcp;lr>;tag=1928301774',
            b"Call-ID: a84b",
            b"CSeq: 314159 INVITE",
            b'Contact: <sip:alice@pc33.atlanta.com;a=b>;q=0.7;expires=60, "C" <sip:x@y:9>',
            b"Content-Length: 0",
        ),
        message(
            STATUS,
            b"v: SIP / 2.0 / TCP [2001:db8::1]:5060 ; received=1.2.3.4;branch=a , SIP/2.0/UDP h2;maddr=9.9.9.9;ttl=3",
            b"t: sip:bob@biloxi.com;tag=xx;y=z",
            b"f: tel:+123;tag=q",
            b"i: id@x",
            b"CSeq:  5   ACK ",
            b"m: *",
            b"Expires: 10 x",
            b"l: 3",
            b"X-Foo: bar",
            b"nocolon",
            b"Subject: a\r\n b\r\n\tc",
            body=b"abc",
        ),
        message(
            b"REGISTER sips:[2001:db8::9]:5061;transport=tls SIP/2.0",
            b"Via: SIP/2.0/UDP host:50",
            b"To: <sip:u@h?hdr=1>",
            b"From: <sip:a@h:5>;tag=1",
            b'Contact: sip:c@h;expires=3;x="a;b",sip:d@e',
            b"CSeq: 1 REGISTER",
            b"Route: <sip:p1.com;lr>,<sip:bob@p2.com:5062;lr;x=1>",
            b"Record-Route: <sip:r1;lr>",
            b'Reason: SIP;cause=200 ;text="Call completed elsewhere"',
            b"Reason: Q.850;cause=16",
            b"Path: <sip:p@pp>",
            b"Service-Route: <sip:s@ss;lr>",
            b'P-Asserted-Identity: "Cullen" <sip:fluffy@cisco.com>',
            b"P-Asserted-Identity: tel:+14085264000",
            b"RAck: 776656 1 INVITE",
            b"RSeq: -1",
            b"Retry-After: 18 (x)",
            b"P-Access-Network-Info: 3GPP-UTRAN-TDD; utran-cell-id-3gpp=234151D0FCE11",
            b"SIP-ETag: x",
            b"User-to-User: zz",
            b"Refer-To: <sip:c@d>",
            b"x: 90",
        ),
        message(STATUS, b"To: sip:a;b=c", b"Contact: <sip:a@b>\t;  x", b"CSeq: x INVITE", end=b""),
        message(
            b"MESSAGE tel:+1234 SIP/2.0",
            b"From:",
            b"To: <tel:1;phone-context=x>;tag=1;tag=2",
            b"Via:",
            b"Via: SIP/2.0/UDP",
            b"Contact: ,<sip:a@b>",
            b'From: "unterminated <sip:x@y>',
            b"Content-Length: -5",
        ),
        message(STATUS, b"Contact: <sip:aa@bb>, <sip:cc@dd>", b"Via: SIP/2.0/UDP h:;branch=x", b"CSeq: 12"),
        message(REQUEST, *typed, body=SDP),
        message(STATUS, *typed, body=SDP[:200]),
        message(REQUEST, b"Content-Type: multipart/mixed;boundary=b1", b"CSeq: 9 INVITE", body=parts),
        message(REQUEST, b"From: \xff<sip:aa\xffx@bb>", b"Subject: caf\xc3\xa9"),
    ]
    return [udp(CLIENT, 5060, SERVER, 5060, one) for one in messages]


def _rtp(first: int, kind: int, sequence: int, rest: bytes) -> bytes:
    """RFC 3550 5.1."""
    return struct.pack("!BBHII", first, kind, sequence, 640, 9) + rest


def _rtcp(count: int, kind: int, body: bytes) -> bytes:
    """RFC 3550 6.4."""
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def media() -> list[bytes]:
    """Frames: an offer, and RTP and RTCP where it wants them."""
    described = b"v=0\r\nc=IN IP4 10.1.0.2\r\nm=audio 7000 RTP/AVP 0 96 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    described += b"a=rtpmap:96 red/8000\r\n"
    offer = message(REQUEST, b"Content-Type: application/sdp", b"CSeq: 1 INVITE", b"Call-ID: zz", body=described)
    packets = [
        _rtp(0x80, 0, 1, b"x" * 20),
        _rtp(0x82, 0x80, 3, b"AAAABBBB" + b"y" * 8),
        _rtp(0x90, 0, 4, b"\xbe\xde\0\2\x10a\x22bcd\0\0zzzz"),
        _rtp(0x90, 0, 5, b"\x10\0\0\2\1\1a\2\0\3\1xzzzz"),
        _rtp(0x90, 0, 6, b"\xab\xcd\0\2AAAABBBBzzzz"),
        _rtp(0xA0, 0, 7, b"payl\0\0\0\4"),
        _rtp(0xA0, 0, 8, b"\0\0\4"),
        _rtp(0x80, 101, 9, b"\5\x8a\1\x40"),
        _rtp(0x80, 101, 10, b"\5"),
        _rtp(0x80, 96, 11, b"\x80\x01\x40\x04\0ABCDEFGH"),
        _rtp(0x8F, 0, 9, b"AAAABB"),
        _rtp(0x90, 0, 9, b"\xbe\xde\0\5AAAA"),
    ]
    block = struct.pack("!IIIIII", 2, 0x40FFFFFE, 65540, 33, 0x33445566, 0x18000)
    sender = _rtcp(1, 200, struct.pack("!IIIIII", 1, 0xE8000000, 0x80000000, 160, 7, 1120) + block)
    source = struct.pack("!I", 1)
    both = struct.pack("!II", 1, 2)
    voice = struct.pack("!BBHI", 7, 0, 8, 2) + bytes([5, 3, 1, 2]) + struct.pack("!HHHH", 10, 20, 40, 80)
    voice += bytes([0x80, 0x81, 88, 16, 88, 127, 41, 40, 0x30, 0]) + struct.pack("!HHH", 10, 20, 30)
    blocks = struct.pack("!BBHII", 4, 0, 2, 0xE8000000, 0) + struct.pack("!BBHIII", 5, 0, 3, 2, 3, 4)
    reports = [
        sender + _rtcp(1, 202, source + b"\1\3a@b\0\0\0") + _rtcp(1, 203, source + b"\4done\0\0\0"),
        _rtcp(0, 201, source),
        _rtcp(2, 202, source + b"\1\1a\2\2bc\0" + struct.pack("!I", 2) + b"\x08\6\3abcde\0\0\0\0"),
        _rtcp(2, 203, both),
        _rtcp(5, 204, source + b"NAMEdatadata"),
        _rtcp(1, 205, both + struct.pack("!HHHH", 100, 5, 200, 0)),
        _rtcp(1, 206, both),
        _rtcp(4, 206, both + struct.pack("!II", 2, 7 << 24)),
        _rtcp(15, 206, both + b"REMB" + bytes.fromhex("010a1234") + struct.pack("!I", 9)),
        _rtcp(0, 207, source + voice),
        _rtcp(0, 207, source + blocks),
        _rtcp(0, 192, source),
        _rtcp(0, 193, source + b"\0\2\0\3"),
        _rtcp(1, 201, source + block)[:20],
        sender[:-4],
    ]
    frames = [udp(CLIENT, 5060, SERVER, 5060, offer)]
    frames += [udp(CLIENT, 6000, SERVER, 7000, packet) for packet in packets]
    return frames + [udp(CLIENT, 6001, SERVER, 7001, report) for report in reports]


KINDS: dict[str, Callable[[], list[bytes]]] = {"dhcp": dhcp, "sip": sip, "media": media}


def write(path: Path, kind: str) -> Path:
    """One frame a second."""
    path.write_bytes(pcap(Frame(START_NS + n * 10**9, data) for n, data in enumerate(KINDS[kind]())))
    return path
