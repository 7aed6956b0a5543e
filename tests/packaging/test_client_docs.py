"""The snippets of docs/clients.md parse, and the server takes the arguments in them."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pcapstream.cli.arguments import serve, split
from pcapstream.prompts import PROMPTS

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()
DOCKER = (Path(__file__).parents[2] / "docs" / "docker.md").read_text()


def blocks(language: str, page: str = PAGE) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def servers() -> Iterator[tuple[str, dict[str, Any]]]:
    """(format, entry) of each configured server."""
    for text in blocks("json"):
        page = json.loads(text)
        yield from (page.get("mcpServers") or page["servers"]).items()
    for text in blocks("toml"):
        yield from tomllib.loads(text)["mcp_servers"].items()


def our_arguments() -> Iterator[list[str]]:
    """What stands behind `pcapstream` in configurations and shell lines."""
    for _, entry in servers():
        if entry.get("command") == "pcapstream":
            yield entry["args"]
    for page in (PAGE, DOCKER):
        for text in blocks("sh", page):
            for line in text.splitlines():
                words = shlex.split(line)
                if words[:1] == ["pcapstream"]:
                    yield words[1:]
                elif "--" in words:
                    assert words[words.index("--") + 1] == "pcapstream"
                    yield words[words.index("--") + 2 :]


def test_every_client_has_a_snippet_for_each_transport() -> None:
    sections = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
    for client in ("Claude Desktop", "Claude Code", "VS Code", "Cursor", "Codex"):
        assert "/home/me/captures" in sections[client] or "${workspaceFolder}" in sections[client], client
        assert "http://127.0.0.1:8080/mcp" in sections[client], client


def test_configurations_parse_and_name_one_server() -> None:
    found = list(servers())
    assert len(found) == 11
    assert {name for name, _ in found} == {"pcapstream"}
    for _, entry in found:
        assert ("command" in entry) != ("url" in entry)


def test_the_server_takes_the_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCAPSTREAM_AUTH_TOKEN", "0123456789abcdef")
    seen = 0
    for given in our_arguments():
        arguments = [str(tmp_path) if word.startswith(("/", "${")) else word for word in given]
        command, rest = split(arguments)
        assert command == "serve"
        assert serve(rest).allow_dirs == (str(tmp_path),)
        seen += 1
    assert seen == 8


def test_the_table_names_every_prompt_with_its_module() -> None:
    rows = dict(re.findall(r"^\| (\w+) \| (`\w+`(?:, `\w+`)*) \|$", PAGE, re.MULTILINE))
    named = {name: module for module, cell in rows.items() for name in re.findall(r"`(\w+)`", cell)}
    assert named == {spec.name: spec.module for spec in PROMPTS.values()}
