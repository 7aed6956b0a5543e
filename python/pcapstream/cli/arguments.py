"""Flags of all commands. The same flag has the same meaning everywhere; mcpcap's keep their names."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from pcapstream.cli.layout import terminal_width
from pcapstream.errors import QueryError
from pcapstream.module_names import MODULES, MORE
from pcapstream.settings import DEFAULT_CAPTURE_DIR, TOKEN_VARIABLES, Settings, bytes_from, modules_from, token_from

if TYPE_CHECKING:
    from pcapstream.tools.registry import ToolSpec

COMMANDS = {
    "serve": "MCP server, over stdio or HTTP; the default command",
    "analyze": "print a readable first look at a capture",
    "call": "run one tool and print its result as JSON",
    "filter": "print the packets that pass a Wireshark display filter, or write them to a new capture",
    "live": "watch a network interface: rates, talkers, connections, findings",
    "tools": "list the tools and their parameters",
}

GEOIP_VARIABLE = "PCAPSTREAM_GEOIP_DB"
DIR_VARIABLES = ("PCAP_STORAGE_PATH", "PCAP_STORAGE_DIR")
WRITE_DIR_VARIABLE = "PCAPSTREAM_WRITE_DIR"
DURATION_VARIABLES = ("CAPTURE_TIMEOUT", "MAX_CAPTURE_DURATION")
SIZE_VARIABLE = "MAX_CAPTURE_SIZE"
"""Environment variables of the awslabs server, as its two documents have them; flags win."""

_UNLIMITED_SECONDS = 1e8
"""Run time of a command nobody limited."""


def split(arguments: list[str]) -> tuple[str, list[str]]:
    """(command, its arguments). Without a command it is serve, as in the configurations of MCP hosts."""
    if arguments and arguments[0] in COMMANDS:
        return arguments[0], arguments[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        print(_overview())
        raise SystemExit(0)
    if arguments[:1] == ["--version"]:
        from pcapstream._core import __version__

        print(f"pcapstream {__version__}")
        raise SystemExit(0)
    if arguments and not arguments[0].startswith("-"):
        commands = ", ".join(COMMANDS)
        raise QueryError("unknown_value", f"there is no command {arguments[0][:80]!r}; the commands are {commands}")
    return "serve", arguments


def _overview() -> str:
    lines = [
        "usage: pcapstream [COMMAND] [OPTIONS]",
        "",
        "Packet captures of any size, answered as they stream in.",
        "",
        "commands:",
    ]
    lines += [f"  {name:10}{says}" for name, says in COMMANDS.items()]
    lines += ["", "pcapstream COMMAND --help has the options of a command; --version prints the version."]
    return "\n".join(lines)


class _Layout(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal. argparse makes one for each flag, help or not, and asks for the width with shutil, which
    loads all of its compression modules."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=max(terminal_width(sys.stdout), 40) - 2)


class _Parser(argparse.ArgumentParser):
    """No abbreviations: a flag that is added later must not change what a shorter one means."""

    def __init__(self, command: str, usage: str, description: str) -> None:
        super().__init__(
            prog=f"pcapstream {command}",
            usage=f"pcapstream {command} {usage}",
            description=description,
            allow_abbrev=False,
            formatter_class=_Layout,
        )

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\nusage: {self.usage}\n")


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no whole number") from None
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number of seconds") from None
    if not 0 < number <= _UNLIMITED_SECONDS:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most {_UNLIMITED_SECONDS:.0f}")
    return number


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("must be from 0 to 65535 (0: any free port)")
    return int(text)


def _common(parser: argparse.ArgumentParser) -> None:
    """What may be read and how much: for every command that reads."""
    sources = parser.add_argument_group("sources")
    sources.add_argument(
        "--allow-dir", action="append", metavar="DIR", help="read files only in DIR and below; may be repeated"
    )
    sources.add_argument(
        "--allow-private-urls", action="store_true", help="fetch from private, loopback and link-local addresses too"
    )
    sources.add_argument(
        "--capture-dir",
        metavar="DIR",
        help=f"look up bare file names in DIR first; a server records there (default: {' or '.join(DIR_VARIABLES)}, or "
        f"{DEFAULT_CAPTURE_DIR} in a server that may capture)",
    )
    sources.add_argument("--no-urls", action="store_true", help="fetch nothing")
    sources.add_argument(
        "--parallel-ranges", type=_count, default=1, metavar="N", help="range requests at a time for a URL (default 1)"
    )
    sources.add_argument("--max-download-bytes", type=_count, metavar="N", help="fetch no more than that from a URL")
    sources.add_argument(
        "--geoip-db",
        action="append",
        metavar="FILE",
        help=f"MaxMind-format database that tells whose addresses are; repeatable (default: {GEOIP_VARIABLE}, a list "
        "like that of PATH)",
    )
    sources.add_argument(
        "--tls-keylog",
        metavar="FILE",
        help="decrypt TLS with the session secrets of this file (SSLKEYLOGFILE), beside those that a capture brings",
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument(
        "--modules",
        metavar="LIST",
        help=f"comma list out of {','.join((*MODULES, *MORE))}, or all (default: {','.join(MODULES)})",
    )
    limits.add_argument("--max-packets", type=_count, metavar="N", help="stop reading after N packets")
    limits.add_argument("--no-resync", action="store_true", help="do not look for packets behind damage")
    limits.add_argument(
        "--call-budget",
        type=_seconds,
        metavar="SECONDS",
        help="answer with what is known after that (default: 45 in the server, else no limit)",
    )
    limits.add_argument(
        "--max-run-time",
        type=_seconds,
        metavar="SECONDS",
        help="stop reading after that (default: 3600 in the server, else no limit)",
    )


def _settings(parser: _Parser, flags: argparse.Namespace, **more: object) -> Settings:
    try:
        return Settings(
            modules=None if flags.modules is None else modules_from(flags.modules),
            max_packets=flags.max_packets,
            resync=not flags.no_resync,
            allow_dirs=None if flags.allow_dir is None else tuple(flags.allow_dir),
            urls=not flags.no_urls,
            allow_private_urls=flags.allow_private_urls,
            parallel_ranges=flags.parallel_ranges,
            capture_dir=flags.capture_dir or _first_set(DIR_VARIABLES),
            max_download_bytes=flags.max_download_bytes,
            geoip_db=tuple(flags.geoip_db or filter(None, (_first_set((GEOIP_VARIABLE,)) or "").split(os.pathsep))),
            tls_keylog=flags.tls_keylog,
            **more,  # type: ignore[arg-type]
        )
    except QueryError as error:
        parser.error(f"{error.problem}. {error.next_step}.")


def serve(arguments: Sequence[str]) -> Settings:
    """Raises SystemExit(2) for bad flags."""
    parser = _Parser("serve", "[OPTIONS]", "MCP server over stdio, or over streamable HTTP at /mcp.")
    _common(parser)
    limits = parser.add_argument_group("limits of the server")
    limits.add_argument(
        "--scan-idle",
        type=_seconds,
        default=120.0,
        metavar="SECONDS",
        help="an analysis nobody asks about is stopped after that (default 120)",
    )
    limits.add_argument("--max-scans", type=_count, default=4, metavar="N", help="captures read at a time (default 4)")
    limits.add_argument("--max-calls", type=_count, default=64, metavar="N", help="tool calls at a time (default 64)")
    limits.add_argument(
        "--max-cached-bytes",
        type=_count,
        default=256 << 20,
        metavar="N",
        help="memory for finished analyses (default 256 MiB)",
    )
    capture = parser.add_argument_group("live capture")
    capture.add_argument(
        "--allow-capture", action="store_true", help="offer the module capture: record from network interfaces"
    )
    _capture_tool(capture)
    capture.add_argument(
        "--max-capture-duration",
        type=_count,
        metavar="SECONDS",
        help=f"longest recording (default: {' or '.join(DURATION_VARIABLES)}, or 300)",
    )
    capture.add_argument(
        "--max-capture-size",
        metavar="SIZE",
        help=f"largest recording, such as 100MB, all its files together (default: {SIZE_VARIABLE}, or 100MB)",
    )
    capture.add_argument("--max-captures", type=_count, default=4, metavar="N", help="recordings at a time (default 4)")
    writing = parser.add_argument_group("writing")
    writing.add_argument(
        "--allow-write-dir",
        metavar="DIR",
        help=f"offer export_packets, which writes new files to DIR (default: {WRITE_DIR_VARIABLE}, else not offered)",
    )
    writing.add_argument(
        "--max-export-size", metavar="SIZE", default="100MB", help="largest file of export_packets (default 100MB)"
    )
    http = parser.add_argument_group("transport")
    http.add_argument("--transport", choices=("stdio", "http"), default="stdio", help="default stdio")
    http.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    http.add_argument("--port", type=_port, default=8080, help="port to listen on (default 8080)")
    http.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="name clients may use for this server besides localhost; may be repeated",
    )
    http.add_argument(
        "--allow-unauthenticated-http", action="store_true", help="listen beyond this machine without a token"
    )
    http.add_argument(
        "--max-connections", type=_count, default=100, metavar="N", help="HTTP connections at a time (default 100)"
    )
    http.add_argument(
        "--max-sessions", type=_count, default=100, metavar="N", help="HTTP sessions at a time (default 100)"
    )
    http.add_argument(
        "--max-body-bytes", type=_count, default=1 << 20, metavar="N", help="largest HTTP request (default 1 MiB)"
    )
    parser.epilog = f"HTTP asks for the bearer token in {TOKEN_VARIABLES[0]} (or {TOKEN_VARIABLES[1]}), if one is set."
    parser.add_argument("--version", action="version", version=f"pcapstream {_version()}")
    flags = parser.parse_args(arguments)
    settings = _settings(
        parser,
        flags,
        transport=flags.transport,
        host=flags.host,
        port=flags.port,
        token=token_from(os.environ) if flags.transport == "http" else None,
        allow_unauthenticated_http=flags.allow_unauthenticated_http,
        allowed_hosts=tuple(flags.allowed_host),
        max_connections=flags.max_connections,
        max_sessions=flags.max_sessions,
        max_body_bytes=flags.max_body_bytes,
        call_budget=flags.call_budget or 45.0,
        scan_idle=flags.scan_idle,
        max_run_time=flags.max_run_time or 3600.0,
        max_scans=flags.max_scans,
        max_calls=flags.max_calls,
        max_cached_bytes=flags.max_cached_bytes,
        write_dir=flags.allow_write_dir or _first_set((WRITE_DIR_VARIABLE,)),
        max_export_size=_size(parser, "--max-export-size", flags.max_export_size),
        **_capture_limits(parser, flags),
    )
    try:
        settings.scan_options()
        settings.policy(stdin=False)
    except QueryError as error:
        parser.error(f"{error.problem}. {error.next_step}.")
    return settings


def _size(parser: _Parser, flag: str, text: str) -> int:
    try:
        return bytes_from(text)
    except QueryError as error:
        parser.error(f"{flag}: {error.problem}")


def _capture_tool(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--capture-tool",
        choices=("dumpcap", "tcpdump", "socket"),
        help="what captures; socket is a packet socket of Linux (default: the first there is)",
    )


def _capture_limits(parser: _Parser, flags: argparse.Namespace) -> dict[str, object]:
    """Settings of the module capture: from flags, then from the environment, which counts only where it is on."""
    if not flags.allow_capture:
        return {}
    duration, size = flags.max_capture_duration, flags.max_capture_size
    try:
        if duration is None and (text := _first_set(DURATION_VARIABLES)) is not None:
            duration = _count(text)
        if size is None:
            size = _first_set((SIZE_VARIABLE,))
        found: dict[str, object] = {} if size is None else {"max_capture_size": bytes_from(size)}
    except argparse.ArgumentTypeError as problem:
        parser.error(f"{' or '.join(DURATION_VARIABLES)}: {problem}")
    except QueryError as error:
        parser.error(f"the largest recording: {error.problem}")
    if duration is not None:
        found["max_capture_duration"] = duration
    return {
        "allow_capture": True,
        "capture_tool": flags.capture_tool,
        "max_captures": flags.max_captures,
        **found,
    }


def _first_set(names: Sequence[str]) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _version() -> str:
    from pcapstream._core import __version__

    return __version__


def _reading(parser: _Parser, flags: argparse.Namespace) -> Settings:
    """Settings of a command that reads one capture."""
    budget = flags.call_budget or _UNLIMITED_SECONDS
    return _settings(parser, flags, call_budget=budget, max_run_time=flags.max_run_time or _UNLIMITED_SECONDS)


class Question(argparse.Namespace):
    """What analyze and call were asked."""

    capture: str
    json: bool
    settings: Settings
    tool: ToolSpec
    arguments: dict[str, object]


def analyze(arguments: Sequence[str]) -> Question:
    """Raises SystemExit(2) for bad flags."""
    parser = _Parser(
        "analyze",
        "FILE|URL|- [OPTIONS]",
        "First look at a capture: who talks to whom, in what, how well, and what looks wrong.",
    )
    parser.add_argument("capture", metavar="FILE|URL|-", help="a capture, plain or compressed; - is standard input")
    parser.add_argument("--json", action="store_true", help="the same as JSON")
    _common(parser)
    found = parser.parse_args(arguments, Question())
    found.settings = _reading(parser, found)
    return found


class Sieve(argparse.Namespace):
    """What filter was asked."""

    capture: str
    expression: str
    fields: str | None
    json: bool
    limit: int | None
    write: str | None
    settings: Settings


def sieve(arguments: Sequence[str]) -> Sieve:
    """Raises SystemExit(2) for bad flags."""
    parser = _Parser(
        "filter",
        "FILE|URL|- EXPRESSION [OPTIONS]",
        "The packets that pass a Wireshark display filter, a line each as they are found.",
    )
    parser.add_argument("capture", metavar="FILE|URL|-", help="a capture, plain or compressed; - is standard input")
    parser.add_argument("expression", metavar="EXPRESSION", help="such as 'tcp.port == 443 and ip.len > 1000'")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--fields", metavar="LIST", help="print these fields, comma list, with tabs between them")
    shown.add_argument("--write", metavar="FILE", help="write the packets to FILE, a new pcapng")
    parser.add_argument("--json", action="store_true", help="a JSON object a line")
    parser.add_argument("--limit", type=_count, metavar="N", help="stop after N packets that pass")
    _common(parser)
    found = parser.parse_args(arguments, Sieve())
    found.settings = _reading(parser, found)
    return found


class Watch(argparse.Namespace):
    """What live was asked."""

    interface: str
    filter: str
    duration: float | None
    json: bool
    capture_tool: str | None


def live(arguments: Sequence[str]) -> Watch:
    """Raises SystemExit(2) for bad flags."""
    parser = _Parser(
        "live",
        "INTERFACE [--filter BPF] [--duration SECONDS] [OPTIONS]",
        "Watch a network interface: rates, top talkers, connections and findings, once a second. Nothing is written.\n"
        "Ctrl-C ends it.",
    )
    parser.add_argument("interface", metavar="INTERFACE", help="name of an interface, or any for all (Linux)")
    parser.add_argument("--filter", default="", metavar="BPF", help="filter of libpcap, such as 'tcp port 443'")
    parser.add_argument("--duration", type=_seconds, metavar="SECONDS", help="end after that (default: at Ctrl-C)")
    parser.add_argument(
        "--json", action="store_true", help="a line of JSON a second; the last one has the state stopped"
    )
    _capture_tool(parser.add_argument_group("capture"))
    return parser.parse_args(arguments, Watch())


def tools(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser("tools", "[--json]", "The tools of all modules and their parameters.")
    parser.add_argument("--json", action="store_true", help="as JSON, with schemas")
    return parser.parse_args(arguments)


def call(arguments: Sequence[str]) -> Question:
    """Raises SystemExit(2) for bad flags, QueryError for an unknown tool or parameter."""
    general = _Parser(
        "call",
        "TOOL FILE|URL|- [--PARAMETER VALUE ...] [OPTIONS]",
        "Run one tool and print its result as JSON; `pcapstream tools` lists them.",
    )
    if arguments and arguments[0] in ("-h", "--help"):
        _common(general)
        general.parse_args(arguments[:1])
    if not arguments or arguments[0].startswith("-"):
        general.error("name a tool first; `pcapstream tools` lists them")
    from pcapstream.tools.registry import find_tool

    spec = find_tool(arguments[0])
    parser = _Parser("call", f"{spec.name} FILE|URL|- [--PARAMETER VALUE ...] [OPTIONS]", spec.description)
    parser.add_argument("capture", metavar="FILE|URL|-", help="a capture, plain or compressed; - is standard input")
    own = parser.add_argument_group("parameters")
    for parameter in spec.all_parameters[1:]:
        how = "append" if parameter.kind == "list" else "store"
        own.add_argument(
            parameter.option,
            action=how,
            dest=f"tool_{parameter.name}",
            metavar=parameter.kind.upper(),
            help=parameter.description,
        )
    _common(parser)
    found = parser.parse_args(_booleans(spec, [_spelled(spec, text) for text in arguments[1:]]), Question())
    found.tool, found.settings = spec, _reading(parser, found)
    found.arguments = {}
    for parameter in spec.all_parameters[1:]:
        given = getattr(found, f"tool_{parameter.name}")
        if isinstance(given, list):
            found.arguments[parameter.name] = [item for text in given for item in parameter.parse(text)]  # type: ignore[attr-defined]
        elif given is not None:
            found.arguments[parameter.name] = parameter.parse(given)
    return found


def _booleans(spec: ToolSpec, arguments: Sequence[str]) -> list[str]:
    """`--detailed true` as one argument; `--detailed` alone stands for true, so that a file may follow it."""
    alone = {
        f"{parameter.option}=true": parameter.option for parameter in spec.all_parameters if parameter.kind == "boolean"
    }
    found: list[str] = []
    for text in arguments:
        if found and found[-1] in alone and text.lower() in ("true", "false"):
            found[-1] = f"{alone[found[-1]]}={text}"
        else:
            found.append(text)
    return found


def _spelled(spec: ToolSpec, text: str) -> str:
    """server_ip may be written with an underscore, a boolean without value; an unknown parameter is named with the one
    that was meant."""
    if not text.startswith("--") or text == "--":
        return text
    option, equals, value = text.partition("=")
    name = option[2:].replace("-", "_")
    for parameter in spec.all_parameters[1:]:
        if parameter.name == name:
            if parameter.kind == "boolean" and not equals:
                return f"{parameter.option}=true"
            return parameter.option + equals + value
    if option not in _known_flags():
        spec.parameter_for_option(option)
    return text


def _known_flags() -> frozenset[str]:
    parser = argparse.ArgumentParser(add_help=True)
    _common(parser)
    return frozenset(option for action in parser._actions for option in action.option_strings)
