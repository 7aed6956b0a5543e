"""What every tool promises: names, parameters and defaults as mcpcap has them, schemas, checks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pcapstream.errors import QueryError
from pcapstream.module_names import CAPTURE, MODULES, MORE
from pcapstream.tools.capture import CAPTURE_TOOLS
from pcapstream.tools.export import EXPORT_TOOLS
from pcapstream.tools.fields import PLAIN_TOOLS
from pcapstream.tools.registry import TOOLS, Parameter, choose_tools, find_tool
from pcapstream.tools.spec import Face

SCHEMAS = Path(__file__).parent / "schemas"

MCPCAP: dict[str, dict[str, Any]] = {
    "analyze_capinfos": {},
    "analyze_dns_packets": {"ports": None},
    "analyze_dhcp_packets": {},
    "analyze_icmp_packets": {},
    "extract_http_requests": {},
    "analyze_ntp_packets": {},
    "analyze_sip_packets": {"call_id": None},
    "analyze_tcp_connections": {"server_ip": None, "server_port": None, "detailed": False},
    "analyze_tcp_anomalies": {"server_ip": None, "server_port": None},
    "analyze_tcp_retransmissions": {"server_ip": None, "threshold": 0.02},
    "analyze_traffic_flow": {"server_port": None},
    "generate_traffic_timeline": {"time_interval": 60},
    "generate_throughput_io_graph": {"time_interval": 1, "filters": [], "image": False},
    "analyze_bandwidth_utilization": {"time_window": 10},
    "analyze_application_response_times": {"protocol": "http"},
    "analyze_network_performance": {},
    "analyze_tcp_resets": {},
    "analyze_pcap_file": {"analysis_type": "summary"},
}
"""Parameters with their defaults, from the two packages' own descriptions; `ports` is new, and
display_filter of all that count packets."""


@pytest.mark.parametrize("name", MCPCAP)
def test_parameters_and_defaults_are_those_people_know(name: str) -> None:
    spec = find_tool(name)

    own = [p for p in spec.all_parameters if p.name not in ("limit", "cursor")]
    defaults = {p.name: p.default for p in own if not p.required}

    assert defaults == MCPCAP[name] | ({} if name == "analyze_capinfos" else {"display_filter": ""})
    assert [p.name for p in spec.parameters if p.required] == (["server_ip"] if name == "analyze_traffic_flow" else [])


@pytest.mark.parametrize("spec", [*TOOLS, *PLAIN_TOOLS, *EXPORT_TOOLS, *CAPTURE_TOOLS], ids=lambda spec: spec.name)
def test_schemas_are_as_they_were(spec: Face) -> None:
    """A change of a tool's face shows up in review. Set PCAPSTREAM_WRITE_SCHEMAS to write them anew."""
    face = {
        "name": spec.name,
        "module": spec.module,
        "title": spec.title,
        "description": spec.description,
        "input_schema": spec.input_schema(),
        "output_schema": spec.output_schema(),
    }
    path = SCHEMAS / f"{spec.name}.json"
    if os.environ.get("PCAPSTREAM_WRITE_SCHEMAS"):
        path.write_text(json.dumps(face, indent=2) + "\n")

    assert json.loads(path.read_text()) == face


@pytest.mark.parametrize("spec", [*TOOLS, *PLAIN_TOOLS, *EXPORT_TOOLS, *CAPTURE_TOOLS], ids=lambda spec: spec.name)
def test_schemas_stay_small_and_closed(spec: Face) -> None:
    taken, given = spec.input_schema(), spec.output_schema()

    assert len(json.dumps(given, separators=(",", ":"))) <= 2048
    assert len(spec.description) <= 2048
    assert taken["additionalProperties"] is False
    assert '"title"' not in json.dumps(taken)
    assert spec.module in (*MODULES, *MORE, CAPTURE)


def test_an_unknown_argument_is_named_with_the_one_that_was_meant() -> None:
    with pytest.raises(QueryError, match="did you mean server_ip") as refused:
        find_tool("analyze_tcp_connections").bind({"pcap_file": "x", "server_ipp": "10.0.0.1"})

    assert refused.value.code == "bad_parameter"


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("analyze_capinfos", {}, "bad_parameter"),
        ("analyze_capinfos", {"pcap_file": None}, "bad_parameter"),
        ("analyze_capinfos", {"pcap_file": 3}, "bad_parameter"),
        ("analyze_capinfos", {"pcap_file": "x" * 9000}, "bad_parameter"),
        ("analyze_capinfos", {"pcap_file": "x", "limit": 0}, "bad_parameter"),
        ("analyze_capinfos", {"pcap_file": "x", "limit": 1001}, "bad_parameter"),
        ("analyze_capinfos", {"pcap_file": "x", "limit": 1.5}, "bad_parameter"),
        ("analyze_capinfos", {"pcap_file": "x", "limit": True}, "bad_parameter"),
        ("analyze_tcp_connections", {"pcap_file": "x", "server_ip": "example.com"}, "bad_parameter"),
        ("analyze_tcp_connections", {"pcap_file": "x", "server_ip": "fe80::1%eth0"}, "bad_parameter"),
        ("analyze_tcp_connections", {"pcap_file": "x", "server_port": 0}, "bad_parameter"),
        ("analyze_tcp_connections", {"pcap_file": "x", "server_port": 99999}, "bad_parameter"),
        ("analyze_tcp_connections", {"pcap_file": "x", "detailed": "perhaps"}, "bad_parameter"),
        ("analyze_tcp_retransmissions", {"pcap_file": "x", "threshold": -5}, "bad_parameter"),
        ("analyze_tcp_retransmissions", {"pcap_file": "x", "threshold": float("nan")}, "bad_parameter"),
        ("analyze_tcp_retransmissions", {"pcap_file": "x", "threshold": "much"}, "bad_parameter"),
        ("analyze_traffic_flow", {"pcap_file": "x"}, "bad_parameter"),
        ("analyze_traffic_flow", {"pcap_file": "x", "server_ip": ""}, "bad_parameter"),
        ("analyze_pcap_file", {"pcap_file": "x", "analysis_type": "everything"}, "unknown_value"),
        ("analyze_pcap_file", {"pcap_file": "x", "display_filter": "tcp.port =="}, "bad_filter"),
        ("analyze_dns_packets", {"pcap_file": "x", "display_filter": "nothing.like it"}, "bad_filter"),
        ("analyze_capinfos", {"pcap_file": "x", "display_filter": "tcp"}, "bad_parameter"),
        ("aggregate", {"pcap_file": "x", "group_by": ["ip.scr"]}, "unknown_field"),
        ("aggregate", {"pcap_file": "x", "metrics": ["median(tcp.len)"]}, "bad_parameter"),
        ("aggregate", {"pcap_file": "x", "metrics": ["sum(ip.src)"]}, "bad_parameter"),
        ("aggregate", {"pcap_file": "x", "metrics": ["sum(tcp.len); tcp"]}, "bad_parameter"),
        ("aggregate", {"pcap_file": "x", "interval": 0}, "bad_parameter"),
        ("aggregate", {"pcap_file": "x", "order_by": "time"}, "unknown_value"),
    ],
)
def test_bad_arguments_are_refused(tool: str, arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(QueryError) as refused:
        find_tool(tool).bind(arguments)

    assert refused.value.code == code
    assert refused.value.next_step


def test_what_clients_mean_is_understood() -> None:
    bound = find_tool("analyze_tcp_connections").bind(
        {"pcap_file": "x", "server_ip": "2001:DB8:0:0::1", "server_port": "443", "detailed": "true", "limit": None}
    )

    assert bound == {
        "pcap_file": "x",
        "server_ip": "2001:db8::1",
        "server_port": 443,
        "detailed": True,
        "display_filter": "",
        "limit": None,
        "cursor": None,
    }


def test_modules_choose_tools() -> None:
    assert [tool.name for tool in choose_tools(["capinfos"])] == ["analyze_capinfos"]
    assert choose_tools(None) == tuple(tool for tool in TOOLS if tool.module in MODULES)
    assert choose_tools([*MODULES, *MORE]) == TOOLS
    with pytest.raises(QueryError, match="the modules are dns, dhcp, icmp, tcp, sip, capinfos, triage, packets"):
        choose_tools(["tcp", "nope"])


def test_lists_come_as_lists_texts_or_json() -> None:
    fields = Parameter("fields", "list", "Names", None)

    assert fields.bind(["a", "b"]) == fields.bind('["a", "b"]') == ["a", "b"]
    assert fields.bind("a") == ["a"]
    assert fields.parse("a, b,,c") == ["a", "b", "c"]
    assert fields.schema()["anyOf"] == [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]
    for wrong in ("[1]", [1], {"a": 1}, ["x" * 9000], ["x"] * 1001, "[broken"):
        with pytest.raises(QueryError) as refused:
            fields.bind(wrong)
        assert refused.value.code == "bad_parameter"
