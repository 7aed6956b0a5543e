"""Steps that several prompts share."""

from __future__ import annotations

from pcapstream.prompts.spec import Step

FACTS = Step(
    "analyze_capinfos",
    "know what was captured before you judge it.",
    (
        "start, end and duration in UTC: is the time the user speaks of inside?",
        "captured length against length on the wire: packets cut short hide what comes after the headers",
        "damage, missing parts, several interfaces or link types: they decide what can be absent without meaning "
        "anything",
    ),
)

FACTS_FORENSIC = Step(
    "analyze_capinfos",
    "fix the facts of the evidence file.",
    (
        "file name and size, format, link type, packet count, first and last packet time in UTC: they go into the "
        "report as they are",
        "cut packets, damage, packets out of time order, dropped packets: each limits what can be concluded, so "
        "state it first",
    ),
)

PROTOCOLS = Step(
    "analyze_pcap_file",
    "see the protocols and how much of the traffic this one is.",
    ("tunnels, fragments and link types that could hide or double the traffic you are about to count",),
    'analysis_type="protocols"',
)

TALKERS = Step(
    "analyze_pcap_file",
    "see who else talked to the hosts that stand out, and how much.",
    ("the same hosts before and after the event; traffic that the protocol alone does not explain",),
    'analysis_type="conversations"',
)

SECURITY = Step(
    "analyze_pcap_file",
    "compare with the general security findings of the capture.",
    ("findings about the same hosts or times; what this overview says it does not cover",),
    'analysis_type="security"',
)

CONNECTIONS = Step(
    "analyze_tcp_connections",
    "see whether connections succeeded, how each ended and by whom.",
    (
        "unanswered, refused and half-open connections, by server and port",
        "connections that were already running when the capture began: they have no handshake to judge, and that is "
        "no fault",
        "resets: who sent them, and whether data had been exchanged before",
        "initial round-trip time: it separates a slow path from a slow host",
    ),
)
