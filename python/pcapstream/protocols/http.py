"""HTTP: requests and responses put together, response times by server, errors, logins; HTTP/2, WebSocket, SSDP.

The counting is done in the core, because a capture can hold millions of messages; this is the view of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pcapstream.protocols.base import CoreMachine, Machine, Module, Spec
from pcapstream.protocols.counted import CountedSummary, view_of

SPEC = Spec(
    title="HTTP/1, HTTP/2 in the clear, WebSocket, SSDP: requests, responses, response times, errors, logins",
    transports=("tcp", "udp"),
    ports=(80, 631, 1900, 2710, 2869, 3128, 3132, 3689, 5985, 8080, 8088, 11371),
    rfcs=("RFC 9110", "RFC 9112", "RFC 9113", "RFC 7541", "RFC 6455", "RFC 7617", "RFC 7616"),
)

NEEDS = frozenset({"http", "tcp"})

FAMILY = ("http", "http2", "ssdp", "websocket")
"""What is counted apart."""


@dataclass(frozen=True, slots=True)
class HttpSummary(CountedSummary):
    """What was counted of the protocols of `FAMILY`; its messages are requests, each with its response.

    Passwords, tokens and cookies are nowhere in it: the core does not store any.
    """

    family: ClassVar[str] = "http"


def make(limits: Mapping[str, int]) -> Machine:
    return CoreMachine("http", NEEDS, view_of(HttpSummary, "http"))


MODULE = Module("http", SPEC, make, NEEDS)
