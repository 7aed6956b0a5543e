"""The one error tree.

    PcapstreamError     code, problem, next_step
      CaptureError      the bytes are no capture, or none we can read
      SourceError       the bytes cannot be had
        LiveError       packets cannot be recorded from a network interface
      LimitError        a limit set by the caller or the operator stands in the way
      QueryError        the question is wrong: unknown module, field, parameter, cursor
      StateError        a verb called in the wrong order: a bug of the caller

Damage inside a capture is data (see `Coverage.damage`), never an exception. Each class lists its codes with what the
user can do about them, so that no error is raised without a next step; codes are stable, texts are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class PcapstreamError(Exception):
    """Base of all expected failures.

    code: stable slug, one of `CODES` of the class. problem: what went wrong, with nothing in it but what the caller
    gave and numbers (no resolved path, no text of a library). next_step: what to do about it; the class's own for
    that code unless given.
    """

    CODES: ClassVar[Mapping[str, str]] = {}
    """code -> what to do next"""

    def __init__(self, code: str, problem: str, next_step: str | None = None) -> None:
        if code not in self.CODES:
            raise ValueError(f"{type(self).__name__} has no code {code!r}")
        self.code = code
        self.problem = problem
        self.next_step = self.CODES[code] if next_step is None else next_step
        super().__init__(f"{problem}. {self.next_step}.")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.code, self.problem, self.next_step)


class CaptureError(PcapstreamError):
    """The bytes are no capture, or none we can read."""

    CODES: ClassVar[Mapping[str, str]] = {
        "unknown_format": "Give a pcap, pcapng or snoop capture, plain or compressed with gzip, zstd, lz4, xz or bzip2",
        "empty_file": "Check that the capture was written and give one that is not empty",
        "unsupported_version": "Convert the capture with a tool that reads it, for instance editcap -F pcapng",
        "compression_bomb": "If the file is trusted, decompress it first and give the decompressed capture",
        "corrupt_compression": "Fetch or compress the capture again: its beginning cannot be decompressed",
        "unsupported_link_type_field": "Convert the capture with a tool that reads it, for instance editcap -F pcapng",
    }


class SourceError(PcapstreamError):
    """The bytes cannot be had: from a file, a pipe or a URL."""

    CODES: ClassVar[Mapping[str, str]] = {
        "not_found": "Check the spelling and that the capture is on this machine",
        "not_readable": "Make the capture readable for the user who runs pcapstream",
        "not_allowed": "Move the capture into an allowed folder or start pcapstream with --allow-dir for its folder",
        "is_directory": "Give one capture file inside it",
        "not_a_file": "Give a regular file, a named pipe, a http(s) URL or - for standard input",
        "read_failed": "Check the disk or the network share and try again",
        "stdin_closed": "Pipe a capture into standard input",
        "stdin_not_allowed": "Give a file or a URL: standard input belongs to the protocol here",
        "bad_url": "Give a URL such as https://host/capture.pcap",
        "urls_disabled": "Give a local file, or start pcapstream without --no-urls",
        "refused_address": "Start pcapstream with --allow-private-urls if this address is trusted",
        "dns": "Check the host name and the name servers of this machine",
        "connect": "Check that the host and port are right and reachable from this machine",
        "tls": "Check the certificate of the server, or fetch the capture yourself and give the file",
        "http_status": "Check the URL and whether it needs a sign-in",
        "redirects": "Give the final URL",
        "changed": "It was replaced while it was read: ask again to read the new one from the start",
        "encoding": "Ask the operator of the server for the unencoded file, or fetch it and give the local file",
        "protocol": "Fetch the capture yourself and give the local file",
        "interrupted": "Try again; the partial result stands for the bytes that were read",
        "timeout": "Try again later, or allow more time",
        "too_large": "Fetch a part of the capture, or raise the size limit",
        "cancelled": "Ask again to start anew",
    }


class LiveError(SourceError):
    """Packets cannot be recorded from a network interface."""

    CODES: ClassVar[Mapping[str, str]] = {
        "cancelled": SourceError.CODES["cancelled"],
        "no_capture_tool": "Install dumpcap (it comes with Wireshark and tshark) or tcpdump",
        "no_permission": (
            "Capturing needs CAP_NET_RAW: put the user who runs pcapstream into the group wireshark (dumpcap on Debian "
            "and Ubuntu: dpkg-reconfigure wireshark-common), or give the capture program the capability with setcap "
            "cap_net_raw,cap_net_admin+eip"
        ),
        "unknown_interface": "Use an interface that list_network_interfaces or `ip link` names",
        "bad_capture_filter": "Give a filter of libpcap (man pcap-filter), such as 'tcp port 443', or none",
        "capture_failed": "See the log of pcapstream for what the capture program said",
        "interrupted": "What was recorded until then stands",
        "bad_output_file": "Give a plain new name such as morning.pcapng, without folders",
        "no_capture_folder": "Start pcapstream with --capture-dir for a folder it may write to",
        "unknown_capture": "get_capture_status lists the captures of this server",
        "too_many_captures": "Stop a running capture with stop_packet_capture first",
        "too_long": "Ask for less, or start pcapstream with a larger --max-capture-duration",
    }


class LimitError(PcapstreamError):
    """A limit set by the caller or the operator stands in the way."""

    CODES: ClassVar[Mapping[str, str]] = {
        "too_many_scans": "Wait for a running analysis to end, then ask again",
        "run_time": "Ask about a part of the capture with --max-packets, or raise the run time limit",
        "unknown_limit": "Use one of the names it lists",
        "bad_limit": "Give a whole number of at least 1",
        "export_too_large": "Export fewer packets, or start pcapstream with a larger --max-export-size",
        "export_folder_full": "Remove files from it",
        "export_took_too_long": (
            "Name frames, so that reading ends with the last of them, or use pcapstream filter --write on a "
            "command line"
        ),
    }


class QueryError(PcapstreamError):
    """The question is wrong."""

    CODES: ClassVar[Mapping[str, str]] = {
        "unknown_module": "Use modules from that list",
        "module_not_run": "Run it with that module among its modules",
        "bad_parameter": "Correct the parameter and ask again",
        "unknown_value": "Use one of the values it lists",
        "bad_filter": "Correct the display filter (Wireshark's language) and ask again",
        "unknown_field": "Use one of the names that list_fields gives",
        "bad_cursor": "Ask again without a cursor to start at the first page",
        "no_plot_library": "Install it with pip install 'pcapstream[plot]' where pcapstream runs, or ask without image",
        "expired_cursor": "Ask again without a cursor: the capture changed or its analysis is no longer kept",
    }


class StateError(PcapstreamError):
    """A verb called in the wrong order: a bug of the caller."""

    CODES: ClassVar[Mapping[str, str]] = {
        "finished": "Make a new one: this one has ended",
        "not_open": "Open it first",
        "started": "Do it before the scan is started",
        "stopped": "Start a new scan: this one was stopped before it had an answer",
    }


_MAX_SHOWN = 200


def shown(text: str) -> str:
    """What a caller wrote, fit for a message: printable and of bounded length."""
    short = text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode("ascii") for c in short)
