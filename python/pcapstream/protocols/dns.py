"""DNS, multicast DNS, LLMNR and NetBIOS names: queries and answers put together, response times, names, errors.

The counting is done in the core, because a capture can hold millions of messages; this is the view of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pcapstream.protocols.base import CoreMachine, Machine, Module, Spec
from pcapstream.protocols.counted import CountedSummary, view_of

SPEC = Spec(
    title="DNS, mDNS, LLMNR, NBNS: questions, answers, response times, errors",
    transports=("udp", "tcp"),
    ports=(53, 5353, 5355, 137),
    rfcs=("RFC 1035", "RFC 3596", "RFC 4034", "RFC 6762", "RFC 4795", "RFC 6891", "RFC 7766", "RFC 9460", "RFC 1002"),
)

NEEDS = frozenset({"dns", "tcp"})

FAMILY = ("dns", "mdns", "llmnr", "nbns")
"""Protocols that share the message format, each counted apart."""


@dataclass(frozen=True, slots=True)
class DnsSummary(CountedSummary):
    """What was counted of the protocols of `FAMILY`, and the messages kept for detail rows."""

    family: ClassVar[str] = "dns"


def make(limits: Mapping[str, int]) -> Machine:
    return CoreMachine("dns", NEEDS, view_of(DnsSummary, "dns"))


MODULE = Module("dns", SPEC, make, NEEDS)
