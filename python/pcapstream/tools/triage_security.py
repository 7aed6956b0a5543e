"""Signs worth a look for security that headers and TCP states show. What is covered is said with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pcapstream.tools.finding import TcpEvidence, by_weight, finding
from pcapstream.tools.text import count

if TYPE_CHECKING:
    from pcapstream._core import Connection

COVERS = (
    "clients whose TCP connections failed on many ports of one host (port scan) or on many hosts (sweep)",
    "servers with many handshakes their clients did not complete (SYN flood)",
    "many connections refused or ended by RST",
    "established TCP connections to the usual ports of protocols without encryption",
)
LEAVES_OUT = ("payloads, credentials, malware, certificates, DNS tunnelling, ARP spoofing, UDP scans",)

_MOST_LOOKED_AT = 4_000
"""Failed connections looked at one by one: a second call must stay quick."""
_MANY_PORTS = 15
_MANY_HOSTS = 15
"""Fewer targets are what a browser or a monitor with a few dead hosts makes too."""
_MANY_HALF_OPEN = 50
_MOST_FINDINGS = 10
_PURE_SYN = "tcp.flags.syn == 1 && tcp.flags.ack == 0"

CLEARTEXT_PORTS = {
    21: "FTP",
    23: "Telnet",
    80: "HTTP",
    110: "POP3",
    143: "IMAP",
    389: "LDAP",
    512: "rexec",
    513: "rlogin",
    514: "rsh",
    5900: "VNC",
}
"""Usual TCP ports whose protocols send what they carry unencrypted."""


def security_findings(tcp: TcpEvidence | None) -> tuple[list[dict[str, Any]], bool]:
    """(findings, whether every failed connection was looked at)."""
    if tcp is None:
        return [], True
    failed: list[Connection] = []
    complete = True
    for state in ("syn_only", "refused"):
        some = tcp.table.connections(having=state, limit=_MOST_LOOKED_AT)
        complete = complete and len(some) == tcp.totals[state]
        failed += some
    half_open = tcp.table.connections(having="half_open", limit=_MOST_LOOKED_AT)
    found = [*_scans(failed), *_floods(half_open), *_resets(tcp), *_cleartext(tcp)]
    return by_weight(found), complete and len(half_open) == tcp.totals["half_open"]


def _scans(failed: Iterable[Connection]) -> Iterable[dict[str, Any]]:
    ports: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    hosts: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    for one in failed:
        ports[one.client_ip, one.server_ip].setdefault(one.server_port, one.first_frame)
        hosts[one.client_ip, one.server_port].setdefault(one.server_ip, one.first_frame)
    scans = sorted(
        ((len(seen), pair, seen) for pair, seen in ports.items() if len(seen) >= _MANY_PORTS),
        reverse=True,
        key=lambda e: e[0],
    )
    for number, (client, server), seen in scans[:_MOST_FINDINGS]:
        yield finding(
            "many_ports_failed",
            "severe",
            f"One client's connections failed on {count(number, 'port')} of one host, as in a port scan.",
            count=number,
            frames=seen.values(),
            filter=f"{_family(client)}.src == {client} && {_family(server)}.dst == {server} && {_PURE_SYN}",
            client=client,
            host=server,
        )
    sweeps = sorted(
        ((len(seen), pair, seen) for pair, seen in hosts.items() if len(seen) >= _MANY_HOSTS),
        reverse=True,
        key=lambda e: e[0],
    )
    for number, (client, port), seen_hosts in sweeps[:_MOST_FINDINGS]:
        yield finding(
            "many_hosts_failed",
            "severe",
            f"One client's connections to one port failed on {count(number, 'host')}, as in a sweep.",
            count=number,
            frames=seen_hosts.values(),
            filter=f"{_family(client)}.src == {client} && tcp.dstport == {port} && {_PURE_SYN}",
            client=client,
            port=port,
        )


def _floods(half_open: Iterable[Connection]) -> Iterable[dict[str, Any]]:
    targets: dict[tuple[str, int], list[int]] = defaultdict(list)
    for one in half_open:
        targets[one.server_ip, one.server_port].append(one.first_frame)
    for (server, port), frames in sorted(targets.items(), key=lambda entry: -len(entry[1]))[:_MOST_FINDINGS]:
        if len(frames) >= _MANY_HALF_OPEN:
            yield finding(
                "many_half_open",
                "severe",
                f"{count(len(frames), 'handshake')} with one server port were answered but not completed, as in a "
                "SYN flood.",
                count=len(frames),
                frames=frames,
                filter=f"{_family(server)}.addr == {server} && tcp.port == {port} && tcp.flags.syn == 1",
                host=server,
                port=port,
            )


def _resets(tcp: TcpEvidence) -> Iterable[dict[str, Any]]:
    reset = tcp.totals["reset"]
    if reset * 4 > tcp.totals["connections"] and reset >= 20:
        yield finding(
            "many_resets",
            "warning",
            f"{reset:,} of {count(tcp.totals['connections'], 'connection')} were refused or ended by RST.",
            count=reset,
            frames=tcp.state_frames("reset"),
            filter="tcp.flags.reset == 1",
        )


def _cleartext(tcp: TcpEvidence) -> Iterable[dict[str, Any]]:
    for port, name in CLEARTEXT_PORTS.items():
        if not tcp.table.count(None, port):
            continue
        totals = tcp.table.totals(None, port)
        number = totals["complete"] + totals["mid_stream"]
        if not number or not totals["payload_to_server"] + totals["payload_to_client"]:
            continue
        first = tcp.table.connections(None, port, limit=10)
        yield finding(
            "cleartext_port",
            "info" if port == 80 else "warning",
            f"{count(number, 'connection')} carried data to port {port}, usually {name} without encryption.",
            count=number,
            frames=[one.first_frame for one in first],
            filter=f"tcp.port == {port}",
            port=port,
        )


def _family(address: str) -> str:
    return "ipv6" if ":" in address else "ip"
