"""Rules of analyze_security_threats over TCP connections."""

from __future__ import annotations

import ipaddress
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pcapstream.tools.text import count, size
from pcapstream.tools.threat import MAX_EACH, Level, family, threat

if TYPE_CHECKING:
    from pcapstream._core import Connection, TcpTable

MOST_LOOKED_AT = 20_000
"""Connections looked at one by one, the latest left out: a second call must stay quick."""

LOGIN_PORTS = {
    21: "FTP", 22: "SSH", 23: "Telnet", 110: "POP3", 143: "IMAP", 389: "LDAP", 445: "SMB", 465: "SMTP", 587: "SMTP",
    993: "IMAP", 995: "POP3", 1433: "SQL Server", 3306: "MySQL", 3389: "RDP", 5432: "PostgreSQL", 5900: "VNC",
    5985: "WinRM",
}  # fmt: skip
CLEARTEXT: Mapping[int, tuple[str, Level]] = {
    21: ("FTP", "medium"), 23: ("Telnet", "medium"), 80: ("HTTP", "low"), 110: ("POP3", "medium"),
    143: ("IMAP", "medium"), 389: ("LDAP", "low"), 512: ("rexec", "medium"), 513: ("rlogin", "medium"),
    514: ("rsh", "medium"), 5900: ("VNC", "medium"),
}  # fmt: skip
"""Usual TCP ports whose protocols send logins unencrypted (HTTP and LDAP: where there is one)."""
_PURE_SYN = "tcp.flags.syn == 1 && tcp.flags.ack == 0"
_S = 1_000_000_000
FLOOD_NS = 10 * _S
GUESSING_NS = 60 * _S
GUESS_BYTES = 20_000
"""Payload both ways of a connection that holds a failed login and little else."""
BEACON_BYTES = 50_000
"""Payload of most connections of a beacon; what moves more is a transfer on a schedule."""

_FAILED = ("syn_only", "refused")


def connections_of(table: TcpTable) -> tuple[list[Connection], bool]:
    """(connections in the order they began, whether these are all)."""
    some = table.connections(limit=MOST_LOOKED_AT)
    return some, len(some) == len(table) and not table.evicted


def tcp_threats(some: Sequence[Connection], limits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    failed = [one for one in some if one.handshake in _FAILED]
    yield from _vertical(failed, limits)
    yield from _horizontal(failed, limits)
    yield from _flood(some, limits)
    yield from _guessing(some, limits)
    yield from _beacons(some, limits)
    yield from _exfiltration(some, limits)
    yield from _cleartext(some)


def most_within(times: Sequence[int], span: int) -> tuple[int, int]:
    """(most of the sorted times within `span`, index of the first of them)."""
    best, at, start = 0, 0, 0
    for end, time in enumerate(times):
        while time - times[start] > span:
            start += 1
        if end - start + 1 > best:
            best, at = end - start + 1, start
    return best, at


def is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def _vertical(failed: Iterable[Connection], limits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    ports: defaultdict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    for one in failed:
        ports[one.client_ip, one.server_ip].setdefault(one.server_port, one.first_frame)
    for (client, server), seen in _largest(ports):
        if len(seen) >= limits["scan_ports"]:
            yield threat(
                "vertical_scan", "high", "high",
                f"Connections of {client} failed on {count(len(seen), 'port')} of {server}.",
                count=len(seen), frames=seen.values(), mitre="T1046",
                filter=f"{family(client)}.src == {client} && {family(server)}.dst == {server} && {_PURE_SYN}",
                false_alarm="an inventory or vulnerability scanner of the operator, a host whose services are all down",
                source=client, target=server,
            )  # fmt: skip


def _horizontal(failed: Iterable[Connection], limits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    hosts: defaultdict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    for one in failed:
        hosts[one.client_ip, one.server_port].setdefault(one.server_ip, one.first_frame)
    for (client, port), seen in _largest(hosts):
        if len(seen) >= limits["scan_hosts"]:
            yield threat(
                "horizontal_scan", "high", "medium",
                f"Connections of {client} to port {port} failed on {count(len(seen), 'host')}.",
                count=len(seen), frames=seen.values(), mitre="T1046",
                filter=f"{family(client)}.src == {client} && tcp.dstport == {port} && {_PURE_SYN}",
                false_alarm="monitoring of the operator, peer-to-peer programs, a client without a way out",
                source=client, target=f"port {port}",
            )  # fmt: skip


def _flood(some: Iterable[Connection], limits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    targets: defaultdict[tuple[str, int], list[Connection]] = defaultdict(list)
    for one in some:
        if one.handshake in ("half_open", "syn_only"):
            targets[one.server_ip, one.server_port].append(one)
    for (server, port), held in _largest(targets):
        held.sort(key=lambda one: one.first_ns)
        peak, at = most_within([one.first_ns for one in held], FLOOD_NS)
        if peak >= limits["syn_flood_count"]:
            burst = held[at : at + peak]
            sources = len({one.client_ip for one in burst})
            yield threat(
                "syn_flood", "high", "high" if sources * 2 >= peak else "medium",
                f"{count(peak, 'handshake')} from {count(sources, 'address', 'addresses')} with {server} port {port} "
                f"were begun within 10 s and never finished; {len(held):,} in all.",
                count=len(held), frames=[one.first_frame for one in burst], mitre="T1499.001",
                filter=f"{family(server)}.dst == {server} && tcp.dstport == {port} && {_PURE_SYN}",
                false_alarm="a popular service that is down, a capture that misses one direction, a load test",
                target=f"{server} port {port}",
            )  # fmt: skip


def _guessing(some: Iterable[Connection], limits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    tries: defaultdict[tuple[str, str, int], list[Connection]] = defaultdict(list)
    for one in some:
        payload = one.to_server.payload_bytes + one.to_client.payload_bytes
        ended = one.close in ("fin", "reset")
        if one.server_port in LOGIN_PORTS and one.handshake == "complete" and ended and 0 < payload <= GUESS_BYTES:
            tries[one.client_ip, one.server_ip, one.server_port].append(one)
    for (client, server, port), held in _largest(tries):
        held.sort(key=lambda one: one.first_ns)
        peak, at = most_within([one.first_ns for one in held], GUESSING_NS)
        if peak >= limits["brute_force_count"]:
            yield threat(
                "brute_force", "high", "medium",
                f"{client} made {count(peak, 'short connection')} to {server} port {port} (usually "
                f"{LOGIN_PORTS[port]}) within 60 s.",
                count=len(held), frames=[one.first_frame for one in held[at : at + peak]], mitre="T1110",
                filter=f"{family(client)}.addr == {client} && {family(server)}.addr == {server} && tcp.port == {port}",
                false_alarm="scripts and monitors that log in for each step, connection pools of a database client",
                source=client, target=f"{server} port {port}",
            )  # fmt: skip


def _beacons(some: Iterable[Connection], limits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    series: defaultdict[tuple[str, str, int], list[Connection]] = defaultdict(list)
    for one in some:
        if one.handshake == "complete":
            series[one.client_ip, one.server_ip, one.server_port].append(one)
    for (client, server, port), held in _largest(series):
        if len(held) < limits["beacon_count"]:
            continue
        times = sorted(one.first_ns for one in held)
        gaps = [later - earlier for earlier, later in pairwise(times)]
        mean = statistics.fmean(gaps)
        payloads = [one.to_server.payload_bytes + one.to_client.payload_bytes for one in held]
        if mean < limits["beacon_seconds"] * _S or statistics.median(payloads) > BEACON_BYTES:
            continue
        jitter = statistics.pstdev(gaps) / mean
        if jitter <= limits["beacon_jitter"]:
            outside = is_public(server)
            yield threat(
                "beaconing", "medium" if outside else "low", "medium" if outside else "low",
                f"{client} connected to {server} port {port} {count(len(held), 'time')}, every {mean / _S:.1f} s on "
                f"average with a standard deviation of {jitter:.1%} of that.",
                count=len(held), frames=[one.first_frame for one in held], mitre="T1071",
                filter=f"{family(client)}.src == {client} && {family(server)}.dst == {server} && "
                f"tcp.dstport == {port} && {_PURE_SYN}",
                false_alarm="update checks, monitoring, mail and news readers, anything that asks by a timer",
                source=client, target=f"{server} port {port}",
            )  # fmt: skip


def _exfiltration(some: Iterable[Connection], limits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    frames: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for one in some:
        pair = one.client_ip, one.server_ip
        sums[pair][0] += one.to_server.payload_bytes
        sums[pair][1] += one.to_client.payload_bytes
        if len(frames[pair]) < MAX_EACH:
            frames[pair].append(one.first_frame)
    ranked = sorted(sums.items(), key=lambda item: (-item[1][0], item[0]))
    for (client, server), (sent, received) in ranked[:MAX_EACH]:
        if sent < limits["exfil_bytes"] or sent < limits["exfil_ratio"] * received:
            continue
        if is_public(server) and not is_public(client):
            yield threat(
                "exfiltration", "medium", "low",
                f"{client} sent {size(sent)} to {server}, which is not of a private network, and received "
                f"{size(received)}.",
                count=sent, frames=frames[client, server], mitre="T1048",
                filter=f"{family(client)}.src == {client} && {family(server)}.dst == {server} && tcp",
                false_alarm="backups, uploads of pictures and films, video calls, publishing software",
                source=client, target=server,
            )  # fmt: skip


def _cleartext(some: Iterable[Connection]) -> Iterator[dict[str, Any]]:
    held: defaultdict[int, list[Connection]] = defaultdict(list)
    for one in some:
        payload = one.to_server.payload_bytes + one.to_client.payload_bytes
        if one.server_port in CLEARTEXT and one.handshake in ("complete", "mid_stream") and payload:
            held[one.server_port].append(one)
    for port, connections in sorted(held.items()):
        name, severity = CLEARTEXT[port]
        yield threat(
            "cleartext_protocol", severity, "medium",
            f"{count(len(connections), 'connection')} carried data to port {port}, usually {name} without encryption.",
            count=len(connections), frames=[one.first_frame for one in connections], filter=f"tcp.port == {port}",
            false_alarm="encryption begun inside the connection (STARTTLS), another protocol on that port, public data",
            mitre="T1040", target=f"port {port}",
        )  # fmt: skip


def _largest(held: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    return sorted(held.items(), key=lambda item: (-len(item[1]), str(item[0])))[:MAX_EACH]
