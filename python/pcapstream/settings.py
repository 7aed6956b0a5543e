"""What server and command line are told: one immutable value, made from flags and environment, checked once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pcapstream.errors import QueryError, shown
from pcapstream.module_names import CAPTURE, MODULES, MORE, check_modules

if TYPE_CHECKING:
    from pcapstream.capture.manager import CaptureLimits
    from pcapstream.report import ScanOptions
    from pcapstream.scan import StoreLimits
    from pcapstream.sources.policy import Policy
    from pcapstream.tools.capture import CaptureTool
    from pcapstream.tools.export import ExportTool
    from pcapstream.tools.fields import PlainTool
    from pcapstream.tools.registry import ToolSpec

Transport = Literal["stdio", "http"]

TOKEN_VARIABLES = ("PCAPSTREAM_AUTH_TOKEN", "MCPCAP_AUTH_TOKEN")
"""Environment variables that hold the bearer token of the HTTP server; the first that is set counts."""


DEFAULT_CAPTURE_DIR = "pcap_storage"
"""Below the working directory, as in the awslabs server."""
MIN_CAPTURE_SIZE = 10_000
"""With less a capture would end before its first packets."""

_SIZES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds, sizes in bytes; the command line's flags have the same names. Raises QueryError."""

    modules: tuple[str, ...] | None = None
    """None: all."""
    max_packets: int | None = None
    resync: bool = True

    allow_dirs: tuple[str, ...] | None = None
    """None: any file, except over HTTP, where it means the working directory."""
    urls: bool = True
    allow_private_urls: bool = False
    parallel_ranges: int = 1
    max_download_bytes: int | None = None
    geoip_db: tuple[str, ...] = ()
    """Databases in MaxMind's format that tell whose addresses are; nothing else is ever asked."""
    tls_keylog: str | None = None
    """A file with the secrets of TLS sessions (SSLKEYLOGFILE), beside those that captures bring."""

    allow_capture: bool = False
    """Offer the module capture."""
    capture_dir: str | None = None
    """Where recordings are kept, and where bare file names are looked up first. None: `DEFAULT_CAPTURE_DIR`, with
    allow_capture only."""
    capture_tool: str | None = None
    """dumpcap, tcpdump or socket; None: the first there is."""
    max_capture_duration: int = 300
    max_capture_size: int = 100_000_000
    """Of one recording, all its files together."""
    max_captures: int = 4
    """Recordings at a time."""

    write_dir: str | None = None
    """The folder that export_packets writes to. None: there is no such tool."""
    max_export_size: int = 100_000_000
    """Of one exported file."""

    transport: Transport = "stdio"
    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = None
    allow_unauthenticated_http: bool = False
    allowed_hosts: tuple[str, ...] = ()
    """Names beside this machine's own by which HTTP clients may address the server."""
    max_connections: int = 100
    max_sessions: int = 100
    """Sessions of clients that speak a protocol version with sessions."""
    max_body_bytes: int = 1 << 20
    """Of one HTTP request: arguments of tools are short."""

    call_budget: float = 45.0
    """A call answers with what is known after that: hosts give up at 60."""
    max_calls: int = 64
    """Tool calls at a time."""
    scan_idle: float = 120.0
    max_run_time: float = 3600.0
    max_scans: int = 4
    max_cached_bytes: int = 256 << 20

    def __post_init__(self) -> None:
        check_modules(self.modules or ())
        if not self.allow_capture and CAPTURE in (self.modules or ()):
            raise QueryError(
                "unknown_module",
                "the module capture records from network interfaces, which is off",
                "Start pcapstream with --allow-capture, or leave the module out",
            )
        if self.max_capture_size < MIN_CAPTURE_SIZE:
            raise QueryError("bad_parameter", f"--max-capture-size must be at least {MIN_CAPTURE_SIZE:,} bytes")
        for name in ("max_packets", "max_download_bytes"):
            value = getattr(self, name)
            if value is not None:
                _at_least_one(name, value)
        for name in ("max_capture_duration", "max_captures"):
            _at_least_one(name, getattr(self, name))
        for name in (
            "max_export_size",
            "parallel_ranges",
            "max_connections",
            "max_sessions",
            "max_body_bytes",
            "max_calls",
            "max_scans",
        ):
            _at_least_one(name, getattr(self, name))
        for name in ("call_budget", "scan_idle", "max_run_time"):
            if not 0 < getattr(self, name) < 1e9:
                raise QueryError("bad_parameter", f"{_flag(name)} must be a number of seconds above 0")
        if not 0 <= self.port <= 65535:
            raise QueryError("bad_parameter", "--port must be from 0 to 65535")
        if self.transport == "http":
            self._check_http()

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        """Those the server offers. Raises QueryError when the chosen modules have none."""
        from pcapstream.tools.registry import TOOLS, choose_tools

        tools = choose_tools(self.modules)
        if not tools and not self.capture_tools:
            listed = ", ".join(sorted({tool.module for tool in TOOLS}))
            raise QueryError(
                "unknown_module", f"none of the chosen modules has tools in this version; those with tools: {listed}"
            )
        return tools

    @property
    def plain_tools(self) -> tuple[PlainTool, ...]:
        """Those that need no capture."""
        from pcapstream.tools.fields import PLAIN_TOOLS

        return tuple(tool for tool in PLAIN_TOOLS if self.modules is None or tool.module in self.modules)

    @property
    def export_tools(self) -> tuple[ExportTool, ...]:
        """Those that write files, where that is allowed."""
        if self.write_dir is None or (self.modules is not None and "packets" not in self.modules):
            return ()
        from pcapstream.tools.export import EXPORT_TOOLS

        return EXPORT_TOOLS

    @property
    def capture_tools(self) -> tuple[CaptureTool, ...]:
        """Those of the module capture, where it is on."""
        if not self._captures:
            return ()
        from pcapstream.tools.capture import CAPTURE_TOOLS

        return CAPTURE_TOOLS

    @property
    def _captures(self) -> bool:
        return self.allow_capture and (self.modules is None or CAPTURE in self.modules)

    @property
    def capture_folder(self) -> str | None:
        """Where recordings are kept and bare names are looked up; None: nowhere."""
        return self.capture_dir or (DEFAULT_CAPTURE_DIR if self._captures else None)

    def capture_limits(self) -> CaptureLimits:
        from pcapstream.capture.manager import CaptureLimits

        return CaptureLimits(
            folder=self.capture_dir or DEFAULT_CAPTURE_DIR,
            program=self.capture_tool,
            max_seconds=self.max_capture_duration,
            max_bytes=self.max_capture_size,
            max_captures=self.max_captures,
        )

    @property
    def modules_without_tools(self) -> tuple[str, ...]:
        """Chosen by name, but this version has no tool for them."""
        from pcapstream.tools.registry import TOOLS

        have = {tool.module for tool in TOOLS}
        return tuple(name for name in self.modules or () if name not in have and name != CAPTURE)

    def scan_options(self, tools: Iterable[ToolSpec] | None = None) -> ScanOptions:
        """What a scan for these tools computes; None: for all that the server offers."""
        from pcapstream.protocols import REGISTRY
        from pcapstream.report import ScanOptions

        needs = {need for tool in (self.tools if tools is None else tools) for need in tool.needs}
        modules = [name for name in REGISTRY if name in needs]
        return ScanOptions(
            modules=modules, max_packets=self.max_packets, resync=self.resync, tls_keylog=self.tls_keylog
        )

    def store_limits(self) -> StoreLimits:
        from pcapstream.scan import StoreLimits

        return StoreLimits(
            max_scans=self.max_scans,
            scan_idle=self.scan_idle,
            max_run_time=self.max_run_time,
            max_cached_bytes=self.max_cached_bytes,
        )

    def policy(self, *, stdin: bool) -> Policy:
        """What may be read. stdin: whether standard input is a capture here. Raises QueryError for a bad folder."""
        from pcapstream.sources.policy import Policy

        try:
            return Policy(
                allow_dirs=self.confined_to,
                bare_names_in=self.capture_folder,
                urls=self.urls,
                allow_private_urls=self.allow_private_urls,
                stdin=stdin,
                max_bytes=self.max_download_bytes,
                total_seconds=self.max_run_time,
                parallel_ranges=self.parallel_ranges,
            )
        except ValueError as problem:
            raise QueryError("bad_parameter", str(problem)) from None

    @property
    def confined_to(self) -> tuple[str, ...] | None:
        """Folders that files are read from; None: any file."""
        if self.allow_dirs is None and self.transport == "http":
            return (os.getcwd(),)
        return self.allow_dirs

    @property
    def is_loopback(self) -> bool:
        """Only this machine can connect."""
        if self.host == "localhost":
            return True
        import ipaddress

        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def _check_http(self) -> None:
        if self.token is not None and (not self.token or any(c.isspace() or not c.isprintable() for c in self.token)):
            raise QueryError("bad_parameter", f"{TOKEN_VARIABLES[0]} must not be empty and must have no white space")
        if self.token is None and not self.is_loopback and not self.allow_unauthenticated_http:
            raise QueryError(
                "bad_parameter",
                "a server that others can reach needs a token",
                f"Set {TOKEN_VARIABLES[0]}, or give --allow-unauthenticated-http if something in front of it checks "
                "who asks",
            )


def token_from(environment: Mapping[str, str]) -> str | None:
    """The token of the HTTP server; "" where a variable is set and empty."""
    for name in TOKEN_VARIABLES:
        if name in environment:
            return environment[name]
    return None


def bytes_from(text: str) -> int:
    """A size such as "100MB", "100 MiB", "250000": decimal units unless they have an i. Raises QueryError."""
    fits = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?i?)b?\s*", text.lower())
    if fits is None or fits[2] not in _SIZES or len(text) > 40:
        raise QueryError("bad_parameter", f"{shown(text)} is no size; write it as 100MB or in bytes")
    return int(float(fits[1]) * _SIZES[fits[2]])


def modules_from(text: str) -> tuple[str, ...]:
    """Names of a comma list, "all" among them; spaces are fine. Raises QueryError for none and for unknown ones."""
    names = tuple(dict.fromkeys(part for part in (item.strip() for item in text.split(",")) if part))
    if not names:
        raise QueryError("unknown_module", f"no module is named; the modules are {', '.join((*MODULES, *MORE))}")
    check_modules(name for name in names if name != "all")
    if "all" in names:
        return (*MODULES, *MORE, *(name for name in names if name == CAPTURE))
    return names


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise QueryError("bad_parameter", f"{_flag(name)} must be at least 1")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
