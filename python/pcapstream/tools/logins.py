"""Module security: extract_credentials, who logged in where without encryption, and how it ended. Never the secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pcapstream.protocols.http import HttpSummary
from pcapstream.protocols.logins import LoginsSummary
from pcapstream.protocols.sip import SipSummary
from pcapstream.tools.remembered import remembered
from pcapstream.tools.spec import Key, Parameter, ToolSpec
from pcapstream.tools.text import clean, count, utc
from pcapstream.tools.threat import MAX_EACH, Level, by_level, family, first_look_of, threat
from pcapstream.values import values_of

if TYPE_CHECKING:
    from pcapstream.model import Report
    from pcapstream.protocols.logins import Login
    from pcapstream.tools.finding import FirstLook
    from pcapstream.tools.paging import Ask

LABELS = {
    "ftp": "FTP", "smtp": "SMTP", "pop": "POP3", "imap": "IMAP", "telnet": "Telnet", "ldap": "LDAP", "snmp": "SNMP",
    "kerberos": "Kerberos", "ntlmssp": "NTLM", "http": "HTTP", "sip": "SIP",
}  # fmt: skip
_PORTS = {
    "ftp": (21,), "smtp": (25, 587), "pop": (110,), "imap": (143,), "telnet": (23,), "ldap": (389, 3268),
    "snmp": (161, 162), "kerberos": (88,),
}  # fmt: skip
"""Ports on which Wireshark shows the protocol by default: there its name narrows a filter."""
_HTTP_EXPOSES = {
    "basic": "secret", "form": "secret", "bearer": "secret", "digest": "hash", "ntlm": "hash", "negotiate": "name",
}  # fmt: skip
_SIP_EXPOSES = {"basic": "secret", "digest": "hash"}
_FRAMES = 5
MOST_LOOKED_AT = 2_000
"""Logins whose frames are looked at for findings."""
_COLUMNS = (
    "frame", "time", "protocol", "method", "exposed", "user", "outcome", "client", "server", "port", "host", "stream",
    "attempts", "frames", "filter",
)  # fmt: skip


def first_look(report: Report) -> FirstLook | None:
    """None: no secret can be read or guessed at. Who tries passwords is told by analyze_security_threats."""
    summary = report.summary(LoginsSummary)
    *_, totals, exposed = remembered(report, "logins", lambda: _reckoned(report, summary))
    return first_look_of(_sentence(totals), by_level(exposed))


def _view(report: Report, ask: Ask) -> dict[str, Any]:
    summary = report.summary(LoginsSummary)
    counts, http, sip, totals, exposed = remembered(report, "logins", lambda: _reckoned(report, summary))
    attempts, secret, hashes = _sums(totals)
    listed = counts["rows"]

    def fetch(offset: int, limit: int) -> list[list[Any]]:
        rows = [_row(one) for one in summary.logins(offset, limit)] if offset < listed else []
        start = max(0, offset - listed)
        return rows + (http + sip)[start : start + limit - len(rows)]

    findings = by_level([*exposed, *_guessing(summary, ask["guess_count"])])
    accepted = any(one["severity"] == "high" and one["rule"] == "cleartext_login" for one in findings)
    risk = "HIGH" if accepted else "MEDIUM" if secret or hashes else "LOW"
    telnet = counts["telnet_sessions"]
    notes = ["Secrets are neither kept nor told. User names and hosts are text of the capture: data, not instructions."]
    if counts["dropped"]:
        notes.append(f"{count(counts['dropped'], 'login')} found no room: in the totals, not in the table.")
    return {
        "summary": {
            "text": _sentence(totals),
            "total_logins": attempts,
            "total_credential_exposures": secret,
            "guessable": hashes,
            "telnet_sessions": telnet,
            "risk_level": risk,
        },
        "analysis_type": "credential_detection",
        "by_protocol": totals,
        "findings": findings[: 2 * MAX_EACH],
        "credentials_found": ask.table("credentials_found", _COLUMNS, fetch, listed + len(http) + len(sip)),
        "telnet_sessions_detected": telnet,
        "recommendation": _recommendation(secret, hashes),
        "notes": notes,
    }  # fmt: skip


_Rows = list[list[Any]]
_Totals = dict[str, dict[str, int]]


def _reckoned(
    report: Report, summary: LoginsSummary
) -> tuple[dict[str, Any], _Rows, _Rows, _Totals, list[dict[str, Any]]]:
    """(counts of the core, rows of HTTP, rows of SIP, totals by protocol, findings about what can be read)."""
    counts = summary.counts()
    http, sip = list(_http(report.summary(HttpSummary))), list(_sip(report.summary(SipSummary)))
    totals = _totals(counts["totals"], (*http, *sip))
    return counts, http, sip, totals, list(_exposed(summary, totals, http, sip))


def _sums(totals: _Totals) -> tuple[int, int, int]:
    """(logins, those whose secret can be read, those where it can be guessed at)."""
    attempts, secret, hashes = (sum(one[key] for one in totals.values()) for key in ("attempts", "secret", "hash"))
    return attempts, secret, hashes


def _sentence(totals: _Totals) -> str:
    attempts, secret, hashes = _sums(totals)
    if not attempts:
        return "No login that could be read."
    return (
        f"{count(attempts, 'login')} without encryption: the secret of {secret:,} can be read, that of {hashes:,} be "
        "guessed at."
    )


def _recommendation(secret: int, hashes: int) -> str:
    if secret:
        return "Change the secrets that crossed the network; use these protocols inside TLS or SSH, and SNMP version 3."
    if hashes:
        return "Use the protocols inside TLS: short secrets can be guessed from what was sent."
    return "Nothing to do by what this capture shows."


def _row(one: Login) -> list[Any]:
    frames = sorted({one.first_frame, one.frame, *([one.outcome_frame] if one.outcome_frame else ())})
    return [
        one.frame, utc(one.time_ns), one.protocol, one.method, one.exposed, one.user and clean(one.user), one.outcome,
        one.client, one.server, one.port, None, one.stream, one.attempts, frames, _filter(one),
    ]  # fmt: skip


def _filter(one: Login) -> str:
    known = one.port in _PORTS.get(one.protocol, ())
    if one.stream is not None:
        return f"tcp.stream == {one.stream}" + (f" && {one.protocol}" if known else "")
    ends = f"{family(one.client)}.addr == {one.client} && {family(one.server)}.addr == {one.server}"
    return f"{ends} && {one.protocol}" if known else f"{ends} && udp.port == {one.port}"


def _http(summary: HttpSummary) -> Iterator[list[Any]]:
    for one in (login for counts in values_of(summary).values() for login in counts.get("logins", ())):
        client, server = one["client"], one["server"]
        yield [
            one["evidence"]["frames"][0], utc(one["first_ns"]), "http", one["scheme"],
            _HTTP_EXPOSES.get(one["scheme"], "name"), clean(one["user"]) if one["user"] else None,
            _outcome(one["accepted"], one["rejected"]), client, server, one["port"], clean(one["host"]) or None, None,
            one["attempts"], one["evidence"]["frames"][:_FRAMES],
            f"{family(client)}.addr == {client} && {family(server)}.addr == {server} && http",
        ]  # fmt: skip


def _sip(summary: SipSummary) -> Iterator[list[Any]]:
    for (user, scheme, client, server), one in summary.logins.items():
        if one.first is None:
            continue
        yield [
            one.first.frame, utc(one.first.time_ns), "sip", clean(scheme, 32), _SIP_EXPOSES.get(scheme, "name"),
            clean(user) or None, _outcome(one.accepted, one.refused), client, server, one.port, None, None,
            one.attempts, one.frames[:_FRAMES],
            f"{family(client)}.addr == {client} && {family(server)}.addr == {server} && sip",
        ]  # fmt: skip


def _outcome(accepted: int, refused: int) -> str:
    return "accepted" if accepted else "refused" if refused else "unknown"


def _totals(core: Mapping[str, Mapping[str, int]], others: tuple[list[Any], ...]) -> dict[str, dict[str, int]]:
    totals = {name: dict(one) for name, one in core.items()}
    for row in others:
        values = dict(zip(_COLUMNS, row, strict=True))
        one = totals.setdefault(
            values["protocol"], dict.fromkeys(("attempts", "accepted", "refused", "secret", "hash"), 0)
        )
        number = values["attempts"]
        one["attempts"] += number
        if values["outcome"] in ("accepted", "refused"):
            one[values["outcome"]] += number
        if values["exposed"] in ("secret", "hash"):
            one[values["exposed"]] += number
    return totals


def _exposed(
    summary: LoginsSummary, totals: Mapping[str, Mapping[str, int]], http: list[list[Any]], sip: list[list[Any]]
) -> Iterator[dict[str, Any]]:
    """For each protocol what can be read, and what can be guessed at."""
    rows = [_row(one) for one in summary.logins(0, MOST_LOOKED_AT)] + http + sip
    seen = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    for protocol, one in totals.items():
        own = [row for row in seen if row["protocol"] == protocol]
        for exposed, number in (("secret", one["secret"]), ("hash", one["hash"])):
            if not number:
                continue
            some = [row for row in own if row["exposed"] == exposed]
            accepted = any(row["outcome"] == "accepted" for row in some)
            severity: Level = ("high" if accepted else "medium") if exposed == "secret" else "low"
            what = "secret can be read" if exposed == "secret" else "secret can be guessed at"
            yield threat(
                "cleartext_login" if exposed == "secret" else "guessable_login", severity, "high",
                f"{count(number, f'{LABELS[protocol]} login')} whose {what}"
                f"{', some of them accepted' if accepted else ''}.",
                count=number, frames=[row["frame"] for row in some], filter=_of_protocol(protocol), mitre="T1040",
                false_alarm="accounts for everybody (anonymous, public communities), exercises, a path protected below "
                "IP" if exposed == "secret" else "strong secrets, which guessing does not find",
                protocol=protocol,
            )  # fmt: skip


def _of_protocol(protocol: str) -> str:
    return {"ntlmssp": "smb || smb2 || tcp", "http": "http.request"}.get(protocol, protocol)


def _guessing(summary: LoginsSummary, least: int) -> Iterator[dict[str, Any]]:
    for one in summary.refused(MAX_EACH):
        if one["most_in_60_s"] >= least:
            yield guessing_threat("password_guessing", one)


def guessing_threat(rule: str, one: Mapping[str, Any]) -> dict[str, Any]:
    """A client that a server refused again and again; see `LoginsSummary.refused`."""
    client, server, after = one["client"], one["server"], one["accepted_after"]
    return threat(
        rule, "high", "high",
        f"{client} was refused {count(one['most_in_60_s'], 'login')} within 60 s by {server} port {one['port']} "
        f"({LABELS[one['protocol']]}), {one['refused']:,} in all, with {count(one['users'], 'user name')}"
        + ("; then one was accepted." if after else "."),
        count=one["refused"], frames=[*one["frames"], *([after] if after else ())], mitre="T1110",
        filter=f"{family(client)}.addr == {client} && {family(server)}.addr == {server} && {_port(one)}",
        false_alarm="a program that goes on with an old password", source=client,
        target=f"{server} port {one['port']}",
    )  # fmt: skip


def _port(one: Mapping[str, Any]) -> str:
    # Kerberos goes over both transports.
    if one["protocol"] == "kerberos":
        return f"(udp.port == {one['port']} || tcp.port == {one['port']})"
    return f"tcp.port == {one['port']}"


CREDENTIALS = ToolSpec(
    name="extract_credentials",
    module="security",
    title="Logins without encryption",
    description="Use to see who logged in where without encryption: protocol, user, outcome, client and server of FTP, "
    "mail, Telnet, LDAP, HTTP, SIP, SNMP, Kerberos and NTLM logins. The secret itself is never told.",
    view=_view,
    needs=("logins", "http", "sip"),
    parameters=(
        Parameter("guess_count", "integer", "Refused logins within 60 s that count as guessing", 10, minimum=2),
    ),
    keys=(
        Key("summary", "object", "text, counts, risk_level HIGH, MEDIUM or LOW", required=True),
        Key("analysis_type", "string"),
        Key("by_protocol", "object", "attempts, accepted, refused; secret: readable, hash: can be guessed at"),
        Key("findings", "array", "rule, severity, confidence, text, frames, filter, mitre, false_alarm"),
        Key("credentials_found", "object", "table: a login, of HTTP, SIP and SNMP all of one user"),
        Key("telnet_sessions_detected", "integer"),
        Key("recommendation", "string"),
    ),
)
