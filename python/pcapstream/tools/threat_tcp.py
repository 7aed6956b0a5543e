"""Rules of analyze_security_threats over TCP connections, which the core groups: see `TcpTable.suspects`."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pcapstream.tools.text import count, size
from pcapstream.tools.threat import Level, family, threat

if TYPE_CHECKING:
    from pcapstream._core import TcpTable

MOST_LOOKED_AT = 20_000
"""Connections looked at one by one, the latest left out."""

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

_LEAST = ("scan_ports", "scan_hosts", "syn_flood_count", "brute_force_count", "beacon_count", "exfil_bytes")
"""Thresholds below which the core does not hand a group of connections out."""
_MOST = 2**63 - 1


def tcp_threats(table: TcpTable, limits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    groups = table.suspects(
        looked_at=MOST_LOOKED_AT,
        least={name: min(limits[name], _MOST) for name in _LEAST},
        login_ports=list(LOGIN_PORTS),
        guess_bytes=GUESS_BYTES,
        cleartext_ports=list(CLEARTEXT),
        flood_ns=FLOOD_NS,
        guessing_ns=GUESSING_NS,
    )
    yield from _vertical(groups["vertical_scan"])
    yield from _horizontal(groups["horizontal_scan"])
    yield from _flood(groups["syn_flood"], limits["syn_flood_count"])
    yield from _guessing(groups["brute_force"], limits["brute_force_count"])
    yield from _beacons(groups["beaconing"], limits)
    yield from _exfiltration(groups["exfiltration"], limits["exfil_ratio"])
    yield from _cleartext(groups["cleartext_protocol"])


def looked_at(table: TcpTable) -> tuple[int, bool]:
    """(connections looked at, whether these are all)."""
    number = min(len(table), MOST_LOOKED_AT)
    return number, number == len(table) and not table.evicted


def is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def _vertical(groups: list[list[Any]]) -> Iterator[dict[str, Any]]:
    for client, server, ports, frames in groups:
        yield threat(
            "vertical_scan", "high", "high",
            f"Connections of {client} failed on {count(ports, 'port')} of {server}.",
            count=ports, frames=frames, mitre="T1046",
            filter=f"{family(client)}.src == {client} && {family(server)}.dst == {server} && {_PURE_SYN}",
            false_alarm="an inventory or vulnerability scanner of the operator, a host whose services are all down",
            source=client, target=server,
        )  # fmt: skip


def _horizontal(groups: list[list[Any]]) -> Iterator[dict[str, Any]]:
    for client, port, hosts, frames in groups:
        yield threat(
            "horizontal_scan", "high", "medium",
            f"Connections of {client} to port {port} failed on {count(hosts, 'host')}.",
            count=hosts, frames=frames, mitre="T1046",
            filter=f"{family(client)}.src == {client} && tcp.dstport == {port} && {_PURE_SYN}",
            false_alarm="monitoring of the operator, peer-to-peer programs, a client without a way out",
            source=client, target=f"port {port}",
        )  # fmt: skip


def _flood(groups: list[list[Any]], least: int) -> Iterator[dict[str, Any]]:
    for server, port, held, peak, sources, frames in groups:
        if peak >= least:
            yield threat(
                "syn_flood", "high", "high" if sources * 2 >= peak else "medium",
                f"{count(peak, 'handshake')} from {count(sources, 'address', 'addresses')} with {server} port {port} "
                f"were begun within 10 s and never finished; {held:,} in all.",
                count=held, frames=frames, mitre="T1499.001",
                filter=f"{family(server)}.dst == {server} && tcp.dstport == {port} && {_PURE_SYN}",
                false_alarm="a popular service that is down, a capture that misses one direction, a load test",
                target=f"{server} port {port}",
            )  # fmt: skip


def _guessing(groups: list[list[Any]], least: int) -> Iterator[dict[str, Any]]:
    for client, server, port, held, peak, frames in groups:
        if peak >= least:
            yield threat(
                "brute_force", "high", "medium",
                f"{client} made {count(peak, 'short connection')} to {server} port {port} (usually "
                f"{LOGIN_PORTS[port]}) within 60 s.",
                count=held, frames=frames, mitre="T1110",
                filter=f"{family(client)}.addr == {client} && {family(server)}.addr == {server} && tcp.port == {port}",
                false_alarm="scripts and monitors that log in for each step, connection pools of a database client",
                source=client, target=f"{server} port {port}",
            )  # fmt: skip


def _beacons(groups: list[list[Any]], limits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for client, server, port, held, mean, jitter, payload, frames in groups:
        if mean < limits["beacon_seconds"] * _S or payload > BEACON_BYTES or jitter > limits["beacon_jitter"]:
            continue
        outside = is_public(server)
        yield threat(
            "beaconing", "medium" if outside else "low", "medium" if outside else "low",
            f"{client} connected to {server} port {port} {count(held, 'time')}, every {mean / _S:.1f} s on "
            f"average with a standard deviation of {jitter:.1%} of that.",
            count=held, frames=frames, mitre="T1071",
            filter=f"{family(client)}.src == {client} && {family(server)}.dst == {server} && "
            f"tcp.dstport == {port} && {_PURE_SYN}",
            false_alarm="update checks, monitoring, mail and news readers, anything that asks by a timer",
            source=client, target=f"{server} port {port}",
        )  # fmt: skip


def _exfiltration(groups: list[list[Any]], least_ratio: float) -> Iterator[dict[str, Any]]:
    for client, server, sent, received, frames in groups:
        if sent >= least_ratio * received and is_public(server) and not is_public(client):
            yield threat(
                "exfiltration", "medium", "low",
                f"{client} sent {size(sent)} to {server}, which is not of a private network, and received "
                f"{size(received)}.",
                count=sent, frames=frames, mitre="T1048",
                filter=f"{family(client)}.src == {client} && {family(server)}.dst == {server} && tcp",
                false_alarm="backups, uploads of pictures and films, video calls, publishing software",
                source=client, target=server,
            )  # fmt: skip


def _cleartext(groups: list[list[Any]]) -> Iterator[dict[str, Any]]:
    for port, connections, frames in groups:
        name, severity = CLEARTEXT[port]
        yield threat(
            "cleartext_protocol", severity, "medium",
            f"{count(connections, 'connection')} carried data to port {port}, usually {name} without encryption.",
            count=connections, frames=frames, filter=f"tcp.port == {port}",
            false_alarm="encryption begun inside the connection (STARTTLS), another protocol on that port, public data",
            mitre="T1040", target=f"port {port}",
        )  # fmt: skip
