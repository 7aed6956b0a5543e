"""Findings: what was counted, said in our own words, with frames as evidence and a Wireshark filter that shows them.

A finding claims what was counted and no more: no cause, no intent, no text of the capture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pcapstream.tools.text import count, percent, ratio

if TYPE_CHECKING:
    from pcapstream._core import TcpTable
    from pcapstream.model import CaptureFacts, Coverage

Severity = Literal["info", "warning", "severe"]

MAX_FRAMES = 10
"""Frames of evidence in one finding: enough to look at, few enough to read."""

HIGH_RETRANSMISSION_RATE = 0.02
"""mcpcap's default threshold: share of all TCP packets."""

SEVERITIES: tuple[Severity, ...] = ("severe", "warning", "info")

_HANDSHAKE_FILTERS = {
    "syn_only": "{tcp.completeness & 35} == 1",
    "refused": "{tcp.completeness & 35} == 33",
    "half_open": "{tcp.completeness & 7} == 3 || {tcp.completeness & 3} == 2",
    "failed": "{tcp.completeness & 3} == 1 || {tcp.completeness & 3} == 2 || {tcp.completeness & 7} == 3",
    "reset": "tcp.flags.reset == 1",
}
"""Wireshark's sums: 1 SYN, 2 SYN-ACK, 4 ACK, 8 data, 16 FIN, 32 RST. They are known at the end of a connection only:
Wireshark shows them at once, tshark with -2."""


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What one module has to say to somebody who looks at the capture for the first time."""

    text: str
    """Its traffic in a sentence."""
    findings: list[dict[str, Any]]


def finding(
    code: str,
    severity: Severity,
    text: str,
    *,
    count: int,
    frames: Iterable[int] = (),
    filter: str | None = None,
    **more: object,
) -> dict[str, Any]:
    """One finding. filter: a Wireshark display filter; frames: the first ones."""
    found: dict[str, Any] = {"code": code, "severity": severity, "text": text, "count": count}
    evidence = sorted({frame for frame in frames if frame})[:MAX_FRAMES]
    if evidence:
        found["frames"] = evidence
    if filter is not None:
        found["filter"] = filter
    found.update(more)
    return found


def by_weight(findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The heaviest first, otherwise in the order made."""
    return sorted(findings, key=lambda found: SEVERITIES.index(found["severity"]))


def filter_notes(findings: Iterable[Mapping[str, Any]]) -> list[str]:
    """What to know before trying their filters."""
    filters = [found.get("filter", "") for found in findings]
    notes = []
    if any("tcp.completeness" in one for one in filters):
        notes.append("Filters on tcp.completeness work in Wireshark 4.0 and later, and in tshark with -2.")
    if any("resp_in" in one or "response_in" in one for one in filters):
        notes.append("Filters on resp_in and response_in look ahead: they work in Wireshark, and in tshark with -2.")
    return notes


def scope(address: str | None, port: int | None) -> str:
    """Wireshark filter of one server, "" for all traffic."""
    parts = []
    if address is not None:
        parts.append(f"{'ipv6' if ':' in address else 'ip'}.addr == {address}")
    if port is not None:
        parts.append(f"tcp.port == {port}")
    return " && ".join(parts)


def within(scoped: str, wanted: str) -> str:
    """`wanted` inside a scope."""
    if not scoped:
        return wanted
    return f"{scoped} && ({wanted})" if " || " in wanted else f"{scoped} && {wanted}"


def event_filter(name: str) -> str:
    return _HANDSHAKE_FILTERS.get(name) or f"tcp.analysis.{name}"


class TcpEvidence:
    """Frames and filters of the TCP connections of one server, or of all."""

    def __init__(self, table: TcpTable, address: str | None = None, port: int | None = None) -> None:
        self.table = table
        self.address = address
        self.port = port
        self.scope = scope(address, port)
        self.totals: Mapping[str, int] = table.totals(address, port)

    def total(self, name: str) -> int:
        """Occurrences of a tcp.analysis event, both directions."""
        return self.totals[f"{name}_to_server"] + self.totals[f"{name}_to_client"]

    def filter(self, name: str) -> str:
        return within(self.scope, event_filter(name))

    def event_frames(self, name: str) -> list[int]:
        """First frames with a tcp.analysis event: of all traffic as they come, of one server the first of each of the
        first connections."""
        if not self.scope:
            return self.table.frames(name)[:MAX_FRAMES]
        chosen = self.table.connections(self.address, self.port, having=name, limit=MAX_FRAMES)
        return [c.event_frames[name] for c in chosen if name in c.event_frames]

    def state_frames(self, state: str) -> list[int]:
        """First frames that show a handshake or close state: the SYN, SYN-ACK or RST of the first such connections."""
        chosen = self.table.connections(self.address, self.port, having=state, limit=MAX_FRAMES)
        if state == "reset":
            return [c.rst_frame or c.last_frame for c in chosen]
        return [c.syn_frame or c.syn_ack_frame or c.first_frame for c in chosen]


def tcp_findings(evidence: TcpEvidence, threshold: float = HIGH_RETRANSMISSION_RATE) -> list[dict[str, Any]]:
    """Health of the TCP connections in scope, heaviest first. Empty where nothing was counted."""
    totals = evidence.totals
    return by_weight([*_handshakes(evidence, totals), *loss_findings(evidence, threshold), *_windows(evidence)])


def _handshakes(evidence: TcpEvidence, totals: Mapping[str, int]) -> Iterable[dict[str, Any]]:
    begun = totals["complete"] + totals["syn_only"] + totals["refused"] + totals["half_open"]
    states: tuple[tuple[str, str, str], ...] = (
        ("syn_only", "unanswered_connections", "sent a SYN that got no answer in this capture"),
        ("refused", "refused_connections", "had the SYN answered by RST"),
        ("half_open", "half_open_connections", "got a SYN-ACK, but the capture does not show a complete handshake"),
    )
    for state, code, says in states:
        number = totals[state]
        if number:
            weight: Severity = "severe" if number >= 10 and number * 2 > begun else "warning"
            text = f"{count(number, 'connection')} of {begun:,} begun in the capture {says}."
            yield finding(
                code, weight, text, count=number, frames=evidence.state_frames(state), filter=evidence.filter(state)
            )
    number = totals["reset"]
    if number:
        client, server = totals["reset_by_client"], totals["reset_by_server"]
        weight = "warning" if number * 10 > totals["connections"] else "info"
        text = (
            f"{count(number, 'connection')} of {totals['connections']:,} ended with RST, "
            f"the first RST from the client in {client:,} and from the server in {server:,}."
        )
        frames = evidence.state_frames("reset")
        yield finding("reset_connections", weight, text, count=number, frames=frames, filter=evidence.filter("reset"))
    if totals["mid_stream"]:
        number = totals["mid_stream"]
        text = f"{count(number, 'connection')} began before the capture did: their handshakes are not in it."
        yield finding("mid_stream_connections", "info", text, count=number, frames=evidence.state_frames("mid_stream"))


def loss_findings(evidence: TcpEvidence, threshold: float) -> Iterable[dict[str, Any]]:
    """Retransmissions and what goes with them. threshold: a rate of retransmissions above it is a warning."""
    totals = evidence.totals
    number = evidence.total("retransmission")
    if number:
        rate = ratio(number, totals["packets"])
        fast, spurious = evidence.total("fast_retransmission"), evidence.total("spurious_retransmission")
        weight: Severity = "info" if rate <= threshold else "severe" if rate > 5 * threshold else "warning"
        text = (
            f"{count(number, 'retransmission')} in {count(totals['connections_with_retransmission'], 'connection')}, "
            f"{percent(rate)} of the TCP packets ({fast:,} fast, {spurious:,} spurious)."
        )
        yield _event(evidence, "retransmission", "retransmissions", weight, text, number, rate=rate)
    says: tuple[tuple[str, str, Severity, str, str], ...] = (
        ("lost_segment", "missing_segments", "warning", "place", "where data sent earlier is not in the capture"),
        (
            "ack_lost_segment",
            "acks_for_unseen_data",
            "warning",
            "ACK",
            "for data the capture does not hold: the capture missed packets",
        ),
        ("out_of_order", "out_of_order", "info", "segment", "out of order"),
        ("duplicate_ack", "duplicate_acks", "info", "duplicate ACK", ""),
    )
    for name, code, weight, noun, rest in says:
        number = evidence.total(name)
        if number:
            connections = count(totals[f"connections_with_{name}"], "connection")
            text = f"{count(number, noun)} {rest}".rstrip() + f" ({connections})."
            yield _event(evidence, name, code, weight, text, number)


def _windows(evidence: TcpEvidence) -> Iterable[dict[str, Any]]:
    says: tuple[tuple[str, str, Severity, str], ...] = (
        (
            "zero_window",
            "zero_window",
            "warning",
            "segment announced a receive window of zero|segments announced a receive window of zero",
        ),
        (
            "window_full",
            "window_full",
            "info",
            "segment filled the window of its receiver|segments filled the window of their receiver",
        ),
        (
            "reused_ports",
            "reused_ports",
            "info",
            "connection reused the addresses and ports of an earlier one|connections reused the addresses and ports "
            "of earlier ones",
        ),
    )
    for name, code, weight, nouns in says:
        number = evidence.total(name)
        if number:
            one, many = nouns.split("|")
            connections = count(evidence.totals[f"connections_with_{name}"], "connection")
            extra = "" if name == "reused_ports" else f" ({connections})"
            yield _event(evidence, name, code, weight, f"{count(number, one, many)}{extra}.", number)


def _event(
    evidence: TcpEvidence, name: str, code: str, weight: Severity, text: str, number: int, **more: object
) -> dict[str, Any]:
    frames = evidence.event_frames(name)
    return finding(code, weight, text, count=number, frames=frames, filter=evidence.filter(name), **more)


_DAMAGE_WORDS = {
    "truncated": "the file ends inside a record",
    "corrupt_length": "a record has an impossible length",
    "corrupt_block": "a block is malformed",
    "zero_filled": "a stretch is filled with zeros",
    "corrupt_compression": "the compressed data is damaged",
}


def capture_findings(facts: CaptureFacts, coverage: Coverage) -> list[dict[str, Any]]:
    """What is odd about the file itself."""
    found: list[dict[str, Any]] = []
    if coverage.damage_count:
        first = coverage.damage[0] if coverage.damage else None
        words = _DAMAGE_WORDS.get(first["reason"], "bytes could not be read") if first else "bytes could not be read"
        where = f": at byte {first['offset']:,} {words}" if first else ""
        text = f"The capture is damaged in {count(coverage.damage_count, 'place')}{where}."
        if coverage.recovered_packets:
            behind = count(coverage.recovered_packets, "packet")
            text += f" Behind the damage {behind} could be read; they are counted apart."
        found.append(finding("damaged_capture", "severe", text, count=coverage.damage_count))
    cut = facts["truncated_packets"]
    if cut:
        text = f"{count(cut, 'packet')} of {facts['packets']:,} were captured shorter than they were on the wire."
        found.append(finding("packets_cut_short", "info", text, count=cut, filter="frame.cap_len < frame.len"))
    dropped = sum(interface.get("dropped", 0) for interface in facts["interfaces"])
    if dropped:
        text = (
            f"The capturing machine reported {count(dropped, 'dropped packet')}: the capture is not all that was sent."
        )
        found.append(finding("capture_drops", "warning", text, count=dropped))
    if facts["time_backwards"]:
        number = facts["time_backwards"]
        text = f"{count(number, 'packet')} {'has' if number == 1 else 'have'} an earlier time than the packet before."
        found.append(finding("time_goes_back", "info", text, count=number, filter="frame.time_delta < 0"))
    return by_weight(found)
