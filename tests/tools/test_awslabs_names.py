"""The 41 analysis tools of awslabs.pcap-analyzer-mcp-server 1.0.2, as its users know them: each is listed, with all its
parameters and their defaults."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from pcapstream.module_names import MODULES, MORE
from pcapstream.server import Server
from pcapstream.settings import Settings, modules_from
from pcapstream.tools.capture import CAPTURE_TOOLS
from pcapstream.tools.fields import PLAIN_TOOLS
from pcapstream.tools.registry import TOOLS as ALL
from pcapstream.tools.registry import find_tool

REQUIRED = object()
TOOLS: dict[str, dict[str, Any]] = {
    "analyze_pcap_file": {"analysis_type": "summary", "display_filter": None},
    "extract_http_requests": {"limit": 100},
    "generate_traffic_timeline": {"time_interval": 60},
    "search_packet_content": {"search_pattern": REQUIRED, "case_sensitive": False, "limit": 50},
    "analyze_network_performance": {},
    "analyze_network_latency": {},
    "analyze_tls_handshakes": {},
    "analyze_sni_mismatches": {},
    "extract_certificate_details": {},
    "analyze_tls_alerts": {},
    "analyze_connection_lifecycle": {},
    "extract_tls_cipher_analysis": {},
    "analyze_tcp_retransmissions": {},
    "analyze_tcp_zero_window": {},
    "analyze_tcp_window_scaling": {},
    "analyze_packet_timing_issues": {},
    "analyze_congestion_indicators": {},
    "analyze_dns_resolution_issues": {},
    "analyze_expert_information": {"severity_filter": None},
    "analyze_protocol_anomalies": {},
    "analyze_network_topology": {},
    "analyze_security_threats": {},
    "generate_throughput_io_graph": {"time_interval": 1},
    "analyze_bandwidth_utilization": {"time_window": 10},
    "analyze_application_response_times": {"protocol": "http"},
    "analyze_network_quality_metrics": {},
    "analyze_mtu_fragmentation": {},
    "analyze_tcp_resets": {},
    "analyze_duplicate_acks": {},
    "analyze_icmp_errors": {},
    "analyze_connection_timeouts": {},
    "analyze_out_of_order_packets": {},
    "analyze_quic_traffic": {},
    "analyze_connection_reuse": {},
    "analyze_geo_asn_mapping": {"top_n": 20},
    "follow_tcp_stream": {"stream_index": REQUIRED},
    "follow_udp_stream": {"stream_index": REQUIRED},
    "extract_fields": {"fields": REQUIRED, "display_filter": None, "limit": 100},
    "detect_arp_spoofing": {},
    "detect_dns_tunneling": {},
    "extract_credentials": {},
}
"""Beside pcap_file. None: it may be left out."""

MOST_DEFAULT, MOST_ALL = 20_000, 60_000
MOST_OUTPUT = 2_048
"""Characters: name, description and input schema of all tools together; the output schema of one."""


@pytest.fixture(scope="module")
def listed() -> dict[str, dict[str, Any]]:
    return listed_with("all")


def listed_with(modules: str | None) -> dict[str, dict[str, Any]]:
    """Name -> the tool as clients get it."""

    async def ask() -> dict[str, dict[str, Any]]:
        async with Client(Server(Settings(modules=None if modules is None else modules_from(modules)))) as client:
            tools = (await client.list_tools()).tools
        return {tool.name: tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools}

    return anyio.run(ask)


def test_there_are_41() -> None:
    assert len(TOOLS) == 41


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_has_its_parameters_and_defaults(name: str, listed: dict[str, dict[str, Any]]) -> None:
    schema = listed[name]["inputSchema"]
    required = {"pcap_file", *(one for one, default in TOOLS[name].items() if default is REQUIRED)}

    assert set(schema["required"]) == required
    for parameter, default in TOOLS[name].items():
        given = schema["properties"][parameter]
        if parameter == "limit":
            assert find_tool(name).default_limit == default
            assert f"default {default}" in given["description"]
        elif default is not REQUIRED:
            assert (given["default"] or None) == (default or None), parameter


@pytest.mark.parametrize("name", [*TOOLS, *(tool.name for tool in CAPTURE_TOOLS)])
def test_the_page_for_its_users_has_the_tool(name: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "from-awslabs.md").read_text("utf-8")

    assert re.search(rf"`{name}`|^## {name}$", page, re.MULTILINE)


def size(tool: dict[str, Any]) -> int:
    return len(json.dumps({key: tool[key] for key in ("name", "description", "inputSchema")}, separators=(",", ":")))


@pytest.mark.parametrize(("modules", "most"), [(None, MOST_DEFAULT), ("all", MOST_ALL)])
def test_the_list_of_tools_takes_little_of_a_models_context(modules: str | None, most: int) -> None:
    tools = listed_with(modules)

    assert sum(map(size, tools.values())) < most
    for name, tool in tools.items():
        assert len(json.dumps(tool["outputSchema"], separators=(",", ":"))) <= MOST_OUTPUT, name


def test_the_readme_has_the_modules_with_their_number_of_tools_and_size(listed: dict[str, dict[str, Any]]) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| [^|`]+ \| (`[^|]+) \| (\d+) \| (\d+) KB \|$", readme, re.MULTILINE)
    told: dict[frozenset[str], tuple[int, int]] = {
        frozenset(re.findall(r"`(\w+)`", modules)): (int(tools), int(size)) for modules, tools, size in rows
    }

    assert frozenset().union(*told) == {"all", *MODULES, *MORE}
    for modules, (tools, kilobytes) in told.items():
        sizes = [
            size(tool)
            for name, tool in listed.items()
            if modules == {"all"} or next(one.module for one in (*ALL, *PLAIN_TOOLS) if one.name == name) in modules
        ]
        assert len(sizes) == tools, modules
        assert abs(sum(sizes) / 1000 - kilobytes) <= 1, modules
