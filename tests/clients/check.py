"""Drives MCP Inspector's command line and the MCP conformance suite against this server; run.sh installs them.

Standard library only. One line per check, then "N passed, N failed". Exit 0 when none failed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TOKEN = "token-of-the-client-check"
SECONDS = 120
"""Longest one client may take."""

TOOLS = {
    "analyze_capinfos",
    "analyze_pcap_file",
    "analyze_tcp_connections",
    "analyze_tcp_anomalies",
    "analyze_tcp_retransmissions",
    "analyze_traffic_flow",
}
"""At least these are offered."""

ERAS = ("legacy", "modern")

LEGACY_VERSIONS = ("2025-06-18", "2025-11-25")
MODERN_VERSION = "2026-07-28"
BOTH = ("tools-list", "resources-list", "prompts-list", "completion-complete")
SCENARIOS: dict[str, tuple[str, ...]] = {
    "2025-06-18": ("server-initialize", "server-session-lifecycle", "ping", *BOTH),
    "2025-11-25": ("server-initialize", "server-session-lifecycle", "ping", "dns-rebinding-protection", *BOTH),
    MODERN_VERSION: (
        "server-stateless",
        "dns-rebinding-protection",
        "caching",
        "http-header-validation",
        "sep-2164-resource-not-found",
        "input-required-result-unsupported-methods",
        *BOTH,
    ),
}
"""Scenarios of the suite that need no tools, prompts or resources of its demonstration server."""


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0

    def check(self, name: str, run: Callable[[], None]) -> None:
        """`run` raises AssertionError, with what was seen, where it fails."""
        try:
            run()
        except (AssertionError, KeyError, subprocess.TimeoutExpired, json.JSONDecodeError) as problem:
            self.failed += 1
            print(f"FAILED {name}: {type(problem).__name__}: {problem}", flush=True)
        else:
            self.passed += 1
            print(f"ok     {name}", flush=True)


def serve_command(captures: Path) -> list[str]:
    return [sys.executable, "-m", "pcapstream", "serve", "--allow-dir", str(captures)]


@contextmanager
def http_server(captures: Path, token: str | None = None) -> Iterator[str]:
    """The address of a server on a free port."""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_AUTH_TOKEN")}
    if token is not None:
        environment["PCAPSTREAM_AUTH_TOKEN"] = token
    command = [*serve_command(captures), "--transport", "http", "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert server.stderr is not None
    with server, server.stderr as log:
        try:
            said = log.readline()
            address = re.search(r"http://\S+/mcp", said)
            if address is None:
                raise SystemExit(f"the server did not start: {said}{log.read()}")
            drain = threading.Thread(target=_echo, args=(log,), daemon=True)
            drain.start()
            yield address[0]
        finally:
            server.terminate()
            server.wait(30)
            drain.join(10)


def _echo(log: Any) -> None:
    """What the server complains of belongs to the output, and its pipe must not fill."""
    for line in log:
        print(f"       server: {line.rstrip()}", flush=True)


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def result(self) -> Any:
        """The result on stdout. Raises AssertionError when the client failed."""
        assert self.code == 0, f"exit {self.code}: {self.err.strip()[-1500:] or self.out[-1500:]}"
        return json.loads(self.out)["result"]


@dataclass(frozen=True)
class Inspector:
    """MCP Inspector's command line against one server in one era. Its exit codes: 1 protocol error, 5 the tool said
    isError, 6 --strict found an error in a schema."""

    node: str
    program: Path
    era: str
    target: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def ask(self, method: str, *arguments: str) -> Answer:
        command = [self.node, str(self.program), "--cli", "-q", *self.target, "--method", method, *arguments]
        command += ["--format", "json", "--protocol-era", self.era]
        run = subprocess.run(
            command,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Answer(run.returncode, run.stdout, run.stderr)

    def tools(self) -> None:
        answer = self.ask("tools/list", "--strict")
        tools = {tool["name"]: tool for tool in answer.result["tools"]}
        assert tools.keys() >= TOOLS, f"offered are {sorted(tools)}"
        for name, tool in tools.items():
            assert tool["title"], name
            assert tool["description"], name
            assert tool["inputSchema"]["additionalProperties"] is False, name
            assert tool["outputSchema"]["properties"], name
            assert tool["annotations"]["readOnlyHint"] is True, name

    def prompts(self) -> None:
        prompts = {prompt["name"]: prompt for prompt in self.ask("prompts/list").result["prompts"]}
        assert prompts.keys() >= {"triage_capture", "verify_finding", "tcp_security_analysis"}, sorted(prompts)
        for name, prompt in prompts.items():
            assert prompt["title"], name
            assert prompt["description"], name
            assert prompt["arguments"][0]["name"] == "pcap_file", name

    def one_prompt(self, capture: Path) -> None:
        answer = self.ask("prompts/get", "--prompt-name", "triage_capture", "--prompt-args", f"pcap_file={capture}")
        (message,) = answer.result["messages"]
        assert f'"{capture}"' in message["content"]["text"]
        assert "`analyze_pcap_file(pcap_file" in message["content"]["text"]

    def wrong_prompt(self) -> None:
        answer = self.ask("prompts/get", "--prompt-name", "triage_capture", "--prompt-args", "capture=x")
        assert answer.code == 1, f"exit {answer.code}"
        assert "has no argument" in answer.out + answer.err, answer.out + answer.err

    def tool(self, capture: Path, packets: int) -> None:
        arguments = json.dumps({"pcap_file": str(capture)})
        result = self.ask("tools/call", "--tool-name", "analyze_capinfos", "--tool-args-json", arguments).result
        content = result["structuredContent"]
        assert content["packet_count"] == packets, content["packet_count"]
        assert json.loads(result["content"][0]["text"]) == content

    def failing_tool(self, capture: Path) -> None:
        arguments = json.dumps({"pcap_file": str(capture.with_name("not-there.pcap"))})
        answer = self.ask("tools/call", "--tool-name", "analyze_capinfos", "--tool-args-json", arguments)
        assert answer.code == 5, f"exit {answer.code}"
        assert "not_found" in answer.out, answer.out


def inspect(tally: Tally, client: Inspector, name: str, capture: Path, packets: int) -> None:
    for what, run in (
        ("tools/list --strict", client.tools),
        ("prompts/list", client.prompts),
        ("prompts/get", lambda: client.one_prompt(capture)),
        ("prompts/get with a wrong argument", client.wrong_prompt),
        ("tools/call", lambda: client.tool(capture, packets)),
        ("tools/call of a missing file", lambda: client.failing_tool(capture)),
    ):
        tally.check(f"inspector {name} {client.era}: {what}", run)


def inspect_with_token(tally: Tally, client: Inspector) -> None:
    """The client's target has no header yet."""

    def without() -> None:
        answer = client.ask("tools/list")
        assert answer.code != 0
        assert '"auth_required"' in answer.out + answer.err, answer.out + answer.err

    def with_it() -> None:
        answer = client.ask("tools/list", "--header", f"Authorization: Bearer {TOKEN}")
        assert answer.result["tools"]

    tally.check(f"inspector http {client.era}: refused without the token", without)
    tally.check(f"inspector http {client.era}: let in with the token", with_it)


def conform(tally: Tally, node: str, program: Path, url: str, results: Path) -> None:
    for version, scenarios in SCENARIOS.items():
        for scenario in scenarios:
            command = [node, str(program), "server", "--url", url, "--scenario", scenario, "--spec-version", version]
            command += ["--expected-failures", str(HERE / "expected-failures.yml"), "--output-dir", str(results)]

            def run(command: list[str] = command) -> None:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=SECONDS,
                    check=False,
                )
                assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-1000:]}"
                assert re.search(r"Passed: [1-9]", done.stdout), f"no check ran\n{done.stdout[-1500:]}"

            tally.check(f"conformance {version}: {scenario}", run)


def small_capture(path: Path) -> int:
    """Writes a capture of three UDP packets; gives their number."""
    payload = b"hello"
    udp = struct.pack("!HHHH", 40000, 9, 8 + len(payload), 0) + payload
    ip = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
    )
    frame = bytes.fromhex("00005e005302 00005e005301 0800") + ip + udp
    records = [struct.pack("<IIII", 1_700_000_000 + n, 0, len(frame), len(frame)) + frame for n in range(3)]
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1) + b"".join(records))
    return len(records)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--node", required=True, help="Node 22.19 or newer")
    parser.add_argument("--packages", required=True, type=Path, help="folder with node_modules in it")
    flags = parser.parse_args()
    modules = flags.packages / "node_modules" / "@modelcontextprotocol"
    inspector = modules / "inspector/clients/launcher/build/index.js"
    conformance = modules / "conformance/dist/index.js"

    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="pcapstream-clients-") as folder:
        captures = Path(folder).resolve()
        capture = captures / "small capture.pcap"
        packets = small_capture(capture)
        environment = {"MCP_CATALOG_PATH": str(captures / "catalog.json")}

        def client(era: str, *target: str) -> Inspector:
            return Inspector(flags.node, inspector, era, target, environment)

        # A server over stdio gets only the variables that are named to the client.
        path = [f"PYTHONPATH={os.environ['PYTHONPATH']}"] if os.environ.get("PYTHONPATH") else []
        named = [part for variable in path for part in ("-e", variable)]
        for era in ERAS:
            inspect(tally, client(era, *named, *serve_command(captures)), "stdio", capture, packets)
        with http_server(captures) as url:
            for era in ERAS:
                inspect(tally, client(era, "--server-url", url, "--transport", "http"), "http", capture, packets)
            conform(tally, flags.node, conformance, url, captures / "results")
        with http_server(captures, TOKEN) as url:
            for era in ERAS:
                inspect_with_token(tally, client(era, "--server-url", url, "--transport", "http"))
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
