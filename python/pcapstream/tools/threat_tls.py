"""Rule of analyze_security_threats over TLS: handshakes that are unusual in several ways at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pcapstream.tools.text import count
from pcapstream.tools.threat import MAX_EACH, Level, family, threat
from pcapstream.tools.threat_tcp import is_public
from pcapstream.values import values_of

if TYPE_CHECKING:
    from pcapstream.protocols.tls import TlsSummary

MOST_LOOKED_AT = 300
USUAL_PORTS = frozenset(
    {443, 465, 563, 587, 636, 853, 989, 990, 992, 993, 994, 995, 2083, 2087, 2096, 3269, 5061, 5223, 5228, 8443, 8883,
     9443}
)  # fmt: skip
"""Where TLS is offered to anybody; the core chooses the handshakes by the same ports."""
SIGNS = {
    "self_signed": "the server's certificate is signed by itself",
    "not_valid": "it is not valid at the time of the capture",
    "odd_port": "the port is not one of TLS",
    "no_server_name": "the client names no server",
    "rare_fingerprint": "hardly any other client of the capture greets like that",
}
RARE = 2
COMMON = 20
"""A fingerprint is rare that at most so many hellos have, among at least so many."""


def tls_threats(tls: TlsSummary, limits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    rows = tls.table("suspicious", 0, MOST_LOOKED_AT)
    if not rows:
        return
    rare = _rare(tls)
    servers: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        servers[row["server"], row["server_port"]].append(row)
    found = []
    for (server, port), some in servers.items():
        signs = max((_signs(row, port, rare) for row in some), key=len)
        if len(signs) >= limits["tls_signs"]:
            found.append((len(signs), server, port, signs, some))
    found.sort(key=lambda one: (-one[0], one[1], one[2]))
    for number, server, port, signs, some in found[:MAX_EACH]:
        # Inside a network such servers are what administrators set up.
        severity: Level = "medium" if number >= 3 and "self_signed" in signs and is_public(server) else "low"
        yield threat(
            "suspicious_tls", severity, "medium" if number >= 4 else "low",
            f"{count(len(some), 'handshake')} with {server} port {port}: {'; '.join(SIGNS[sign] for sign in signs)}.",
            count=len(some), frames=[row["frame"] for row in some], mitre="T1573.002",
            filter=f"{family(server)}.addr == {server} && tcp.port == {port} && tls.handshake",
            false_alarm="devices and administration pages with a certificate of their own, software that connects by "
            "address, a clock that is wrong",
            target=f"{server} port {port}", signs=signs,
        )  # fmt: skip


def _signs(row: Mapping[str, Any], port: int, rare: frozenset[str]) -> list[str]:
    offer = row["offer"]
    holds = {
        "self_signed": row["self_signed"],
        "not_valid": row["expired"] or row["not_yet_valid"],
        "odd_port": port not in USUAL_PORTS,
        "no_server_name": offer is not None and row["server_name"] is None,
        "rare_fingerprint": offer is not None and offer["ja4"] in rare,
    }
    return [sign for sign in SIGNS if holds[sign]]


def _rare(tls: TlsSummary) -> frozenset[str]:
    seen = values_of(tls).get("tls", {}).get("ja4", {"rows": []})["rows"]
    if sum(number for _, number in seen) < COMMON:
        return frozenset()
    return frozenset(print_ for print_, number in seen if number <= RARE)
