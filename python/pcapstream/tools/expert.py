"""Module triage: analyze_expert_information and analyze_protocol_anomalies, awslabs' names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pcapstream.protocols.triage import TriageSummary
from pcapstream.tools.expert_items import (
    COLUMNS,
    COVERS,
    NEEDS,
    SEVERITIES,
    at_least,
    items_of,
    rows_of,
    sums,
    unreadable,
)
from pcapstream.tools.finding import by_weight, capture_findings, finding
from pcapstream.tools.spec import Key, Parameter, ToolSpec, table_keys
from pcapstream.tools.text import count

if TYPE_CHECKING:
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

_SAMPLE_NOTE = "Frames are the first ones; the filter shows all of an item in Wireshark."


def _expert(report: Report, ask: Ask) -> dict[str, Any]:
    every = items_of(report)
    chosen = at_least(every, ask["severity_filter"])
    counted = sums(every)
    said = ", ".join(count(number, severity) for severity, number in counted.items() if number)
    least = f" Listed: {ask['severity_filter']} and heavier." if ask["severity_filter"] else ""
    return {
        "summary": f"{said or 'No expert items'}.{least}".capitalize(),
        "analysis_type": "expert_information",
        "severity_filter": ask["severity_filter"],
        "by_severity": dict(counted),
        "expert_data": ask.rows("expert_data", COLUMNS, rows_of(chosen)),
        "covers": list(COVERS),
        "notes": [_SAMPLE_NOTE, "Wireshark has items of further protocols; covers lists those counted here."],
    }


EXPERT = ToolSpec(
    name="analyze_expert_information",
    module="triage",
    title="Expert information",
    description="Use for what Wireshark's expert information says: remarks on packets by severity, with group, "
    "protocol, number, first frames and a filter that shows all of them.",
    parameters=(
        Parameter("severity_filter", "string", "Only items of this severity and heavier", None, choices=SEVERITIES),
    ),
    keys=(
        Key("summary", "string", required=True),
        Key("file", "string"),
        Key("analysis_timestamp", "string"),
        Key("analysis_type", "string"),
        Key("severity_filter", "string?"),
        Key("by_severity", "object", "severity: number of remarks, all of them"),
        *table_keys((("expert_data", "a kind of remark"),)),
        Key("covers", "array", "all remarks that are looked for"),
    ),
    needs=NEEDS,
    view=_expert,
)


def _anomalies(report: Report, ask: Ask) -> dict[str, Any]:
    items = [*unreadable(report), *(item for item in items_of(report) if item.group == "Protocol")]
    found = capture_findings(report.capture, report.coverage)
    facts = report.summary(TriageSummary).tally.facts()
    for key, says in _HEADERS:
        if facts[key]:
            found.append(finding(key, "warning", f"{count(facts[key], 'packet')} {says}.", count=facts[key]))
    number = sum(item.count for item in items)
    return {
        "summary": f"{count(number, 'malformed or unexpected message')}, {count(len(found), 'finding')} about packets "
        "and the file.",
        "analysis_type": "protocol_anomalies",
        "findings": by_weight(found),
        "anomaly_data": ask.rows("anomaly_data", COLUMNS, rows_of(items)),
        "notes": [_SAMPLE_NOTE, "analyze_tcp_anomalies has those of TCP connections."],
    }


_HEADERS = (
    ("malformed", "with headers that contradict themselves or end too early"),
    ("too_deep", "with more layers in each other than are followed"),
)
"""Counts of the tally and what they mean."""

PROTOCOL_ANOMALIES = ToolSpec(
    name="analyze_protocol_anomalies",
    module="triage",
    title="Malformed packets and messages",
    description="Use to find packets and messages that break their protocol: malformed headers, DNS, DHCP and SIP "
    "messages, repeated DNS queries, packets cut short, damage of the file.",
    keys=(
        Key("summary", "string", required=True),
        Key("file", "string"),
        Key("analysis_timestamp", "string"),
        Key("analysis_type", "string"),
        Key("findings", "array", "code, severity, text, count, frames, Wireshark filter"),
        *table_keys((("anomaly_data", "a kind of anomaly"),)),
    ),
    needs=(*NEEDS, "capinfos", "triage"),
    view=_anomalies,
)
