"""Signs of guessing, scanning and toll fraud in SIP: what each sender of requests did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pcapstream.tools.finding import finding
from pcapstream.tools.text import count

if TYPE_CHECKING:
    from pcapstream.protocols.sip import Sender, SipSummary

REFUSED_CREDENTIALS = 10
"""A telephone with an old password makes a few an hour; guessing makes many."""
CHALLENGE_LOOP = 3
"""Refused credentials of one registration before it counts as a loop."""
SCANNED_HOSTS = 10
SCANNED_USERS = 10
"""Users one sender named in REGISTER, OPTIONS or SUBSCRIBE, most of them refused."""
DIALLED_ALIKE = 5
"""Numbers of one sender that differ in what stands in front of the same last digits."""
SAME_DIGITS = 8
MOST_FINDINGS = 10

SCANNERS = (
    "friendly-scanner", "sipvicious", "sundayddr", "sip-scan", "sipcli", "sipsak", "pplsip", "vaxsipuseragent",
    "iwar", "svmap", "svwar", "svcrack", "smap", "sipptk", "nmap", "custom sipx",
)  # fmt: skip
"""Parts of User-Agent headers that programs for scanning send, lower case. A claim of the sender."""


def security_findings(summary: SipSummary) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for address, sender in sorted(summary.senders.items(), key=lambda item: (-item[1].requests, item[0])):
        found += _of_sender(address, sender)
        if len(found) >= MOST_FINDINGS:
            break
    total = sum(sender.refused_credentials.count for sender in summary.senders.values())
    if total:
        frames = sorted(frame for sender in summary.senders.values() for frame in sender.refused_credentials.frames)
        found.append(
            finding(
                "refused_credentials", "warning" if total > 1 else "info",
                f"{count(total, 'request')} with credentials got 401, 403 or 407.",
                count=total, frames=frames,
                filter="sip.Status-Code == 401 || sip.Status-Code == 403 || sip.Status-Code == 407",
            )
        )  # fmt: skip
    return [*found, *_loops(summary)]


def _loops(summary: SipSummary) -> Iterable[dict[str, Any]]:
    loops = [one for one in summary.registrations.values() if one.refused_credentials.count >= CHALLENGE_LOOP]
    if loops:
        yield finding(
            "challenge_loops", "warning",
            f"{count(len(loops), 'registration')} had credentials refused {CHALLENGE_LOOP} times or more.",
            count=len(loops), frames=[frame for one in loops for frame in one.refused_credentials.frames],
            filter='sip.CSeq.method == "REGISTER" && (sip.Status-Code == 401 || sip.Status-Code == 403 || '
            "sip.Status-Code == 407)",
        )  # fmt: skip


def _of_sender(address: str, sender: Sender) -> Iterable[dict[str, Any]]:
    where = f"{'ipv6' if ':' in address else 'ip'}.src == {address} && sip.Method"
    refused, unknown = sender.refused_credentials, sender.unknown_users
    if refused.count >= REFUSED_CREDENTIALS:
        accepted = sum(n for code, n in sender.codes.items() if 200 <= code < 300)
        yield finding(
            "many_refused_credentials", "severe",
            f"{address} sent {count(refused.count, 'request')} whose credentials were refused; "
            f"{count(accepted, 'request')} of it got a 2xx.",
            count=refused.count, frames=refused.frames, filter=f"{where}",
        )  # fmt: skip
    users, targets = len(sender.users), len(sender.targets)
    failed = sum(n for code, n in sender.codes.items() if code in (401, 403, 404, 407, 410, 484, 604))
    if targets >= SCANNED_HOSTS and not sender.answered_calls:
        yield finding(
            "sip_scan", "severe",
            f"{address} sent {count(sender.requests, 'request')} to {count(targets, 'host')}.",
            count=targets, frames=sender.frames, filter=where,
        )  # fmt: skip
    elif users >= SCANNED_USERS and failed * 2 > sum(sender.codes.values()):
        yield finding(
            "user_scan", "severe",
            f"{address} named {count(users, 'user')} in REGISTER, OPTIONS or SUBSCRIBE; {failed:,} of "
            f"{count(sum(sender.codes.values()), 'final response')} refused or did not know them "
            f"({unknown.count:,} not found).",
            count=users, frames=sender.frames, filter=where,
        )  # fmt: skip
    alike = _alike(sender.numbers)
    if alike >= DIALLED_ALIKE:
        answered = sender.answered_calls
        yield finding(
            "varied_prefixes", "severe",
            f"{address} called {count(alike, 'number')} with the same last {SAME_DIGITS} digits and other digits in "
            f"front; {count(answered, 'call')} of this sender {'was' if answered == 1 else 'were'} answered. Toll "
            "fraud tries prefixes like that.",
            count=alike, frames=sender.call_frames, filter=f'{where} == "INVITE"',
        )  # fmt: skip
    named = sorted({name for agent in sender.agents for name in SCANNERS if name in agent.lower()})
    if named:
        yield finding(
            "scanner_agent", "warning",
            f"{address} named itself as a program known for scanning: {', '.join(named)}.",
            count=sender.requests, frames=sender.frames, filter=where,
        )  # fmt: skip


def _alike(numbers: Iterable[str]) -> int:
    """Most numbers that end in the same digits."""
    ends: Counter[str] = Counter()
    for number in numbers:
        digits = "".join(c for c in number if c.isdigit())
        if len(digits) >= SAME_DIGITS:
            ends[digits[-SAME_DIGITS:]] += 1
    return max(ends.values(), default=0)
