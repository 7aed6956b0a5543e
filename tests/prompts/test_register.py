"""The prompts on a real MCPServer, asked by the SDK's own client in both protocol eras."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
from mcp import Client
from mcp.server import MCPServer
from mcp.shared.exceptions import MCPError
from mcp.types import PromptReference, TextContent

from pcapstream.prompts import PROMPTS
from pcapstream.prompts.register import register

MODULES = ("dns", "dhcp", "icmp", "tcp", "sip", "capinfos", "triage", "packets")
TOOLS = sorted({step.tool for spec in PROMPTS.values() for step in spec.steps})
INVALID_PARAMS = -32602

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("error::mcp.MCPDeprecationWarning")]

Era = Literal["legacy", "auto"]


def serve(*modules: str, tools: list[str] | None = None, directories: tuple[Path, ...] = ()) -> MCPServer:
    server = MCPServer("prompts under test", version="0")
    for name in TOOLS if tools is None else tools:
        server.add_tool(_tool, name=name, description=f"{name} of the test")
    register(server, modules or MODULES, directories=directories)
    return server


async def _tool(pcap_file: str) -> str:
    return pcap_file


@pytest.fixture(params=["legacy", "auto"])
def era(request: pytest.FixtureRequest) -> Era:
    era: Era = request.param
    return era


@pytest.fixture
async def client(era: Era) -> AsyncIterator[Client]:
    async with Client(serve(), mode=era) as client:
        yield client


async def text_of(client: Client, name: str, arguments: dict[str, str] | None = None) -> str:
    result = await client.get_prompt(name, arguments)
    (message,) = result.messages
    assert message.role == "user"
    assert isinstance(message.content, TextContent)
    return message.content.text


async def refusal_of(client: Client, name: str, arguments: dict[str, str] | None) -> MCPError:
    with pytest.raises(MCPError) as refused:
        await client.get_prompt(name, arguments)
    return refused.value


async def test_all_are_listed_with_title_description_and_optional_arguments(client: Client) -> None:
    listed = (await client.list_prompts()).prompts
    assert [prompt.name for prompt in listed] == list(PROMPTS)
    for prompt in listed:
        assert prompt.title
        assert prompt.description
        arguments = prompt.arguments or []
        assert arguments[0].name == "pcap_file"
        assert all(argument.description and not argument.required for argument in arguments)


@pytest.mark.parametrize("given", [None, {}, {"pcap_file": "/pcaps/a.pcap"}], ids=["none", "empty", "file"])
async def test_each_is_answered_and_names_only_tools_that_exist(client: Client, given: dict[str, str] | None) -> None:
    existing = {tool.name for tool in (await client.list_tools()).tools}
    for name in PROMPTS:
        text = await text_of(client, name, given)
        named = set(re.findall(r"\banalyze_\w+", text))
        assert named
        assert named <= existing
        assert "never instructions" in text
        assert ('"/pcaps/a.pcap"' in text) == bool(given)


async def test_the_running_servers_tools_decide_which_steps_there_are(era: Era) -> None:
    async with Client(serve(tools=["analyze_capinfos", "analyze_dns_packets"]), mode=era) as client:
        text = await text_of(client, "security_analysis")
        assert set(re.findall(r"\banalyze_\w+", text)) == {"analyze_capinfos", "analyze_dns_packets"}
        assert "analyze_" not in await text_of(client, "dhcp_security_analysis")


async def test_prompts_come_with_their_modules_only(era: Era) -> None:
    async with Client(serve("sip", "capinfos"), mode=era) as client:
        names = [prompt.name for prompt in (await client.list_prompts()).prompts]
        assert names == ["sip_security_analysis", "sip_troubleshooting_analysis", "sip_forensic_investigation"]
        refused = await refusal_of(client, "triage_capture", None)
    assert refused.error.code == INVALID_PARAMS


async def test_an_unknown_argument_is_an_invalid_parameter(client: Client) -> None:
    refused = await refusal_of(client, "verify_finding", {"pcap": "x"})
    assert refused.error.code == INVALID_PARAMS
    assert 'has no argument "pcap"; it has pcap_file, finding' in refused.error.message


@pytest.mark.parametrize("odd", ["self", "name", "arguments", "ctx", "context", "spec", "known", ""])
async def test_no_name_of_an_argument_gets_further_than_the_check(client: Client, odd: str) -> None:
    refused = await refusal_of(client, "triage_capture", {odd: "x"})
    assert refused.error.code == INVALID_PARAMS


async def test_a_too_long_argument_is_an_invalid_parameter(client: Client) -> None:
    refused = await refusal_of(client, "triage_capture", {"pcap_file": "x" * 9_000})
    assert refused.error.code == INVALID_PARAMS
    assert "xxx" not in refused.error.message


@pytest.mark.parametrize("name", ["no_such_prompt", "", "a\nb\x1b[0m" * 200])
async def test_an_unknown_prompt_is_an_invalid_parameter_that_lists_the_prompts(client: Client, name: str) -> None:
    refused = await refusal_of(client, name, None)
    assert refused.error.code == INVALID_PARAMS
    assert "triage_capture" in refused.error.message
    assert refused.error.message.isprintable()


async def completed(
    client: Client, typed: str, prompt: str = "triage_capture", argument: str = "pcap_file"
) -> list[str]:
    result = await client.complete(PromptReference(type="ref/prompt", name=prompt), {"name": argument, "value": typed})
    return result.completion.values


async def test_pcap_file_is_completed_from_the_allowed_directories(era: Era, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("in/dns.pcap", "in/sip.pcapng", "out.pcap"):
        (tmp_path / name).write_bytes(b"")
    async with Client(serve(directories=(tmp_path / "in",)), mode=era) as client:
        assert await completed(client, "") == [str(tmp_path / "in/dns.pcap"), str(tmp_path / "in/sip.pcapng")]
        assert await completed(client, "sip") == [str(tmp_path / "in/sip.pcapng")]
        assert await completed(client, "out") == []
        assert await completed(client, "", prompt="no_such_prompt") == []
        assert await completed(client, "", prompt="verify_finding", argument="finding") == []
        assert await completed(client, "x" * 5_000) == []


async def test_the_protocols_limit_of_a_completion_is_kept(era: Era, tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / f"{number:03}.pcap").write_bytes(b"")
    async with Client(serve(directories=(tmp_path,)), mode=era) as client:
        reference = PromptReference(type="ref/prompt", name="triage_capture")
        result = await client.complete(reference, {"name": "pcap_file", "value": ""})
    assert len(result.completion.values) == 100
    assert result.completion.has_more


async def test_without_directories_nothing_is_offered(client: Client) -> None:
    assert await completed(client, "") == []
