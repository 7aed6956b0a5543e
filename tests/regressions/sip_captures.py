"""SIP captures on which other tools gave wrong answers, made with scapy, and what Wireshark counts in them."""

from __future__ import annotations

from pathlib import Path

from scapy.layers.inet import IP, UDP
from scapy.packet import Packet, Raw

from tests.regressions.captures import Made
from tests.support.talk import START, Talk, in_ethernet, write

PHONE, PROXY = "10.0.0.1", "10.0.0.5"
SDP = (
    b"v=0\r\no=phone 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8 101\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\n"
)


def message(
    first: str, call_id: str, cseq: str, *, branch: str = "1", to_tag: str = "", extra: str = "", body: bytes = b"",
    kind: str = "", compact: bool = False,
) -> bytes:  # fmt: skip
    """A SIP message as RFC 3261 has it, or with compact names."""
    names = ("v", "f", "t", "i", "c", "l") if compact else (
        "Via", "From", "To", "Call-ID", "Content-Type", "Content-Length",
    )  # fmt: skip
    via, sender, to, ident, content_type, length = names
    tag = f";tag={to_tag}" if to_tag else ""
    lines = [
        first,
        f"{via}: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{call_id}{branch}",
        f"{sender}: <sip:alice@example.net>;tag=a",
        f"{to}: <sip:bob@example.net>{tag}",
        f"{ident}: {call_id}",
        f"CSeq: {cseq}",
    ]
    head = "\r\n".join(lines) + "\r\n" + extra
    if kind:
        head += f"{content_type}: {kind}\r\n"
    return f"{head}{length}: {len(body)}\r\n\r\n".encode() + body


def up(data: bytes, after: float, *, port: int = 5060, source_port: int = 5060, source: str = PHONE) -> Packet:
    """From the telephone to the proxy, that many seconds after the start."""
    return _at(IP(src=source, dst=PROXY) / UDP(sport=source_port, dport=port) / Raw(data), after)


def down(data: bytes, after: float, *, port: int = 5060, target: str = PHONE) -> Packet:
    return _at(IP(src=PROXY, dst=target) / UDP(sport=port, dport=5060) / Raw(data), after)


def _at(packet: Packet, after: float) -> Packet:
    frame = in_ethernet(packet)
    frame.time = START + after
    return frame


def compact(path: Path) -> Path:
    """Compact names, two Via headers and a folded subject."""
    extra = "v: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKold\r\nSubject: one\r\n  two\r\n"
    data = message("OPTIONS sip:bob@example.net SIP/2.0", "compact1", "7 OPTIONS", extra=extra, compact=True)
    return write(path, up(data, 0))


def over_tcp(path: Path) -> Path:
    """Two messages in one segment, one in three segments, one behind a keep-alive of its own segment."""
    talk = Talk(PHONE, 40000, PROXY, 5060)
    talk.handshake()
    one, two, three, four = (
        message("REGISTER sip:example.net SIP/2.0", f"tcp{n}", f"{n} REGISTER", body=b"x" * 30 if n == 3 else b"")
        for n in range(1, 5)
    )
    talk.client(one + two, flags="PA")
    talk.server()
    talk.client(three[:60], flags="PA")
    talk.client(three[60:-20], flags="PA")
    talk.client(three[-20:], flags="PA")
    talk.server()
    talk.client(b"\r\n\r\n", flags="PA")
    talk.client(four, flags="PA")
    talk.close()
    return write(path, talk)


def behind_keep_alive(path: Path) -> Path:
    """A keep-alive and a message in one segment: Wireshark does not show the message."""
    talk = Talk(PHONE, 40000, PROXY, 5060)
    talk.handshake()
    talk.client(message("OPTIONS sip:example.net SIP/2.0", "seen", "1 OPTIONS"), flags="PA")
    talk.client(b"\r\n\r\n" + message("OPTIONS sip:example.net SIP/2.0", "unseen", "1 OPTIONS"), flags="PA")
    return write(path, talk)


def described(path: Path) -> Path:
    """An INVITE with a session description of 131 bytes."""
    data = message("INVITE sip:bob@example.net SIP/2.0", "sdp1", "1 INVITE", body=SDP, kind="application/sdp")
    return write(path, up(data, 0))


def port_5070(path: Path) -> Path:
    """A request on another port, which Wireshark's heuristic finds; other text there."""
    data = message("OPTIONS sip:bob@example.net SIP/2.0", "odd", "1 OPTIONS")
    other = up(b"hello sip:x\r\n", 1, port=5070, source_port=33000)
    return write(path, up(data, 0, port=5070, source_port=33000), other)


def registrations(path: Path) -> Path:
    """One that is accepted behind a challenge, one whose password is refused four times, one that nobody answers."""
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n0nce"\r\n'

    def answer(user: str) -> str:
        return f'Authorization: Digest username="{user}", realm="r", nonce="n0nce", response="5ecret"\r\n'

    frames = []
    now = 0.0
    for user, tries in (("alice", [401, 200]), ("bob", [401, 401, 401, 401, 403]), ("carol", [])):
        for number, code in enumerate(tries or [0], 1):
            call = {"branch": str(number), "extra": answer(user) if number > 1 else ""}
            first = "REGISTER sip:example.net SIP/2.0"
            data = message(first, f"reg-{user}", f"{number} REGISTER", **call).replace(b"bob@", f"{user}@".encode())
            frames.append(up(data, now))
            if code:
                line = f"SIP/2.0 {code} {'OK' if code == 200 else 'No'}"
                call["extra"] = challenge if code == 401 else ""
                data = message(line, f"reg-{user}", f"{number} REGISTER", **call).replace(b"bob@", f"{user}@".encode())
                frames.append(down(data, now + 0.01))
            now += 1
    return write(path, *frames)


def call(path: Path) -> Path:
    """A call: the INVITE twice, 100, 180 after 0.7 s, 200 after 3 s, ACK, BYE of the callee 13 s after the answer."""
    end = "sip:bob@example.net SIP/2.0"
    sdp = {"body": SDP, "kind": "application/sdp"}
    tag = {"to_tag": "b"}
    bye = message("BYE sip:alice@10.0.0.1 SIP/2.0", "call1", "1 BYE", branch="3", extra="Reason: Q.850;cause=16\r\n")
    bye = bye.replace(b"From: <sip:alice@example.net>;tag=a", b"From: <sip:bob@example.net>;tag=b")
    bye = bye.replace(b"To: <sip:bob@example.net>", b"To: <sip:alice@example.net>;tag=a")
    bye_ok = bye.replace(b"BYE sip:alice@10.0.0.1 SIP/2.0", b"SIP/2.0 200 OK")
    return write(
        path,
        up(message(f"INVITE {end}", "call1", "1 INVITE", **sdp), 0),
        up(message(f"INVITE {end}", "call1", "1 INVITE", **sdp), 0.5),
        down(message("SIP/2.0 100 Trying", "call1", "1 INVITE"), 0.51),
        down(message("SIP/2.0 180 Ringing", "call1", "1 INVITE", **tag), 0.7),
        down(message("SIP/2.0 200 OK", "call1", "1 INVITE", **tag, **sdp), 3),
        up(message(f"ACK {end}", "call1", "1 ACK", branch="2", **tag), 3.01),
        down(bye, 16),
        up(bye_ok, 16.02),
    )


def refused(path: Path) -> Path:
    """Four calls: busy, forked (two devices ring), redirected, cancelled."""
    frames = []
    for number, (codes, cancel) in enumerate(
        (([(486, "b", "")], False), ([(180, "b", ""), (180, "c", ""), (200, "c", "")], False),
         ([(302, "b", "Contact: <sip:bob@elsewhere.example>\r\n")], False), ([(180, "b", ""), (487, "b", "")], True))
    ):  # fmt: skip
        name, now = f"try{number}", 10.0 * number
        frames.append(up(message("INVITE sip:bob@example.net SIP/2.0", name, "1 INVITE"), now))
        for step, (code, tag, extra) in enumerate(codes, 1):
            if code == 487 and cancel:
                frames.append(up(message("CANCEL sip:bob@example.net SIP/2.0", name, "1 CANCEL"), now + step - 0.5))
                frames.append(down(message("SIP/2.0 200 OK", name, "1 CANCEL"), now + step - 0.4))
            line = f"SIP/2.0 {code} x"
            frames.append(down(message(line, name, "1 INVITE", to_tag=tag, extra=extra), now + step))
    return write(path, *frames)


SIP_MADE = (
    Made(compact, {"sip": 1, 'sip.Call-ID == "compact1"': 1, 'sip.CSeq.method == "OPTIONS"': 1}, 0),
    Made(
        over_tcp, {"sip": 3, 'sip.Method == "REGISTER"': 3, 'sip.Call-ID == "tcp2"': 1, 'sip.Call-ID == "tcp3"': 1}, 1
    ),
    Made(behind_keep_alive, {"sip": 1, 'sip.Call-ID == "unseen"': 0}, 1),
    Made(described, {"sdp": 1, "sip.Content-Length == 131": 1}, 0),
    Made(port_5070, {"sip": 1}, 0),
    Made(registrations, {"sip.Method": 8, "sip.Status-Code == 401": 5, "sip.Status-Code == 403": 1}, 0),
    Made(call, {"sip": 8, "sip.Method": 4, "sdp": 3, "sip.resend == 1": 1}, 0),
    Made(refused, {"sip.Method": 5, "sip.Status-Code == 180": 3, "sip.Status-Code == 302": 1}, 0),
)
"""All of them, by tshark: -Y FILTER, and the number of tcp.stream values."""
