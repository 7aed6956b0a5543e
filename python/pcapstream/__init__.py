"""Packet captures of any size, answered as they stream in.

    import pcapstream

    report = pcapstream.analyze("capture.pcap")           # scripts
    async with pcapstream.open("https://...") as scan:    # async code
        report = await scan.result()

See docs/library.md. What a name needs is imported when the name is first used: importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pcapstream._core import Batch, Connection, Packet, Snapshot, Tally, TcpTable, __version__, default_limits
    from pcapstream.api import Analysis, analyze, open
    from pcapstream.errors import CaptureError, LimitError, PcapstreamError, QueryError, SourceError, StateError
    from pcapstream.model import CaptureFacts, Coverage, Progress, Report
    from pcapstream.protocols import ALL as ALL_MODULES
    from pcapstream.protocols import DEFAULT as DEFAULT_MODULES
    from pcapstream.protocols.base import Machine, Summary
    from pcapstream.protocols.capinfos import CapinfosSummary
    from pcapstream.protocols.dhcp_records import DhcpSummary
    from pcapstream.protocols.dns import DnsSummary
    from pcapstream.protocols.http import HttpSummary
    from pcapstream.protocols.icmp import IcmpSummary
    from pcapstream.protocols.logins import LoginsSummary
    from pcapstream.protocols.ntp import NtpSummary
    from pcapstream.protocols.quic import QuicSummary
    from pcapstream.protocols.rtp import RtpSummary
    from pcapstream.protocols.sip import SipSummary
    from pcapstream.protocols.tcp import TcpSummary
    from pcapstream.protocols.tls import TlsSummary
    from pcapstream.protocols.triage import TriageSummary
    from pcapstream.sources.base import Source

_HOME = {
    "pcapstream._core": (
        "Batch",
        "Connection",
        "Packet",
        "Snapshot",
        "Tally",
        "TcpTable",
        "__version__",
        "default_limits",
    ),
    "pcapstream.api": ("Analysis", "analyze", "open"),
    "pcapstream.errors": (
        "CaptureError",
        "LimitError",
        "PcapstreamError",
        "QueryError",
        "SourceError",
        "StateError",
    ),
    "pcapstream.model": ("CaptureFacts", "Coverage", "Progress", "Report"),
    "pcapstream.protocols.base": ("Machine", "Summary"),
    "pcapstream.protocols.capinfos": ("CapinfosSummary",),
    "pcapstream.protocols.tcp": ("TcpSummary",),
    "pcapstream.protocols.tls": ("TlsSummary",),
    "pcapstream.protocols.quic": ("QuicSummary",),
    "pcapstream.protocols.dhcp_records": ("DhcpSummary",),
    "pcapstream.protocols.dns": ("DnsSummary",),
    "pcapstream.protocols.http": ("HttpSummary",),
    "pcapstream.protocols.icmp": ("IcmpSummary",),
    "pcapstream.protocols.logins": ("LoginsSummary",),
    "pcapstream.protocols.ntp": ("NtpSummary",),
    "pcapstream.protocols.rtp": ("RtpSummary",),
    "pcapstream.protocols.sip": ("SipSummary",),
    "pcapstream.protocols.triage": ("TriageSummary",),
    "pcapstream.sources.base": ("Source",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "ALL_MODULES",
    "DEFAULT_MODULES",
    "Analysis",
    "Batch",
    "CapinfosSummary",
    "CaptureError",
    "CaptureFacts",
    "Connection",
    "Coverage",
    "DhcpSummary",
    "DnsSummary",
    "HttpSummary",
    "IcmpSummary",
    "LimitError",
    "LoginsSummary",
    "Machine",
    "NtpSummary",
    "Packet",
    "PcapstreamError",
    "Progress",
    "QueryError",
    "QuicSummary",
    "Report",
    "RtpSummary",
    "SipSummary",
    "Snapshot",
    "Source",
    "SourceError",
    "StateError",
    "Summary",
    "Tally",
    "TcpSummary",
    "TcpTable",
    "TlsSummary",
    "TriageSummary",
    "__version__",
    "analyze",
    "default_limits",
    "open",
]


def __getattr__(name: str) -> Any:
    if name in ("ALL_MODULES", "DEFAULT_MODULES"):
        found: Any = getattr(import_module("pcapstream.protocols"), name.partition("_")[0])
    elif name in _MODULE_OF:
        found = getattr(import_module(_MODULE_OF[name]), name)
    else:
        raise AttributeError(f"module 'pcapstream' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
