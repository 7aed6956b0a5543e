"""Module tls: handshakes, and the versions, ciphers and groups agreed on in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pcapstream.protocols.tls import FAMILY
from pcapstream.tools.finding import FirstLook, Severity, by_weight, finding
from pcapstream.tools.spec import Key, ToolSpec, table_keys
from pcapstream.tools.text import clean, count, milliseconds, percent, ratio, utc
from pcapstream.tools.times import times_of
from pcapstream.tools.tls_counts import (
    BASE,
    Counts,
    Row,
    counts_of,
    decrypted_of,
    decrypted_words,
    ends_of,
    frame_filter,
    merged,
    names_are_data,
    notes_of,
    nothing_in,
    number_of,
    outcome_words,
    table_of,
)

if TYPE_CHECKING:
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

_HANDSHAKE_COLUMNS = (
    "frame", "time", "stream", "src", "src_port", "dst", "dst_port", "sni", "outcome", "last_step", "tls_version",
    "cipher_suite", "key_exchange_group", "pqc_key_exchange", "alpn", "resumption", "hello_ms", "duration_ms",
    "steps_ms", "alerts", "ended_by", "client", "ja3", "ja3s", "ja4", "detected_by",
)  # fmt: skip

_OFFER_MARKS = (
    "grease", "ech", "encrypted_server_name", "session_ticket", "pre_shared_key", "early_data", "status_request",
    "ssl2_hello",
)  # fmt: skip


def _handshake_row(row: Row) -> list[Any]:
    offer: Row = row["offer"] or {}
    client = {
        "versions": offer.get("versions", []),
        "supported_groups": offer.get("groups", []),
        "key_shares": offer.get("key_shares", []),
        "alpn": offer.get("alpn", []),
        "marks": [mark for mark in _OFFER_MARKS if offer.get(mark)],
    }
    return [
        row["frame"], utc(row["time_ns"]), row["stream"], *ends_of(row), row["server_name"], row["outcome"],
        row["last_step"], row["version"], row["cipher"], row["group"], row["post_quantum"], row["alpn"],
        row["resumption"], milliseconds(row["hello_ns"]), milliseconds(row["duration_ns"]),
        {step: milliseconds(ns) for step, ns in row["steps_ns"].items()},
        [f"{alert['from']}: {alert['description'] or 'encrypted'}" for alert in row["alerts"]],
        row["ended_by"], client, row["ja3"], row["ja3s"], offer.get("ja4"), row["detected_by"],
    ]  # fmt: skip


def _handshakes(report: Report, ask: Ask) -> dict[str, Any]:
    counts = counts_of(report)
    handshakes = number_of(counts, "handshakes")
    messages = sum(n for name in FAMILY for _, n in counts[name]["messages"]["rows"])
    found: dict[str, Any] = {
        "summary": nothing_in(counts)
        or f"{count(handshakes, 'handshake')}: {outcome_words(counts)}.{decrypted_words(counts)}",
        "analysis_type": "tls_handshakes",
        "pqc_detected": number_of(counts, "post_quantum_offered") + number_of(counts, "post_quantum_chosen") > 0,
        "total_handshake_messages": messages,
        "statistics": {
            "handshakes": handshakes,
            "outcomes": {
                outcome: sum(counts[name]["outcomes"][outcome]["count"] for name in FAMILY)
                for outcome in counts["tls"]["outcomes"]
            },
            "stopped_at": {
                f"{outcome} after {step}": n
                for name in FAMILY
                for (outcome, step), n in counts[name]["stopped_at"]["rows"]
            },
            "resumed": number_of(counts, "resumed"),
            "hello_retry_requests": number_of(counts, "hello_retries"),
            "pqc_offered": number_of(counts, "post_quantum_offered"),
            "pqc_negotiated": number_of(counts, "post_quantum_chosen"),
            "with_ech": number_of(counts, "with_ech"),
            "with_grease": number_of(counts, "with_grease"),
            "with_client_certificate": number_of(counts, "client_certificates"),
            "without_server_name": number_of(counts, "without_server_name"),
            "versions": merged(counts, "versions"),
            "frames": {name: counts[name]["frames"] for name in FAMILY if counts[name]["frames"]},
        },
        **decrypted_of(counts),
        "hello_time_ms": times_of(counts["tls"]["hello_time"]),
        "handshake_time_ms": times_of(counts["tls"]["duration"]),
        "findings": _handshake_findings(counts),
    }
    found["handshake_data"] = table_of(
        ask, report, counts, "handshake_data", "handshakes", _HANDSHAKE_COLUMNS, _handshake_row
    )
    for name in ("server_names", "ja3", "ja3s", "ja4"):
        rows = [[clean(value), n] for value, n in merged(counts, name).items()]
        column = "server_name" if name == "server_names" else name
        found[name] = ask.rows(name, (column, "hellos"), rows, limit=10)
    found["notes"] = [*notes_of(counts), *names_are_data(counts)]
    return found


def first_look(report: Report) -> FirstLook | None:
    """None: there is neither TLS nor DTLS."""
    counts = counts_of(report)
    if nothing_in(counts):
        return None
    handshakes = number_of(counts, "handshakes")
    text = f"{count(handshakes, 'handshake')}: {outcome_words(counts)}." if handshakes else "No handshake captured."
    text += decrypted_words(counts)
    return FirstLook(text, _handshake_findings(counts))


_OUTCOMES: tuple[tuple[str, Severity, str], ...] = (
    ("alert", "warning", "ended with an alert before they were complete"),
    ("reset", "warning", "were broken off by a TCP reset before they were complete"),
    ("closed", "warning", "were closed before they were complete"),
    ("stalled", "warning", "neither completed nor ended in this capture"),
)

_COMPLETE_LESS_FILTER = "tls.handshake.type == 1 || dtls.handshake.type == 1"


def _handshake_findings(counts: Counts) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    total = number_of(counts, "handshakes")
    for outcome, severity, words in _OUTCOMES:
        n = sum(counts[name]["outcomes"][outcome]["count"] for name in FAMILY)
        if not n:
            continue
        frames = sorted(f for name in FAMILY for f in counts[name]["outcomes"][outcome]["frames"])
        one = words.replace("were ", "was ", 1).replace("they were", "it was")
        text = f"{count(n, 'handshake')} of {total:,} {words if n > 1 else one} ({percent(ratio(n, total))})."
        found.append(
            finding(f"handshake_{outcome}", severity, text, count=n, frames=frames, filter=frame_filter(frames))
        )
    return by_weight(found)


HANDSHAKES = ToolSpec(
    name="analyze_tls_handshakes",
    module="tls",
    title="TLS handshakes",
    description=(
        "Use it when TLS connections fail, are slow, or you want to know who speaks what: every TLS and DTLS handshake "
        "on any port with server name, version, cipher, group (post-quantum too), ALPN, resumption, times of its "
        "steps, how it ended and where, JA3, JA3S and JA4."
    ),
    view=_handshakes,
    needs=("tls",),
    default_limit=25,
    keys=(
        *BASE,
        Key("pqc_detected", "boolean", "a post-quantum group was offered or chosen"),
        Key("total_handshake_messages", "integer", "in the clear"),
        Key("statistics", "object"),
        Key("decrypted", "object", "what session secrets of the capture or of a key log opened"),
        Key("hello_time_ms", "object", "client hello to server hello"),
        Key("handshake_time_ms", "object", "client hello to the last Finished"),
        Key("findings", "array"),
        *table_keys((
            ("handshake_data", "one handshake"), ("server_names", ""), ("ja3", ""), ("ja3s", ""), ("ja4", ""),
        )),
    ),
)  # fmt: skip
