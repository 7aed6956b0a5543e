"""server.json against the rules of the MCP registry (schema 2025-12-11 and what its publisher checks beyond it).

The schema itself is not kept here: with its file in PCAPSTREAM_SERVER_SCHEMA, the test runs it too.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from pcapstream.cli.arguments import serve

ROOT = Path(__file__).parents[2]
SERVER: dict[str, Any] = json.loads((ROOT / "server.json").read_text())
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

REGISTRIES = ("pypi", "oci")
ARGUMENT_KEYS = {
    "type", "name", "value", "valueHint", "description", "format", "isRequired", "isRepeated", "isSecret", "default",
    "placeholder", "choices", "variables",
}  # fmt: skip


def packages(kind: str) -> dict[str, Any]:
    (found,) = (package for package in SERVER["packages"] if package["registryType"] == kind)
    result: dict[str, Any] = found
    return result


def test_the_head_keeps_the_schemas_limits() -> None:
    assert SERVER["$schema"].endswith("/schemas/2025-12-11/server.schema.json")
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", SERVER["name"])
    assert 3 <= len(SERVER["name"]) <= 200
    assert 1 <= len(SERVER["description"]) <= 100
    assert 1 <= len(SERVER["title"]) <= 100
    assert set(SERVER["repository"]) >= {"url", "source"}
    known = {"$schema", "name", "title", "description", "version", "websiteUrl", "repository", "packages"}
    assert set(SERVER) <= known, "the schema lets misspelt keys through"


def test_versions_are_exact_and_those_of_the_package() -> None:
    assert SERVER["version"] == packages("pypi")["version"] == VERSION
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)
    assert packages("oci")["identifier"].rpartition(":")[2] == VERSION


def test_packages_name_registries_that_the_official_one_takes() -> None:
    pypi, oci = packages("pypi"), packages("oci")
    assert "registryBaseUrl" not in pypi, "left out, it is the registry's default"
    assert pypi["identifier"] == "pcapstream"
    assert oci["identifier"].startswith("ghcr.io/")
    assert not {"registryBaseUrl", "version"} & set(oci), "an image is named by its reference alone"
    for package in (pypi, oci):
        assert package["transport"] == {"type": "stdio"}
        assert package["runtimeHint"]


def test_arguments_are_well_formed() -> None:
    for package in SERVER["packages"]:
        for argument in [*package.get("packageArguments", ()), *package.get("runtimeArguments", ())]:
            assert set(argument) <= ARGUMENT_KEYS
            assert argument["type"] == "named"
            assert argument["name"].startswith("--")
            assert argument.get("format", "string") in ("string", "number", "boolean", "filepath")
            assert argument["description"]
            used = set(re.findall(r"\{(\w+)\}", argument.get("value", "")))
            assert used == set(argument.get("variables", ()))


def test_the_command_line_has_these_flags(tmp_path: Path) -> None:
    samples = {"--allow-dir": str(tmp_path), "--modules": "triage,capinfos", "--max-packets": "100"}
    names = [argument["name"] for argument in packages("pypi")["packageArguments"]]
    assert sorted(names) == sorted(samples)
    settings = serve([part for name in names for part in (name, samples[name])])
    assert (settings.allow_dirs, settings.max_packets) == ((str(tmp_path),), 100)


def test_the_readme_claims_the_name() -> None:
    """The registry looks for it in the package's description on PyPI."""
    assert f"<!-- mcp-name: {SERVER['name']} -->" in (ROOT / "README.md").read_text()


def test_the_schema_agrees() -> None:
    schema = os.environ.get("PCAPSTREAM_SERVER_SCHEMA")
    if not schema:
        pytest.skip("PCAPSTREAM_SERVER_SCHEMA names no copy of the registry's schema")
    jsonschema.Draft7Validator(json.loads(Path(schema).read_text())).validate(SERVER)
