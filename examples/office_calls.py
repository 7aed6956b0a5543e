"""The example office-calls.pcap: a day at a small telephone system, as SIP and RTP tell it."""

from __future__ import annotations

import struct
from itertools import count

from examples.packets import Host, Trace, pcap

START = 1_767_600_000_000_000_000
"""2026-01-05T08:00:00Z"""

GATEWAY_MAC = "02:00:00:00:00:fe"
SYSTEM = Host("192.0.2.10", "02:00:00:00:00:10")
ALICE = Host("192.0.2.21", "02:00:00:00:00:21")
BOB = Host("192.0.2.22", "02:00:00:00:00:22")
DAVE = Host("203.0.113.50", GATEWAY_MAC)
"""At home, behind a router that does not translate what SIP says."""
STRANGER = Host("203.0.113.99", GATEWAY_MAC)
DOMAIN = "office.example"
HOME = "192.168.1.20"
NO_ANSWER = 'WWW-Authenticate: Digest realm="office.example", nonce="4f1c0e7a", algorithm=MD5\r\n'


def office_calls() -> bytes:
    """A registration, a good call, a call heard on one side only, a wrong number, a scan, dialling for money."""
    trace = Trace(START)
    registration(trace)
    good_call(trace)
    one_sided_call(trace)
    wrong_number(trace)
    scan(trace)
    dialling(trace)
    return pcap(trace.frames)


class Talk:
    """SIP between two hosts that belongs together: one Call-ID."""

    def __init__(self, trace: Trace, name: str, caller: Host, callee: Host, *, sender: str, target: str) -> None:
        self.trace = trace
        self.name = name
        self.ends = (caller, callee)
        self.sender, self.target = f"sip:{sender}@{DOMAIN}", f"sip:{target}@{DOMAIN}"
        self.agent = "ExamplePhone/2.1"
        self.tags = (f"{name}-a", f"{name}-b")
        self.branches = count(1)
        self.branch = ""

    def request(
        self, method: str, number: int, *, side: int = 0, uri: str = "", inside: bool = False, new: bool = True,
        extra: str = "", told: str = "", after_ms: float = 1.0,
    ) -> None:  # fmt: skip
        """A request from one side. inside: of the dialog, so both tags are known. new: a transaction of its own."""
        if new:
            self.branch = f"z9hG4bK{self.name}{next(self.branches)}"
        first = f"{method} {uri or self.target} SIP/2.0"
        self._send(side, side, first, number, method, inside, f"User-Agent: {self.agent}\r\n{extra}", told, after_ms)

    def response(
        self, code: int, reason: str, number: int, method: str, *, side: int = 1, extra: str = "", told: str = "",
        after_ms: float = 10.0,
    ) -> None:  # fmt: skip
        """A response from one side to the last request of the other."""
        self._send(side, 1 - side, f"SIP/2.0 {code} {reason}", number, method, code > 100, extra, told, after_ms)

    def _send(
        self, side: int, asker: int, first: str, number: int, method: str, both_tags: bool, extra: str, told: str,
        after_ms: float,
    ) -> None:  # fmt: skip
        uris, host = (self.sender, self.target), self.ends[asker].address
        to_tag = f";tag={self.tags[1 - asker]}" if both_tags else ""
        kind = "Content-Type: application/sdp\r\n" if told else ""
        text = (
            f"{first}\r\nVia: SIP/2.0/UDP {host}:5060;branch={self.branch}\r\nMax-Forwards: 70\r\n"
            f"From: <{uris[asker]}>;tag={self.tags[asker]}\r\nTo: <{uris[1 - asker]}>{to_tag}\r\n"
            f"Call-ID: {self.name}@{self.ends[0].address}\r\nCSeq: {number} {method}\r\n"
            f"Contact: <sip:{self.ends[side].address}:5060>\r\n{extra}{kind}Content-Length: {len(told)}\r\n\r\n{told}"
        )
        self.trace.datagram((self.ends[side], 5060), (self.ends[1 - side], 5060), text.encode(), after_ms)


def described(address: str, port: int, *types: int) -> str:
    """A session description with audio at that address and port."""
    listed = " ".join(map(str, types))
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP {listed}\r\n"
        "a=ptime:20\r\na=sendrecv\r\n"
    )


def credentials(user: str) -> str:
    """The answer to a challenge; a made-up one."""
    return f'Authorization: Digest username="{user}", realm="{DOMAIN}", nonce="4f1c0e7a", response="0f3a5b7c9d"\r\n'


def media(trace: Trace, ways: list[tuple[Host, int, Host, int]], packets: int) -> None:
    """RTP with G.729, a packet each 20 ms in each of these ways."""
    for number in range(packets):
        for place, (source, port, target, target_port) in enumerate(ways):
            head = struct.pack("!BBHII", 0x80, 18, number + 100, number * 160, 0x1000 + port)
            after = 20.0 if place == 0 else 0.3
            trace.datagram((source, port), (target, target_port), head + bytes([0x55] * 20), after)


def registration(trace: Trace) -> None:
    """Alice's telephone signs in: asked for credentials once, accepted."""
    talk = Talk(trace, "reg1", ALICE, SYSTEM, sender="alice", target="alice")
    talk.request("REGISTER", 1, uri=f"sip:{DOMAIN}")
    talk.response(401, "Unauthorized", 1, "REGISTER", extra=NO_ANSWER)
    talk.request("REGISTER", 2, uri=f"sip:{DOMAIN}", extra=credentials("alice") + "Expires: 3600\r\n")
    talk.response(200, "OK", 2, "REGISTER", extra="Expires: 3600\r\n")


def good_call(trace: Trace) -> None:
    """Alice calls Bob: he answers after three seconds, they talk, he hangs up."""
    trace.wait(60_000)
    talk = Talk(trace, "call1", ALICE, BOB, sender="alice", target="bob")
    talk.request("INVITE", 1, told=described(ALICE.address, 16384, 0, 18))
    talk.response(180, "Ringing", 1, "INVITE", after_ms=120)
    talk.response(200, "OK", 1, "INVITE", told=described(BOB.address, 16500, 18), after_ms=3000)
    talk.request("ACK", 1, inside=True)
    media(trace, [(ALICE, 16384, BOB, 16500), (BOB, 16500, ALICE, 16384)], 60)
    talk.request("BYE", 1, side=1, inside=True, after_ms=15_000)
    talk.response(200, "OK", 1, "BYE", side=0)


def one_sided_call(trace: Trace) -> None:
    """Dave calls Alice from home. His telephone names its private address, and his router lets no media out."""
    trace.wait(60_000)
    talk = Talk(trace, "call2", DAVE, ALICE, sender="dave", target="alice")
    talk.request("INVITE", 1, told=described(HOME, 4000, 18))
    talk.response(180, "Ringing", 1, "INVITE", after_ms=80)
    talk.response(200, "OK", 1, "INVITE", told=described(ALICE.address, 16390, 18), after_ms=2000)
    talk.request("ACK", 1, inside=True)
    media(trace, [(ALICE, 16390, Host(HOME, GATEWAY_MAC), 4000)], 60)
    talk.request("BYE", 2, inside=True, after_ms=4000)
    talk.response(200, "OK", 2, "BYE")


def wrong_number(trace: Trace) -> None:
    """Alice calls a number that nobody has."""
    trace.wait(60_000)
    talk = Talk(trace, "call3", ALICE, SYSTEM, sender="alice", target="4711")
    talk.request("INVITE", 1, told=described(ALICE.address, 16392, 0, 18))
    talk.response(100, "Trying", 1, "INVITE")
    talk.response(404, "Not Found", 1, "INVITE")
    talk.request("ACK", 1, inside=True, new=False)


def scan(trace: Trace) -> None:
    """A program on the net tries the names of twelve extensions."""
    trace.wait(60_000)
    for number in range(100, 112):
        talk = Talk(trace, f"scan{number}", STRANGER, SYSTEM, sender=str(number), target=str(number))
        talk.agent = "friendly-scanner"
        talk.request("REGISTER", 1, uri=f"sip:{DOMAIN}", after_ms=40)
        known = number == 104
        answer = (401, "Unauthorized") if known else (404, "Not Found")
        talk.response(*answer, 1, "REGISTER", extra=NO_ANSWER if known else "", after_ms=2)


def dialling(trace: Trace) -> None:
    """The same stranger tries to get an outside line to one number, with different prefixes."""
    for place, prefix in enumerate(("00", "000", "900", "0011", "+", "9011")):
        talk = Talk(trace, f"toll{place}", STRANGER, SYSTEM, sender="100", target=f"{prefix}441632960123")
        talk.request("INVITE", 1, told=described(STRANGER.address, 25282, 0), after_ms=500)
        talk.response(403, "Forbidden", 1, "INVITE", after_ms=2)
        talk.request("ACK", 1, inside=True, new=False, after_ms=30)
