"""SIP: transactions, dialogs, calls, registrations and who sends what.

The core takes messages apart, session descriptions included; the machine here follows them.
"""

from __future__ import annotations

from collections.abc import Mapping

from pcapstream.protocols.base import Machine, Module, Spec
from pcapstream.protocols.sip.calls import Call
from pcapstream.protocols.sip.events import Description, Event, Evidence, Media, Spread
from pcapstream.protocols.sip.machine import LIMITS, SipMachine
from pcapstream.protocols.sip.parties import Ping, Registration, Sender
from pcapstream.protocols.sip.summary import DIALOG_CONFIRMED, DIALOG_EARLY, DIALOG_ENDED, SipSummary, Totals

__all__ = [
    "DIALOG_CONFIRMED",
    "DIALOG_EARLY",
    "DIALOG_ENDED",
    "MODULE",
    "Call",
    "Description",
    "Event",
    "Evidence",
    "Media",
    "Ping",
    "Registration",
    "Sender",
    "SipSummary",
    "Spread",
    "Totals",
]

SPEC = Spec(
    title="SIP: calls, registrations, transactions, media announced",
    transports=("udp", "tcp"),
    ports=(5060, 5061),
    rfcs=("RFC 3261", "RFC 3262", "RFC 3264", "RFC 3581", "RFC 5626", "RFC 8866", "RFC 4568"),
    limits=LIMITS,
)

NEEDS = frozenset({"sip", "tcp"})


def make(limits: Mapping[str, int]) -> Machine:
    return SipMachine(limits, NEEDS)


MODULE = Module("sip", SPEC, make, NEEDS)
