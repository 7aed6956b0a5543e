"""What is worth a look in the DHCP of a capture: counted, with frames and a Wireshark filter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from pcapstream.protocols.dhcp_follow import SLOW_NS, SPAN_NS
from pcapstream.tools.finding import MAX_FRAMES, Severity, by_weight, finding
from pcapstream.tools.text import clean, count

if TYPE_CHECKING:
    from pcapstream.protocols.dhcp_records import Client, DhcpSummary, Exchange, Family, Lease, Server

MANY_NEW_CLIENTS = 100
"""New clients within a minute that look like somebody using up addresses (or a network that comes back to life)."""
NEW_CLIENTS_NS = 60 * 1_000_000_000
MANY_ASKED = 100
"""Messages of one client within ten seconds. RFC 2131 4.1 asks clients to wait 4 s, then 8, 16, 32, 64."""
MAX_NAMED = 10
"""Clients named in one filter."""

_LABELS = {"dhcp": "DHCPv4", "dhcpv6": "DHCPv6"}


class Conflict(NamedTuple):
    """Two clients with the same address at the same time."""

    first: Lease
    second: Lease


def conflicts(leases: Iterable[Lease]) -> list[Conflict]:
    """Leases of one address that overlap in time, of different clients: each with the one before that ends last."""
    found = []
    by_address: defaultdict[tuple[str, str], list[Lease]] = defaultdict(list)
    for lease in leases:
        by_address[lease.family, lease.address].append(lease)
    for held in by_address.values():
        held.sort(key=lambda lease: lease.from_ns)
        last: Lease | None = None
        for lease in held:
            if (
                last is not None
                and last.client != lease.client
                and (last.until_ns is None or lease.from_ns < last.until_ns)
            ):
                found.append(Conflict(last, lease))
            if (
                last is None
                or lease.until_ns is None
                or (last.until_ns is not None and lease.until_ns >= last.until_ns)
            ):
                last = lease
    return sorted(found, key=lambda one: one.second.from_ns)


def unanswered_clients(summary: DhcpSummary) -> list[Client]:
    """Clients that asked and never got a message of a server."""
    return [client for client in summary.clients if client.asked and not client.answered]


def offering_together(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Exchanges in which more than one server answered."""
    return [exchange for exchange in exchanges if len(exchange.servers) > 1]


def new_clients_peak(clients: Sequence[Client]) -> tuple[int, list[Client]]:
    """Most clients seen for the first time within a minute, and which."""
    ordered = sorted((client for client in clients if client.asked), key=lambda client: client.since_ns)
    best, best_at, start = 0, (0, 0), 0
    for end, client in enumerate(ordered):
        while client.since_ns - ordered[start].since_ns > NEW_CLIENTS_NS:
            start += 1
        if end - start + 1 > best:
            best, best_at = end - start + 1, (start, end + 1)
    return best, ordered[slice(*best_at)]


def client_filter(clients: Sequence[Client]) -> str:
    """Wireshark filter of what these clients send and get; the first ones where there are many."""
    macs = [client.key for client in clients if client.family == "dhcp" and client.key == client.mac][:MAX_NAMED]
    duids = [client.key for client in clients if client.family == "dhcpv6" and _is_hex(client.key)][:MAX_NAMED]
    parts = [f"dhcp.hw.mac_addr == {mac}" for mac in macs]
    parts += [f"dhcpv6.duid.bytes == {duid}" for duid in duids]
    return " || ".join(parts) or "dhcp || dhcpv6"


def _is_hex(key: str) -> bool:
    return all(part and set(part) <= set("0123456789abcdef") for part in key.split(":"))


def findings(summary: DhcpSummary) -> list[dict[str, Any]]:
    """Heaviest first."""
    return by_weight([*_clients(summary), *_servers(summary), *_leases(summary), *_events(summary)])


def _clients(summary: DhcpSummary) -> Iterator[dict[str, Any]]:
    silent = unanswered_clients(summary)
    if silent:
        asking = sum(1 for client in summary.clients if client.asked)
        yield finding(
            "unanswered_clients", "warning",
            f"{count(len(silent), 'client')} of {asking:,} that asked got no message of a server in this capture.",
            count=len(silent), frames=[client.first_frame for client in silent], filter=client_filter(silent),
        )  # fmt: skip
    waiting = summary.total("not_confirmed")
    if waiting:
        frames = [one.frames[-1] for one in summary.exchanges if one.outcome == "not_confirmed"]
        yield finding(
            "unconfirmed_requests", "warning",
            f"{count(waiting, 'exchange')} with an offer whose REQUEST got no ACK, REPLY or NAK.",
            count=waiting, frames=frames, filter="dhcp.option.dhcp == 3 || dhcpv6.msgtype == 3",
        )  # fmt: skip
    peak, who = new_clients_peak(summary.clients)
    if peak >= MANY_NEW_CLIENTS:
        confirmed = sum(1 for client in who if client.confirmed)
        weight: Severity = "warning" if confirmed * 2 < peak else "info"
        yield finding(
            "many_new_clients", weight,
            f"{peak:,} clients asked for the first time within one minute; {confirmed:,} of them were confirmed an "
            "address or settings. Programs that use up the addresses of a server look like this, so does a network "
            "that starts.",
            count=peak, frames=[client.first_frame for client in who],
            filter="dhcp.option.dhcp == 1 || dhcpv6.msgtype == 1",
        )  # fmt: skip
    busy = sorted((c for c in summary.clients if c.peak >= MANY_ASKED), key=lambda c: -c.peak)
    if busy:
        yield finding(
            "message_flood", "severe",
            f"{count(len(busy), 'client')} sent {MANY_ASKED} or more requests within {SPAN_NS // 10**9} seconds; "
            f"the most was {busy[0].peak:,}.",
            count=len(busy), frames=[client.first_frame for client in busy], filter=client_filter(busy),
        )  # fmt: skip


def _servers(summary: DhcpSummary) -> Iterator[dict[str, Any]]:
    for family in ("dhcp", "dhcpv6"):
        servers = [server for server in summary.servers if server.family == family]
        if len(servers) < 2:
            continue
        both = [one for one in offering_together(summary.exchanges) if one.family == family]
        text = f"{len(servers):,} {_LABELS[family]} servers answered"
        if both:
            text += f", in {count(len(both), 'exchange')} more than one of them"
        yield finding(
            "several_servers", "warning" if both else "info",
            text + ". Where only one was set up, the others are worth a look.",
            count=len(servers), frames=[server.frames[0] for server in servers if server.frames],
            filter=_server_filter(family, servers), family=family,
            servers=[clean(server.key) for server in servers[:MAX_NAMED]],
        )  # fmt: skip


def _server_filter(family: str, servers: Sequence[Server]) -> str:
    if family == "dhcpv6":
        return "dhcpv6.msgtype == 2 || dhcpv6.msgtype == 7"
    known = [server.key for server in servers if _is_ipv4(server.key)][:MAX_NAMED]
    return " || ".join(f"dhcp.option.dhcp_server_id == {key}" for key in known) or "dhcp.type == 2"


def _is_ipv4(key: str) -> bool:
    return key.count(".") == 3


def _leases(summary: DhcpSummary) -> Iterator[dict[str, Any]]:
    twice = conflicts(summary.leases)
    if twice:
        addresses = list(dict.fromkeys(one.second.address for one in twice))
        shown = [address.split("/")[0] for address in addresses[:MAX_NAMED]]
        where = [
            f"dhcpv6.iaprefix.pref_addr == {a}" if one.second.kind == "IA_PD"
            else f"dhcpv6.iaaddr.ip == {a}" if one.second.family == "dhcpv6"
            else f"dhcp.ip.your == {a}"
            for a, one in zip(shown, _first_of(twice, addresses), strict=False)
        ]  # fmt: skip
        yield finding(
            "address_given_twice", "severe",
            f"{count(len(addresses), 'address', 'addresses')} confirmed to a client while the lease of another had not "
            "ended as far as this capture shows.",
            count=len(twice),
            frames=[lease.frames[0] for one in twice[:MAX_FRAMES] for lease in one],
            filter=" || ".join(where), addresses=[clean(a) for a in addresses[:MAX_NAMED]],
        )  # fmt: skip


def _first_of(twice: Sequence[Conflict], addresses: Sequence[str]) -> list[Conflict]:
    """One conflict for each address."""
    found: dict[str, Conflict] = {}
    for one in twice:
        found.setdefault(one.second.address, one)
    return [found[address] for address in addresses]


_EVENTS: tuple[tuple[str, str, Severity, str, str, str], ...] = (
    ("nak", "refused_requests", "warning", "request", "refused by a server (NAK, or REPLY with an error status).",
     "dhcp.option.dhcp == 6 || (dhcpv6.msgtype == 7 && dhcpv6.status_code != 0)"),
    ("declined", "declined_addresses", "warning", "DECLINE", "from clients: the address was in use already.",
     "dhcp.option.dhcp == 4 || dhcpv6.msgtype == 9"),
    ("no_addresses", "no_addresses_available", "severe", "answer", "without an address or prefix to give.",
     "dhcpv6.status_code == 2 || dhcpv6.status_code == 6"),
    ("slow", "slow_answers", "warning", "answer",
     f"more than {SLOW_NS // 10**9} s behind the client's message.",
     "dhcp.type == 2 || dhcpv6.msgtype == 2 || dhcpv6.msgtype == 7"),
    ("malformed", "malformed_messages", "info", "message", "cut short, or with an option that runs over its end.",
     "dhcp || dhcpv6"),
)  # fmt: skip


def _events(summary: DhcpSummary) -> Iterator[dict[str, Any]]:
    for event, code, severity, noun, rest, where in _EVENTS:
        seen = summary.event(event)
        if seen.count:
            yield finding(
                code, severity, f"{count(seen.count, noun)} {rest}", count=seen.count, frames=seen.frames, filter=where
            )


def gaps(exchange: Exchange) -> list[float]:
    """Milliseconds from each step to the next."""
    return [round((b - a) / 1e6, 3) for a, b in pairwise(exchange.times_ns)]


def family_label(family: Family) -> str:
    return _LABELS[family]
