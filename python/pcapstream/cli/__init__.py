"""The command `pcapstream`: serve (the default), analyze, call, filter, live, tools.

argparse only, and no MCP outside `serve`: a question about a small capture is answered in a tenth of a second.
stdout holds the result and nothing else. Exit codes: 0 an answer, partial ones included; 1 the tool refused or failed;
2 usage, unknown tool or parameter; 130 interrupted; 141 the reader of the output went away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from pcapstream.errors import PcapstreamError, QueryError
from pcapstream.legacy_env import notices

USAGE_CODES = frozenset({"unknown_module", "bad_parameter", "unknown_value"})
"""Errors of the command line rather than of the capture."""

INTERRUPTED = 130
BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; gives the exit code, except for `serve`, which ends the process."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except PcapstreamError as error:
        return _say(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes stdout once more at exit: let it have somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _run(arguments: list[str]) -> int:
    from pcapstream.cli import arguments as parsers

    command, rest = parsers.split(arguments)
    if command == "serve":
        for notice in notices(os.environ):
            print(f"pcapstream: {notice}", file=sys.stderr)
        settings = parsers.serve(rest)
        from pcapstream.server import serve

        for name in settings.modules_without_tools:
            print(f"pcapstream: the module {name} has no tools in this version", file=sys.stderr)
        serve(settings)
    if command == "tools":
        from pcapstream.cli.listing import list_tools

        return list_tools(as_json=parsers.tools(rest).json)
    if command == "live":
        from pcapstream.cli.live import live

        return live(parsers.live(rest))
    if command == "filter":
        from pcapstream.cli.filter import sieve

        return sieve(parsers.sieve(rest))
    from pcapstream.cli.run import analyze, call, tell

    if command == "analyze":
        return analyze(parsers.analyze(rest))
    from pcapstream.tools.fields import find_plain_tool

    if rest and (plain := find_plain_tool(rest[0])) is not None:
        return tell(plain, rest[1:])
    return call(parsers.call(rest))


def _say(error: PcapstreamError) -> int:
    from pcapstream.tools.text import clean

    print(f"pcapstream: {clean(str(error), 2_000)} [{error.code}]", file=sys.stderr)
    usage = isinstance(error, QueryError) and error.code in USAGE_CODES
    return 2 if usage else 1
