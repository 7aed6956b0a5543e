"""The example office-quic.pcap: a browser tries HTTP/3 with five servers, and one of them works at once."""

from __future__ import annotations

from examples import messages, quic_packets
from examples.packets import Host, Trace, pcap
from examples.quic_packets import Ids, acknowledge, crypto, initial

START = 1_767_517_200_000_000_000
"""2026-01-04T09:00:00Z"""

GATEWAY_MAC = "02:00:00:00:00:fe"
LAPTOP = Host("192.0.2.15", "02:00:00:00:00:15")
SHOP = Host("198.51.100.10", GATEWAY_MAC)
CAREFUL = Host("198.51.100.20", GATEWAY_MAC)
OLD = Host("203.0.113.30", GATEWAY_MAC)
MAIL = Host("203.0.113.40", GATEWAY_MAC)
BLOCKED = Host("203.0.113.50", GATEWAY_MAC)

DRAFT_29 = 0xFF00001D
NO_APPLICATION_PROTOCOL = 0x0178
"""TLS alert 120 as an error of QUIC."""


def office_quic() -> bytes:
    """A connection that comes about, one after a Retry, an old server, a server of something else, silence."""
    trace = Trace(START)
    visit(trace, SHOP, 50_001, "www.shop.example", 12)
    after_retry(trace)
    old_server(trace)
    other_protocol(trace)
    no_answer(trace)
    return pcap(trace.frames)


def ids(port: int) -> tuple[bytes, bytes, bytes]:
    """Ids of a connection: the first one, the client's, the server's."""
    number = port.to_bytes(2, "big")
    return b"first-" + number, b"clnt" + number, b"server" + number


def hello(name: str, source: bytes, alpn: str = "h3") -> bytes:
    return crypto(quic_packets.client_hello(name, alpn, source))


def visit(trace: Trace, server: Host, port: int, name: str, way_ms: float, *, token: bytes = b"") -> None:
    """Hello, hello, and some data of which nobody else knows what it is. With a token: after a Retry."""
    first, mine, theirs = ids(port)
    key = first if not token else theirs + b"r"
    here, there = (LAPTOP, port), (server, 443)
    number = 1 if token else 0
    trace.datagram(here, there, initial("client", Ids(key, mine, key), number, hello(name, mine), token=token), 1)
    answer = initial(
        "server", Ids(mine, theirs, key), 0, acknowledge(number) + crypto(quic_packets.server_hello()), size=200
    )
    answer += quic_packets.handshake(Ids(mine, theirs, key), messages.text(900, port))
    trace.datagram(there, here, answer, way_ms)
    reply = initial("client", Ids(theirs, mine, key), number + 1, acknowledge(0), size=1100)
    trace.datagram(here, there, reply + quic_packets.handshake(Ids(theirs, mine, key), messages.text(60, port)), 1)
    trace.datagram(here, there, quic_packets.one_rtt(theirs, messages.text(300, port)), 0.5)
    for piece in range(3):
        trace.datagram(
            there, here, quic_packets.one_rtt(mine, messages.text(1100, piece)), way_ms if not piece else 0.2
        )


def after_retry(trace: Trace) -> None:
    """The server wants to see that the address is the client's own before it does any work."""
    first, mine, theirs = ids(50_002)
    here, there = (LAPTOP, 50_002), (CAREFUL, 443)
    token = b"come again with this"
    trace.datagram(here, there, initial("client", Ids(first, mine, first), 0, hello("api.shop.example", mine)), 100)
    trace.datagram(there, here, quic_packets.retry(Ids(mine, theirs + b"r", first), token), 20)
    visit(trace, CAREFUL, 50_002, "api.shop.example", 20, token=token)


def old_server(trace: Trace) -> None:
    """It knows a draft only; the browser goes back to TCP."""
    first, mine, _ = ids(50_003)
    here, there = (LAPTOP, 50_003), (OLD, 443)
    trace.datagram(here, there, initial("client", Ids(first, mine, first), 0, hello("backup.example", mine)), 100)
    trace.datagram(there, here, quic_packets.version_negotiation(Ids(mine, first, first), [DRAFT_29]), 30)


def other_protocol(trace: Trace) -> None:
    """The server speaks QUIC, but not what the client wants to speak over it."""
    first, mine, theirs = ids(50_004)
    here, there = (LAPTOP, 50_004), (MAIL, 443)
    trace.datagram(here, there, initial("client", Ids(first, mine, first), 0, hello("mail.example", mine, "imap")), 100)
    reason = quic_packets.close(NO_APPLICATION_PROTOCOL, b"no application protocol")
    trace.datagram(there, here, initial("server", Ids(mine, theirs, first), 0, acknowledge(0) + reason, size=100), 25)


def no_answer(trace: Trace) -> None:
    """UDP to port 443 goes nowhere: a firewall."""
    first, mine, _ = ids(50_005)
    for number in range(3):
        packet = initial("client", Ids(first, mine, first), number, hello("news.example", mine))
        trace.datagram((LAPTOP, 50_005), (BLOCKED, 443), packet, 100 if not number else 300 * number)
