"""What the modules say at a first look: each its sentence and its findings.

A module's tool is imported only where its protocol was seen: most captures have few of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pcapstream.tools.finding import FirstLook

if TYPE_CHECKING:
    from pcapstream.model import Report

MOST_FINDINGS = 5
"""Of one module, the heaviest: its tool has all of them."""


@dataclass(frozen=True, slots=True)
class _Teller:
    module: str
    tool: str
    needs: tuple[str, ...]
    """Summaries it looks at; it is asked when all of them are there."""
    source: str = ""
    """The file beside this one that tells it; empty: named like the module."""
    tells: str = ""
    """What the tool adds to the sentence and findings; empty: the protocol of the module in detail."""


_TELLERS = (
    _Teller("dns", "analyze_dns_packets", ("dns",)),
    _Teller("dhcp", "analyze_dhcp_packets", ("dhcp",)),
    _Teller("icmp", "analyze_icmp_packets", ("icmp",)),
    _Teller("sip", "analyze_sip_packets", ("sip", "rtp")),
    _Teller("http", "extract_http_requests", ("http",)),
    _Teller("tls", "analyze_tls_handshakes", ("tls",)),
    _Teller("tls", "extract_tls_cipher_analysis", ("tls",), "tls_ciphers", "cryptography offered and agreed on"),
    _Teller("tls", "extract_certificate_details", ("tls",), "tls_certificates", "the certificates"),
    _Teller("quic", "analyze_quic_traffic", ("quic",)),
    _Teller("ntp", "analyze_ntp_packets", ("ntp",)),
    _Teller("security", "extract_credentials", ("logins", "http", "sip"), "logins", "who logged in without encryption"),
    _Teller(
        "security",
        "analyze_security_threats",
        ("tcp", "dns", "dhcp", "icmp", "arp", "probes", "logins", "tls"),
        "threats",
        "what the rules about attacks found, and what looks alike",
    ),
)


@dataclass(frozen=True, slots=True)
class Told:
    """What one module said. findings: the heaviest, each with the tool that tells more."""

    module: str
    tool: str
    tells: str
    text: str
    findings: list[dict[str, Any]]
    all_findings: int


def first_looks(report: Report) -> list[Told]:
    """Of every module that ran and whose protocol is in the capture."""
    told = []
    for teller in _TELLERS:
        if not all(need in report.summaries for need in teller.needs):
            continue
        look: FirstLook | None = import_module(f"pcapstream.tools.{teller.source or teller.module}").first_look(report)
        if look is not None:
            tells = teller.tells or f"{teller.module.upper()} in detail"
            heaviest = [{**one, "tool": teller.tool} for one in look.findings[:MOST_FINDINGS]]
            told.append(Told(teller.module, teller.tool, tells, look.text, heaviest, len(look.findings)))
    return told
