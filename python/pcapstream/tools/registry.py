"""The tools, one line each: the registry that server, `pcapstream call` and `pcapstream tools` read.

A new tool is a file with its view and a line here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pcapstream.errors import QueryError
from pcapstream.module_names import MODULES, check_modules
from pcapstream.tools import (
    aggregate,
    arp_spoofing,
    capinfos,
    congestion,
    dhcp,
    dns,
    dns_tunneling,
    expert,
    follow,
    geo,
    http,
    icmp,
    logins,
    ntp,
    packets,
    path,
    performance,
    quic,
    response_times,
    reuse,
    search,
    sip,
    tcp,
    tcp_anomalies,
    tcp_events,
    tcp_flow,
    tcp_lifecycle,
    threats,
    throughput,
    tls,
    tls_alerts,
    tls_certificates,
    tls_ciphers,
    topology,
    triage,
)
from pcapstream.tools.capture import belongs_to_a_server
from pcapstream.tools.export import needs_a_write_folder
from pcapstream.tools.spec import Key, Parameter, ToolSpec
from pcapstream.tools.text import shown

__all__ = ["TOOLS", "Key", "Parameter", "ToolSpec", "choose_tools", "find_tool"]

TOOLS: tuple[ToolSpec, ...] = (
    triage.ANALYZE,
    capinfos.CAPINFOS,
    dns.DNS,
    dhcp.DHCP,
    icmp.ICMP,
    sip.SIP,
    http.REQUESTS,
    ntp.NTP,
    tcp.CONNECTIONS,
    tcp_anomalies.ANOMALIES,
    tcp.RETRANSMISSIONS,
    tcp_flow.FLOW,
    throughput.TIMELINE,
    throughput.IO_GRAPH,
    throughput.BANDWIDTH,
    performance.PERFORMANCE,
    performance.LATENCY,
    response_times.RESPONSE_TIMES,
    performance.QUALITY,
    congestion.CONGESTION,
    tcp_events.ZERO_WINDOW,
    tcp_events.WINDOW_SCALING,
    tcp_events.TIMING_ISSUES,
    tcp_events.DUPLICATE_ACKS,
    tcp_events.OUT_OF_ORDER,
    tcp_lifecycle.RESETS,
    tcp_lifecycle.TIMEOUTS,
    tcp_lifecycle.LIFECYCLE,
    reuse.REUSE,
    path.MTU,
    path.ICMP_ERRORS,
    path.DNS_ISSUES,
    tls.HANDSHAKES,
    tls_certificates.SNI,
    tls_certificates.CERTIFICATES,
    tls_alerts.ALERTS,
    tls_ciphers.CIPHERS,
    quic.QUIC,
    packets.GET_PACKETS,
    packets.EXTRACT_FIELDS,
    search.SEARCH,
    aggregate.AGGREGATE,
    expert.EXPERT,
    expert.PROTOCOL_ANOMALIES,
    topology.TOPOLOGY,
    follow.FOLLOW_TCP,
    follow.FOLLOW_UDP,
    threats.THREATS,
    dns_tunneling.TUNNELING,
    arp_spoofing.ARP_SPOOFING,
    logins.CREDENTIALS,
    geo.GEO,
)
"""In the order clients list them."""

_BY_NAME = {tool.name: tool for tool in TOOLS}


def choose_tools(modules: Iterable[str] | None) -> tuple[ToolSpec, ...]:
    """The tools of these modules, None for the default set. Raises QueryError(unknown_module), listing the modules."""
    wanted = check_modules(MODULES if modules is None else modules)
    return tuple(tool for tool in TOOLS if tool.module in wanted)


def find_tool(name: str) -> ToolSpec:
    """Raises QueryError(unknown_value), which lists the tools or names the one that was meant."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    if (problem := belongs_to_a_server(name) or needs_a_write_folder(name)) is not None:
        raise problem
    close = difflib.get_close_matches(name[:100], _BY_NAME, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    raise QueryError("unknown_value", f"there is no tool {shown(name)}{hint}; the tools are {', '.join(_BY_NAME)}")
