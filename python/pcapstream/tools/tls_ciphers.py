"""Module tls: versions, cipher suites and groups, offered and agreed on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pcapstream._core import cipher_suite_faults
from pcapstream.protocols.tls import FAMILY
from pcapstream.tools.finding import FirstLook, by_weight
from pcapstream.tools.spec import Key, ToolSpec, table_keys
from pcapstream.tools.text import count, utc
from pcapstream.tools.tls_counts import (
    BASE,
    Counts,
    Row,
    add_kind,
    counts_of,
    ends_of,
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

_CIPHER_COLUMNS = (
    "frame", "time", "stream", "src", "src_port", "dst", "dst_port", "sni", "tls_version", "negotiated_cipher",
    "forward_secrecy", "key_exchange_group", "pqc_algorithm", "pqc_offered", "offered_versions", "cipher_suite",
    "supported_groups",
)  # fmt: skip


def _cipher_row(row: Row) -> list[Any]:
    offer: Row = row["offer"] or {}
    cipher = row["cipher"]
    secret = None if cipher is None or cipher.startswith("0x") else not cipher_suite_faults(cipher)[1]
    return [
        row["frame"], utc(row["time_ns"]), row["stream"], *ends_of(row), row["server_name"], row["version"], cipher,
        secret, row["group"], row["group"] if row["post_quantum"] else None, offer.get("post_quantum", False),
        offer.get("versions", []), offer.get("ciphers", []), offer.get("groups", []),
    ]  # fmt: skip


MOST_SUITES = 20
"""In one filter; with more of them it shows the frames of evidence."""
_OLD_FILTERS = {
    "tls": "tls.handshake.type == 2 && tls.handshake.version < 0x0303",
    "dtls": "dtls.handshake.type == 2 && dtls.handshake.version == 0xfeff",
}


def _suites_filter(counts: Counts, fault: int) -> str | None:
    """The server hellos that chose a suite with that fault; None: too many for a filter, or none in the clear."""
    parts = []
    for name in FAMILY:
        suites = [suite for suite, _ in counts[name]["ciphers"]["rows"] if cipher_suite_faults(suite)[fault]]
        if len(suites) > MOST_SUITES:
            return None
        if suites:
            chosen = ", ".join(f'"{suite}"' for suite in sorted(suites))
            parts.append(f"{name}.handshake.type == 2 && {name}.handshake.ciphersuite in {{{chosen}}}")
    return _either(parts)


def _old_filter(counts: Counts) -> str | None:
    """None: SSL 2, whose hellos have fields of their own."""
    if any(version == "SSL 2.0" for version in merged(counts, "versions")):
        return None
    return _either([_OLD_FILTERS[name] for name in FAMILY if counts[name]["old_versions"]["count"]])


def _either(parts: list[str]) -> str | None:
    return " || ".join(f"({part})" for part in parts) if len(parts) > 1 else next(iter(parts), None)


def _findings(counts: Counts) -> list[dict[str, Any]]:
    findings: list[dict[str, Any]] = []
    add_kind(
        findings, counts, "weak_ciphers", "weak_cipher", "severe",
        "agreed on a cipher suite without encryption or authentication, for export, or with RC4 or (triple) DES",
        _suites_filter(counts, 0),
    )  # fmt: skip
    add_kind(
        findings, counts, "old_versions", "old_version", "warning", "agreed on a version before TLS 1.2 (RFC 8996)",
        _old_filter(counts),
    )  # fmt: skip
    add_kind(
        findings, counts, "without_forward_secrecy", "no_forward_secrecy", "info",
        "agreed on a key exchange without forward secrecy: the server's key opens the recorded session",
        _suites_filter(counts, 1),
    )  # fmt: skip
    return by_weight(findings)


def _summary(counts: Counts) -> str:
    parts = [
        f"{number_of(counts, key):,} {words}"
        for key, words in (
            ("weak_ciphers", "with a weak cipher suite"),
            ("old_versions", "with a version before TLS 1.2"),
            ("post_quantum_chosen", "with a post-quantum key agreement"),
        )
    ]
    return f"{count(number_of(counts, 'handshakes'), 'handshake')}: {', '.join(parts)}."


def first_look(report: Report) -> FirstLook | None:
    """None: nothing weak was agreed on."""
    counts = counts_of(report)
    findings = _findings(counts)
    weak = any(one["severity"] != "info" for one in findings)
    return FirstLook(_summary(counts), findings) if weak else None


def _ciphers(report: Report, ask: Ask) -> dict[str, Any]:
    counts = counts_of(report)
    found: dict[str, Any] = {
        "summary": nothing_in(counts) or _summary(counts),
        "analysis_type": "tls_cipher_analysis",
        "total_entries": number_of(counts, "handshakes"),
        "pqc_negotiated_connections": number_of(counts, "post_quantum_chosen"),
        "pqc_offered_connections": number_of(counts, "post_quantum_offered"),
        "versions": merged(counts, "versions"),
        "negotiated_groups": merged(counts, "groups"),
        "findings": _findings(counts),
        "cipher_data": table_of(ask, report, counts, "cipher_data", "handshakes", _CIPHER_COLUMNS, _cipher_row, 25),
    }
    for name, of, column in (
        ("negotiated_ciphers", "ciphers", "cipher_suite"), ("offered_ciphers", "offered_ciphers", "cipher_suite"),
        ("offered_groups", "offered_groups", "group"), ("offered_versions", "offered_versions", "version"),
    ):  # fmt: skip
        rows = [[value, n] for value, n in merged(counts, of).items()]
        found[name] = ask.rows(name, (column, "hellos"), rows, limit=20)
    found["notes"] = [*notes_of(counts), *names_are_data(counts)]
    return found


CIPHERS = ToolSpec(
    name="extract_tls_cipher_analysis",
    module="tls",
    title="TLS versions, ciphers and groups",
    description=(
        "Use it to see what cryptography is offered and agreed on: versions, cipher suites and groups by IANA name per "
        "handshake and in sum, post-quantum key agreement, weak or old choices, forward secrecy."
    ),
    view=_ciphers,
    needs=("tls",),
    keys=(
        *BASE,
        Key("total_entries", "integer", "handshakes"),
        Key("pqc_negotiated_connections", "integer"),
        Key("pqc_offered_connections", "integer"),
        Key("versions", "object", "agreed on"),
        Key("negotiated_groups", "object"),
        Key("findings", "array"),
        *table_keys((
            ("cipher_data", "one handshake"), ("negotiated_ciphers", ""), ("offered_ciphers", ""),
            ("offered_groups", ""), ("offered_versions", ""),
        )),
    ),
)  # fmt: skip
