"""Module tls: alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pcapstream.protocols.tls import TlsSummary
from pcapstream.tools.finding import finding
from pcapstream.tools.spec import Key, ToolSpec, table_keys
from pcapstream.tools.text import count, utc
from pcapstream.tools.tls_counts import BASE, Row, counts_of, notes_of, nothing_in, table_of

if TYPE_CHECKING:
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

_ALERT_COLUMNS = (
    "frame", "time", "stream", "src", "src_port", "dst", "dst_port", "from", "level", "description", "number", "sni",
    "after_handshake", "protocol",
)  # fmt: skip


def _alert_row(row: Row) -> list[Any]:
    return [
        row["frame"], utc(row["time_ns"]), row["stream"], row["src"], row["src_port"], row["dst"], row["dst_port"],
        row["from"], row["level"], row["description"], row["number"], row["server_name"], row["after_handshake"],
        row["protocol"],
    ]  # fmt: skip


def _encrypted_row(row: Row) -> list[Any]:
    return [
        row["frame"], utc(row["time_ns"]), row["stream"], row["src"], row["src_port"], row["dst"], row["dst_port"],
        row["from"], row["server_name"], row["after_handshake"],
    ]  # fmt: skip


def _alerts(report: Report, ask: Ask) -> dict[str, Any]:
    counts = counts_of(report)
    summary = report.summary(TlsSummary)
    clear = counts["rows"]["alerts"]
    encrypted = counts["rows"]["encrypted_alerts"]
    kinds: dict[str, int] = {}
    fatal: list[int] = []
    n_fatal = 0
    for row in summary.table("alerts", 0, clear):
        kind = f"{row['level'] or 'level unknown'} {row['description']} from {row['from']}"
        kinds[kind] = kinds.get(kind, 0) + 1
        if row["level"] == "fatal":
            n_fatal += 1
            fatal.append(row["frame"])
    findings = []
    if n_fatal:
        text = f"{count(n_fatal, 'fatal alert')} to be read: each ends its connection."
        where = "tls.alert_message.level == 2 || dtls.alert_message.level == 2"
        findings.append(finding("fatal_alerts", "warning", text, count=n_fatal, frames=fatal[:10], filter=where))
    return {
        "summary": nothing_in(counts) or f"{count(clear, 'alert')} to be read, {encrypted:,} encrypted.",
        "analysis_type": "tls_alerts",
        "statistics": {
            "alerts": clear,
            "fatal": n_fatal,
            "encrypted": encrypted,
            "by_kind": dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0]))),
        },
        "findings": findings,
        "alert_data": table_of(ask, report, counts, "alert_data", "alerts", _ALERT_COLUMNS, _alert_row),
        "encrypted_alerts": table_of(
            ask, report, counts, "encrypted_alerts", "encrypted_alerts",
            ("frame", "time", "stream", "src", "src_port", "dst", "dst_port", "from", "sni", "after_handshake"),
            _encrypted_row, 10,
        ),
        "notes": [
            "TLS 1.3 sends alerts as application data after the hellos: they cannot be told from other data, except "
            "one in the place of a client's Finished.",
            *notes_of(counts),
        ],
    }  # fmt: skip


ALERTS = ToolSpec(
    name="analyze_tls_alerts",
    module="tls",
    title="TLS alerts",
    description=(
        "Use it when TLS connections end with errors: alerts in the clear by name, level and sender, with server name "
        "and time; encrypted alert records apart."
    ),
    view=_alerts,
    needs=("tls",),
    keys=(
        *BASE,
        Key("statistics", "object"),
        Key("findings", "array"),
        *table_keys((("alert_data", "one alert"), ("encrypted_alerts", "one encrypted alert record"))),
    ),
)
