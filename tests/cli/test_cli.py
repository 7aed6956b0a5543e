"""The command as people run it: what goes to stdout, what to stderr, and the exit codes."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pcapstream import __version__
from pcapstream.cli import main
from pcapstream.tools.capture import CAPTURE_TOOLS
from pcapstream.tools.export import EXPORT_TOOLS
from pcapstream.tools.fields import PLAIN_TOOLS
from pcapstream.tools.registry import TOOLS
from tests.support.pcap import Frame, conversation, in_time_order, mixed, pcap, udp
from tests.support.slow import half_served, pipe
from tests.support.stdio import PATIENCE, as_usual, environment


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "mixed.pcap"
    path.write_bytes(pcap(mixed()))
    return path


class Run:
    """What one run of the command gave."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command in this process."""

    def call(*arguments: object) -> Run:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capsys.readouterr()
        return Run(code, captured.out, captured.err)

    return call


def process(*arguments: object, stdin: bytes | None = None, **env: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "pcapstream", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, env=environment(**env), timeout=PATIENCE)


def test_version(run: Any) -> None:
    assert run("--version").out == f"pcapstream {__version__}\n"
    assert run("serve", "--version").out == f"pcapstream {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["serve", "-h"], ["analyze", "--help"], ["call", "--help"], ["tools", "-h"]]
)
def test_help_goes_to_stdout(run: Any, arguments: list[str]) -> None:
    result = run(*arguments)

    assert result.code == 0
    assert result.out.startswith("usage: pcapstream")
    assert result.err == ""


def test_help_of_a_tool_has_its_parameters(run: Any) -> None:
    result = run("call", "analyze_tcp_connections", "--help")

    assert "--server-port INTEGER" in result.out
    assert "--max-packets N" in result.out


def test_analyze_prints_a_readable_first_look(run: Any, capture: Path) -> None:
    result = run("analyze", capture)

    assert result.code == 0
    assert result.err == ""
    for part in ("mixed.pcap\n", "Ethernet", "20 TCP connections", "Protocols", "Top talkers", "Ask next"):
        assert part in result.out
    assert all(line == line.rstrip() for line in result.out.splitlines())
    assert max(map(len, result.out.splitlines())) <= 120
    assert "\x1b" not in result.out


def test_analyze_as_json_is_the_tool(run: Any, capture: Path) -> None:
    analyzed, called = run("analyze", capture, "--json").json, run("call", "analyze_pcap_file", capture).json
    for result in (analyzed, called):
        del result["analysis_timestamp"]

    assert analyzed == called
    assert analyzed["capture"]["packet_count"] == len(mixed())


def test_modules_narrow_what_is_analyzed(run: Any, capture: Path) -> None:
    result = run("analyze", capture, "--json", "--modules", "capinfos, tcp").json

    assert "hierarchy" not in result
    assert result["tcp"]["connections"] == 20
    assert "the module triage did not run" in result["notes"][0]
    assert "Top talkers" not in run("analyze", capture, "--modules", "capinfos").out


NEEDED = {
    "analyze_traffic_flow": ["--server-ip", "192.0.2.1"],
    "extract_fields": ["--fields", "frame.number"],
    "search_packet_content": ["--search-pattern", "text"],
    "follow_tcp_stream": ["--stream-index", "0"],
    "follow_udp_stream": ["--stream-index", "0"],
}
"""Parameters without a default."""


@pytest.mark.parametrize("tool", [tool.name for tool in TOOLS])
def test_call_runs_every_tool(run: Any, tool: str, capture: Path) -> None:
    more = NEEDED.get(tool, [])
    result = run("call", tool, capture, *more)

    assert result.code == 0
    assert result.err == ""
    coverage = result.json["coverage"]
    assert coverage["complete"] is True or coverage["reason"] == "matches"


def test_parameters_are_options(run: Any, capture: Path) -> None:
    def connections(*options: str) -> Any:
        return run("call", "analyze_tcp_connections", capture, *options).json

    assert connections("--server-port", "443")["filter"] == {"server_ip": None, "server_port": 443}
    assert connections("--server_port=443")["filter"]["server_port"] == 443
    assert len(connections("--limit", "3")["connections"]["rows"]) == 3
    assert "filter" in connections("--detailed")["connections"]["columns"]
    assert "filter" in connections("--detailed=true")["connections"]["columns"]
    assert "filter" not in connections("--detailed=false")["connections"]["columns"]
    assert "filter" in connections("--detailed", "true")["connections"]["columns"]
    assert "filter" not in connections("--detailed", "false", "--limit", "3")["connections"]["columns"]
    before_the_file = run("call", "analyze_tcp_connections", "--detailed", capture).json
    assert "filter" in before_the_file["connections"]["columns"]


def test_call_goes_on_with_a_cursor_in_another_run(run: Any, capture: Path) -> None:
    first = run("call", "analyze_tcp_connections", capture, "--limit", "12").json["connections"]
    rest = run("call", "analyze_tcp_connections", capture, "--cursor", first["next_cursor"], "--limit", 100).json[
        "connections"
    ]

    assert [row[0] for row in first["rows"] + rest["rows"]] == list(range(20))


def test_call_has_no_cap_on_its_size(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "many.pcap"
    path.write_bytes(pcap(in_time_order([conversation(client_port=30_000 + n) for n in range(600)])))

    result = run("call", "analyze_tcp_connections", path, "--detailed", "--limit", "1000")

    assert len(result.json["connections"]["rows"]) == 600
    assert len(result.out) > 100_000
    # One row a line, for people and line tools.
    assert sum(line.lstrip().startswith("[") for line in result.out.splitlines()) >= 600


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "the commands are serve, analyze, call, filter, live, tools"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--max-packets", "0"], "at least 1"),
        (["--max-packets", "many"], "no whole number"),
        (["--port", "70000"], "from 0 to 65535"),
        (["--transport", "sse"], "stdio"),
        (["--modules", "foo"], "the modules are dns, dhcp, icmp, tcp, sip, capinfos, triage, packets"),
        (["--modules", ""], "no module is named"),
        (["--allow-dir", "/nowhere/at/all"], "is not a folder"),
        (["--call-budget", "-1"], "above 0"),
        (["--parallel-ranges", "99"], "parallel_ranges"),
        (["analyze"], "required: FILE"),
        (["analyze", "x", "y"], "unrecognized arguments: y"),
        (["analyze", "x", "--modules", "nope"], "the modules are"),
        (["call"], "name a tool first"),
        (["call", "--json", "x"], "name a tool first"),
        (["call", "analyze_everything", "x"], "the tools are analyze_pcap_file"),
        (["call", "analyze_tcp_connection", "x"], "did you mean analyze_tcp_connections?"),
        (["call", "analyze_capinfos"], "required: FILE"),
        (["call", "analyze_capinfos", "x", "--server-ip", "1.2.3.4"], "no parameter '--server-ip'"),
        (["call", "analyze_tcp_connections", "x", "--server-prt", "1"], "did you mean server_port?"),
        (["call", "analyze_tcp_connections", "x", "--server-port", "http"], "a whole number"),
        (["call", "analyze_tcp_connections", "x", "--server-ip", "nope"], "no IPv4 or IPv6 address"),
        (["call", "analyze_tcp_connections", "x", "--detailed=maybe"], "true or false"),
        (["call", "analyze_traffic_flow", "x"], "needs server_ip"),
        (["call", "analyze_pcap_file", "x", "--analysis-type", "all"], "the values are summary"),
        (["tools", "--xml"], "unrecognized arguments"),
    ],
)
def test_wrong_usage_is_2_and_says_what_is_right(run: Any, arguments: list[str], says: str) -> None:
    result = run(*arguments)

    assert result.code == 2
    assert result.out == ""
    assert says in result.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["analyze", "/nowhere.pcap"], "not_found"),
        (["analyze", "/tmp"], "is_directory"),
        (["analyze", "http://127.0.0.1/x.pcap"], "refused_address"),
        (["analyze", "https://example.com/x.pcap", "--no-urls"], "urls_disabled"),
        (["call", "analyze_pcap_file", "x", "--display-filter", "tcp.port =="], "bad_filter"),
        (["call", "analyze_tcp_connections", "x", "--modules", "capinfos"], "module_not_run"),
    ],
)
def test_refusals_and_failures_are_1(run: Any, arguments: list[str], code: str) -> None:
    result = run(*arguments)

    assert result.code == 1
    assert result.out == ""
    assert f"[{code}]" in result.err
    assert result.err.count("\n") == 1


def test_a_wrong_cursor_is_1(run: Any, capture: Path) -> None:
    result = run("call", "analyze_tcp_connections", capture, "--cursor", "x")

    assert (result.code, result.out) == (1, "")
    assert "[bad_cursor]" in result.err


def test_allowed_folders_hold_here_too(run: Any, capture: Path, tmp_path: Path) -> None:
    assert run("analyze", capture, "--allow-dir", capture.parent).code == 0
    assert "[not_allowed]" in run("analyze", capture, "--allow-dir", tmp_path).err


def test_max_packets_gives_a_partial_answer(run: Any, capture: Path) -> None:
    result = run("call", "analyze_capinfos", capture, "--max-packets", "7")

    assert result.code == 0
    assert result.json["packet_count"] == 7
    assert result.json["coverage"]["reason"] == "max_packets"
    assert "reading stopped after 7 packets" in run("analyze", capture, "--max-packets", "7").out


def test_a_budget_gives_a_partial_answer(run: Any) -> None:
    data = pcap(in_time_order([conversation(client_port=30_000 + n, response=1400) for n in range(2_000)]))
    with half_served(data) as (url, _):
        result = run("call", "analyze_capinfos", url, "--allow-private-urls", "--call-budget", "1.5")

    assert result.code == 0
    assert result.json["coverage"]["reason"] == "budget"
    assert "--call-budget" in result.json["coverage"]["next_step"]
    assert 0 < result.json["packet_count"] < 22_000


def test_a_run_time_gives_a_partial_answer(run: Any) -> None:
    data = pcap(in_time_order([conversation(client_port=30_000 + n, response=1400) for n in range(2_000)]))
    with half_served(data) as (url, _):
        result = run("call", "analyze_capinfos", url, "--allow-private-urls", "--max-run-time", "1.5")

    assert result.code == 0
    assert result.json["coverage"]["complete"] is False
    assert result.json["coverage"]["reason"] in ("run_time", "source_error")


def test_standard_input_is_a_source(capture: Path) -> None:
    result = process("call", "analyze_capinfos", "-", stdin=capture.read_bytes())

    assert result.returncode == 0
    assert json.loads(result.stdout)["packet_count"] == len(mixed())
    assert result.stderr == b""


def test_tools_lists_all_tools_with_their_parameters(run: Any) -> None:
    text, found = run("tools").out, run("tools", "--json").json

    for tool, entry in zip((*TOOLS, *PLAIN_TOOLS, *EXPORT_TOOLS, *CAPTURE_TOOLS), found, strict=True):
        assert f"{tool.name}  [{tool.module}" in text
        assert entry["name"] == tool.name
        assert entry["input_schema"] == tool.input_schema()
        for parameter in tool.parameters:
            assert parameter.option in text
        assert [p["name"] for p in entry["parameters"]] == [p.name for p in tool.all_parameters]
    assert "default 0.02" in text
    assert "[capture, of a server with --allow-capture]" in text


@pytest.mark.parametrize("tool", [tool.name for tool in CAPTURE_TOOLS])
def test_tools_of_a_server_are_told_from_unknown_ones(run: Any, tool: str) -> None:
    refused = run("call", tool, "lo")

    assert refused.code == 2
    assert "pcapstream live" in refused.err


def test_a_live_capture_needs_its_server(run: Any) -> None:
    refused = run("call", "analyze_capinfos", "live:capture_0")

    assert refused.code == 1
    assert "no capture that runs here" in refused.err


def test_questions_do_not_load_the_server(capture: Path) -> None:
    """Starting is most of the time of a small question."""
    script = (
        "import sys; from pcapstream.cli import main; main(['call', 'analyze_capinfos', sys.argv[1]]);"
        "print([m for m in ('mcp', 'pydantic', 'httpx2', 'rich', 'asyncio', 'anyio') if m in sys.modules], "
        "file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, str(capture)], capture_output=True, env=environment(), text=True
    )

    assert result.stderr.endswith("[]\n")


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    path = tmp_path / "many.pcap"
    path.write_bytes(pcap(in_time_order([conversation(client_port=30_000 + n) for n in range(1_000)])))
    command = [
        sys.executable,
        "-m",
        "pcapstream",
        "call",
        "analyze_tcp_connections",
        str(path),
        "--detailed",
        "--limit",
        "1000",
    ]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    child.stdout.close()

    assert child.wait(PATIENCE) == 141
    assert child.stderr.read() == b""
    child.stderr.close()


def test_ctrl_c_ends_it_quietly(tmp_path: Path) -> None:
    with pipe(tmp_path / "slow") as slow:
        command = [sys.executable, "-m", "pcapstream", "analyze", str(slow.path)]
        ours, theirs = pty.openpty()
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment(), preexec_fn=as_usual)
        os.close(theirs)
        slow.write(pcap(conversation()))
        shown = _read_terminal(ours, lambda text: "packets" in text)
        child.send_signal(signal.SIGINT)

        assert child.wait(PATIENCE) == 130
        assert child.stdout is not None
        assert child.stdout.read() == b""
        child.stdout.close()
        rest = _read_terminal(ours, lambda _: False)
        os.close(ours)
    assert "12 packets" in shown + rest
    assert "Traceback" not in shown + rest
    # The line of the bar is gone.
    assert (shown + rest).endswith("\x1b[K")


def _read_terminal(descriptor: int, enough: Any) -> str:
    """What a terminal got, until it is enough or nobody writes any more."""
    text = ""
    deadline = time.monotonic() + PATIENCE
    while not enough(text) and time.monotonic() < deadline:
        if not select.select([descriptor], [], [], 0.2)[0]:
            continue
        try:
            got = os.read(descriptor, 4096)
        except OSError:
            break
        if not got:
            break
        text += got.decode()
    return text


def test_the_bar_shows_bytes_packets_speed_and_time_left() -> None:
    data = pcap(in_time_order([conversation(client_port=30_000 + n, response=1400) for n in range(2_000)]))
    with half_served(data) as (url, rest):
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "pcapstream", "analyze", "--json", url, "--allow-private-urls"]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment(COLUMNS="200"))
        os.close(theirs)
        shown = _read_terminal(ours, lambda text: "ETA" in text)
        rest.set()
        out, _ = child.communicate(timeout=PATIENCE)
        os.close(ours)

    assert re.search(r"\[#+-+\] +\d+ %  [\d.]+ .B of [\d.]+ MB  [\d,]+ packets  \d+ MB/s  ETA \d+:\d\d", shown)
    assert json.loads(out)["coverage"]["complete"] is True


def test_no_bar_in_a_pipe() -> None:
    data = pcap(in_time_order([conversation(client_port=30_000 + n, response=1400) for n in range(2_000)]))
    with half_served(data) as (url, rest):
        result = process("call", "analyze_capinfos", url, "--allow-private-urls", "--call-budget", "1.5")
        rest.set()

    assert result.stderr == b""


def test_names_of_a_capture_cannot_move_the_terminal(run: Any, tmp_path: Path) -> None:
    """A DNS query for a name with an escape sequence, and with what would be markup."""
    name = b"\x0d\x1b[2J[red]evil\x04\xe2\x80\xae!\x00"
    query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + name + b"\x00\x01\x00\x01"
    path = tmp_path / "hostile.pcap"
    path.write_bytes(pcap([Frame(1_700_000_000_000_000_000, udp("10.0.0.1", 5353, "10.0.0.2", 53, query))]))

    text, found = run("analyze", path).out, run("analyze", path, "--json").out

    for shown in (text, found):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "[red]evil" in shown
