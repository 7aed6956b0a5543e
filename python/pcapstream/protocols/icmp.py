"""ICMP and ICMPv6: echo and its times, errors with what they quote, paths, routers and neighbours.

The counting is done in the core, because a flood is made of millions of messages; this is the view of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pcapstream.protocols.base import CoreMachine, Machine, Module, Spec
from pcapstream.protocols.counted import CountedSummary, view_of

SPEC = Spec(
    title="ICMP, ICMPv6: echo and its times, errors with what they quote, traceroutes, routers and neighbours",
    transports=("ip", "ipv6"),
    rfcs=("RFC 792", "RFC 1191", "RFC 4443", "RFC 4861", "RFC 4884", "RFC 5837", "RFC 3810", "RFC 8106", "RFC 8335"),
)

NEEDS = frozenset({"icmp", "tcp"})
"""TCP for the streams that errors quote."""

VERSIONS = ("icmp", "icmpv6")
"""Wireshark's names of both, each counted apart."""

LOAD = ("address", "messages", "bytes", "first_ns", "last_ns", "peak", "first_frame", "peak_frame")
"""Columns of `sources` and `destinations`; peak: most messages within one second."""
PAIRS = (
    "source", "destination", "ids", "requests", "answered", "replies", "duplicates", "unmatched", "min_ns", "mean_ns",
    "max_ns", "deviation_ns", "payload_min", "payload_max", "first_ns", "last_ns", "first_frame", "unusual", "varied",
    "packets", "unusual_frame", "max_frame",
)  # fmt: skip
"""Columns of `echo.pairs`: who asked whom. ids: the first four identifiers; unusual: messages whose data no ping
program fills in that way; varied: those of them that differ from the one before; packets: those that are an IP packet;
max_frame: the reply that took max_ns.
"""
ERRORS = (
    "kind", "reporter", "source", "source_port", "destination", "destination_port", "protocol", "stream", "mtu",
    "count", "first_ns", "last_ns", "first_frame",
)  # fmt: skip
"""Columns of `errors`; kind: [type, code, name, name of the code]; source to protocol are of the quoted packet."""
PATHS = ("source", "target", "protocol", "reached", "errors", "first_frame", "first_ns", "last_ns", "hops")
"""Columns of `paths`; hops: [[distance or None, [[address, replies, min ns, mean ns, max ns, frame], ...]], ...]."""
PROBES = ("source", "destination", "count", "first_frame")
REDIRECTS = ("router", "host", "gateway", "destination", "count", "first_frame")
NEIGHBOURS = ("address", "solicited", "advertised", "probed", "macs", "more_macs", "first_frame")

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "sources": LOAD,
    "destinations": LOAD,
    "errors": ERRORS,
    "paths": PATHS,
    "probes": PROBES,
    "redirects": REDIRECTS,
    "neighbours": NEIGHBOURS,
}
"""Tables of one version whose rows are lists; `echo.pairs` besides."""


@dataclass(frozen=True, slots=True)
class IcmpSummary(CountedSummary):
    """What was counted of `VERSIONS`, and the messages kept for detail rows."""

    family: ClassVar[str] = "icmp"


def named(table: Mapping[str, Any], columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """The rows of a table of the report as objects."""
    return [dict(zip(columns, row, strict=True)) for row in table["rows"]]


def make(limits: Mapping[str, int]) -> Machine:
    return CoreMachine("icmp", NEEDS, view_of(IcmpSummary, "icmp"))


MODULE = Module("icmp", SPEC, make, NEEDS)
