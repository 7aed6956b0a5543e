"""Module tls: certificates, and how they fit the server names asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pcapstream.protocols.tls import TlsSummary
from pcapstream.tools.finding import FirstLook, Severity, by_weight, finding
from pcapstream.tools.spec import Key, ToolSpec, table_keys
from pcapstream.tools.text import clean, count, utc
from pcapstream.tools.tls_counts import (
    BASE,
    Counts,
    Row,
    add_kind,
    counts_of,
    ends_of,
    frame_filter,
    merged,
    names_are_data,
    notes_of,
    nothing_in,
    number_of,
    table_of,
)

if TYPE_CHECKING:
    from pcapstream.model import Report
    from pcapstream.tools.paging import Ask

SOON_DAYS = 30
"""A certificate that ends within that many days of the capture is told."""

NS_A_DAY = 86_400_000_000_000

_MISMATCH_COLUMNS = (
    "frame", "time", "stream", "src", "src_port", "dst", "dst_port", "sni", "certificate_names", "certificate_sha256",
    "outcome",
)  # fmt: skip

_BROKEN_COLUMNS = (
    "frame", "time", "stream", "src", "src_port", "dst", "dst_port", "sni", "rst", "ended_by", "end_frame", "last_step",
    "alerts",
)  # fmt: skip


def _sni(report: Report, ask: Ask) -> dict[str, Any]:
    counts = counts_of(report)
    summary = report.summary(TlsSummary)
    mismatches, whole = number_of(counts, "name_mismatches"), number_of(counts, "handshakes")
    unnamed = number_of(counts, "without_server_name")

    def mismatch_row(row: Row) -> list[Any]:
        leaf = next(iter(summary.table("certificates", row["chain"][0], 1)), {}) if row["chain"] else {}
        names = [*leaf.get("dns_names", []), *leaf.get("ip_addresses", [])]
        if not names and leaf.get("common_name"):
            names = [leaf["common_name"]]
        return [
            row["frame"], utc(row["time_ns"]), row["stream"], *ends_of(row), row["server_name"], names,
            leaf.get("sha256"), row["outcome"],
        ]  # fmt: skip

    def broken_row(row: Row) -> list[Any]:
        return [
            row["frame"], utc(row["time_ns"]), row["stream"], *ends_of(row), row["server_name"],
            row["outcome"] == "reset", row["ended_by"], row["end_frame"], row["last_step"],
            [f"{alert['from']}: {alert['description'] or 'encrypted'}" for alert in row["alerts"]],
        ]  # fmt: skip

    findings: list[dict[str, Any]] = []
    add_kind(
        findings, counts, "name_mismatches", "name_mismatch", "warning",
        "got a certificate that is not for the server name the client asked for",
    )  # fmt: skip
    broken = counts["rows"]["broken_off"]
    if broken:
        frames = [row["frame"] for row in summary.table("broken_off", 0, 10)]
        text = f"{count(broken, 'handshake')} with a server name did not complete: ended by alert, reset or close."
        findings.append(
            finding(
                "broken_off_after_server_name", "info", text, count=broken, frames=frames, filter=frame_filter(frames)
            )
        )
    found: dict[str, Any] = {
        "summary": nothing_in(counts)
        or f"{count(mismatches, 'handshake')} of {whole:,} with a certificate for another name than the one asked for.",
        "analysis_type": "sni_mismatches",
        "statistics": {
            "handshakes": whole,
            "name_mismatches": mismatches,
            "without_server_name": unnamed,
            "with_ech": number_of(counts, "with_ech"),
            "broken_off": broken,
        },
        "findings": by_weight(findings),
        "sni_data": table_of(ask, report, counts, "sni_data", "mismatches", _MISMATCH_COLUMNS, mismatch_row),
        "broken_off": table_of(ask, report, counts, "broken_off", "broken_off", _BROKEN_COLUMNS, broken_row, 20),
    }
    rows = [[clean(name), n] for name, n in merged(counts, "server_names").items()]
    found["server_names"] = ask.rows("server_names", ("server_name", "hellos"), rows, limit=20)
    found["notes"] = [
        "In TLS 1.3 certificates are encrypted: names are compared where the certificate is in the clear "
        "(TLS 1.2 and before, DTLS 1.2).",
        *notes_of(counts),
        *names_are_data(counts),
    ]
    return found


_CERTIFICATE_COLUMNS = (
    "first_frame", "sent_by", "server", "server_port", "sni", "place_in_chain", "subject", "issuer", "serial",
    "not_before", "not_after", "valid_at_capture", "dns_names", "ip_addresses", "matches_sni", "key", "signature",
    "self_signed", "is_ca", "sha256", "count",
)  # fmt: skip


def _validity(row: Row) -> str | None:
    """By the time of the packet that brought it."""
    if row.get("not_before_s") is None:
        return None
    now = row["first_time_ns"] // 1_000_000_000
    if now < row["not_before_s"]:
        return "not yet"
    return "expired" if now > row["not_after_s"] else "valid"


def _certificate_row(row: Row) -> list[Any]:
    key = row.get("key_type")
    if key is not None:
        size = row.get("curve") or (f"{row['key_bits']} bit" if row.get("key_bits") else "")
        key = f"{key} {size}".strip()
    dates = [utc(row[name] * 1_000_000_000) if row.get(name) is not None else None for name in
             ("not_before_s", "not_after_s")]  # fmt: skip
    return [
        row["first_frame"], row["sent_by"], row["server"], row["server_port"], row["server_name"], row["place"],
        row.get("subject"), row.get("issuer"), row.get("serial"), *dates, _validity(row), row.get("dns_names", []),
        row.get("ip_addresses", []), row["name_match"], key, row.get("signature_algorithm"), row.get("self_signed"),
        row.get("is_ca"), row["sha256"], row["count"],
    ]  # fmt: skip


def _findings(counts: Counts) -> list[dict[str, Any]]:
    findings: list[dict[str, Any]] = []
    kinds: tuple[tuple[str, str, Severity, str], ...] = (
        ("expired_certificates", "expired_certificate", "severe", "with a certificate that had expired by then"),
        ("not_yet_valid_certificates", "certificate_not_yet_valid", "severe", "with a certificate not yet valid then"),
        ("name_mismatches", "name_mismatch", "warning", "with a certificate for other names than the one asked for"),
        ("self_signed_certificates", "self_signed_certificate", "warning", "with a certificate its subject issued"),
        ("broken_chains", "chain_out_of_order", "info", "with a chain whose certificates do not certify each other"),
    )
    for key, code, severity, words in kinds:
        add_kind(findings, counts, key, code, severity, words)
    return by_weight(findings)


def _summary(counts: Counts) -> str:
    parts = [
        f"{number_of(counts, key):,} {words}"
        for key, words in (
            ("expired_certificates", "with an expired one"),
            ("not_yet_valid_certificates", "with one not yet valid"),
            ("name_mismatches", "with one for other names"),
            ("self_signed_certificates", "with a self-signed one"),
        )
        if number_of(counts, key)
    ]
    distinct = f"{count(counts['rows']['certificates'], 'distinct certificate')} to be read"
    return f"{distinct}; handshakes {', '.join(parts)}." if parts else f"{distinct}."


def first_look(report: Report) -> FirstLook | None:
    """None: the certificates seen fit their names and times."""
    counts = counts_of(report)
    findings = _findings(counts)
    return FirstLook(_summary(counts), findings) if any(one["severity"] != "info" for one in findings) else None


def _certificates(report: Report, ask: Ask) -> dict[str, Any]:
    counts = counts_of(report)
    distinct = counts["rows"]["certificates"]
    found: dict[str, Any] = {
        "summary": nothing_in(counts) or _summary(counts),
        "analysis_type": "certificate_details",
        "statistics": {
            "distinct_certificates": distinct,
            "handshakes": number_of(counts, "handshakes"),
            **{key: number_of(counts, key) for key in (
                "expired_certificates", "not_yet_valid_certificates", "self_signed_certificates", "broken_chains",
                "name_mismatches", "client_certificates",
            )},
        },
        "findings": _findings(counts),
        "certificate_data": table_of(
            ask, report, counts, "certificate_data", "certificates", _CERTIFICATE_COLUMNS, _certificate_row
        ),
        "notes": [
            "TLS 1.3 encrypts certificates: those here came in TLS 1.2 and before, or DTLS 1.2.",
            "Signatures are not verified and trust is not judged; validity is by the time of the packet.",
            *notes_of(counts),
            *names_are_data(counts),
        ],
    }  # fmt: skip
    return found


SNI = ToolSpec(
    name="analyze_sni_mismatches",
    module="tls",
    title="Server names and certificates that do not fit",
    description=(
        "Use it when a client rejects a server or ends up at the wrong one: server names asked for (SNI) compared with "
        "the names in the server's certificate, wildcards and addresses included, and handshakes broken off after the "
        "name was sent."
    ),
    view=_sni,
    needs=("tls",),
    keys=(
        *BASE,
        Key("statistics", "object"),
        Key("findings", "array"),
        *table_keys((
            ("sni_data", "a handshake whose certificate is for other names"),
            ("broken_off", "a handshake that did not complete"), ("server_names", ""),
        )),
    ),
)  # fmt: skip

CERTIFICATES = ToolSpec(
    name="extract_certificate_details",
    module="tls",
    title="Certificates",
    description=(
        "Use it when certificates are suspect: every certificate sent in the clear with subject, issuer, names, dates "
        "judged at the time of the capture, key, signature, place in the chain, and whether it fits the server name."
    ),
    view=_certificates,
    needs=("tls",),
    default_limit=25,
    keys=(
        *BASE,
        Key("statistics", "object"),
        Key("findings", "array"),
        *table_keys((("certificate_data", "one certificate, once however often it was sent"),)),
    ),
)
