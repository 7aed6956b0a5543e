"""Logins without encryption: who tried one, by which protocol, with which outcome. Never the secret.

The core reads them out of the streams and keeps rows and totals, no secret and nothing one could be guessed from; this
is the view of it. Those of HTTP and SIP are told by their own modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pcapstream._core import Report
from pcapstream.errors import StateError
from pcapstream.protocols.base import CoreMachine, Machine, Module, Spec

if TYPE_CHECKING:
    from pcapstream._core import Snapshot

SPEC = Spec(
    title="logins in the clear: FTP, SMTP, POP3, IMAP, Telnet, LDAP, SNMP, Kerberos, NTLM; never the secret",
    transports=("tcp", "udp"),
    ports=(21, 23, 25, 88, 110, 139, 143, 161, 162, 389, 445, 587, 3268),
    rfcs=("RFC 959", "RFC 4954", "RFC 1939", "RFC 9051", "RFC 854", "RFC 4511", "RFC 3416", "RFC 4120"),
)

NEEDS = frozenset({"logins", "tcp"})


class Login(NamedTuple):
    """One login, or all packets of one manager with one agent (SNMP)."""

    frame: int
    """With the secret, or what proves it."""
    time_ns: int
    protocol: str
    method: str
    exposed: str
    """What who reads along has: "secret"; "hash", against which guesses can be tried; "name"."""
    user: str | None
    outcome: str
    """accepted, refused, unknown: by the server's answer."""
    client: str
    client_port: int
    server: str
    port: int
    transport: str
    stream: int | None
    first_frame: int
    outcome_frame: int | None
    attempts: int
    last_frame: int


@dataclass(frozen=True, slots=True)
class LoginsSummary:
    """What was counted."""

    report: Report

    @classmethod
    def empty(cls) -> Self:
        return cls(Report.empty("logins"))

    def merge(self, other: Self, /) -> Self:
        return type(self)(self.report.merge(other.report))

    def counts(self) -> dict[str, Any]:
        """totals: protocol -> attempts, accepted, refused, secret, hash (exact); rows listed, dropped;
        telnet_sessions."""
        return self.report.value()

    def logins(self, offset: int, limit: int) -> list[Login]:
        """A page of the rows, by frame."""
        return [Login(**row) for row in self.report.page("logins", offset=offset, limit=limit)]

    def refused(self, limit: int) -> list[dict[str, Any]]:
        """Clients whose logins a server refused, most refused first: protocol, client, server, port, attempts, refused,
        accepted, users, most_in_60_s with its frames, accepted_after (a frame, or None)."""
        return self.report.page("refused", limit=limit)

    def memory_bytes(self) -> Mapping[str, int]:
        return {"logins": 5_000 + 250 * self.report.value()["rows"]}


def _view(core: Snapshot) -> LoginsSummary:
    report = core.reports.get("logins")
    if report is None:
        raise StateError("not_open", "the decoder ran without its part 'logins'")
    return LoginsSummary(report)


def make(limits: Mapping[str, int]) -> Machine:
    return CoreMachine("logins", NEEDS, _view)


MODULE = Module("logins", SPEC, make, NEEDS)
