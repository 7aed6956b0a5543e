"""`pcapstream analyze` and `pcapstream call`: one pass in this process, a progress bar while it runs, the result."""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any

from pcapstream.cli.progress import ProgressBar
from pcapstream.errors import QueryError
from pcapstream.pipeline import End, Pass
from pcapstream.report import ScanOptions, report_of, scan_id_of
from pcapstream.sources import resolve
from pcapstream.tools.answer import answer
from pcapstream.tools.triage import ANALYZE

if TYPE_CHECKING:
    from pcapstream.cli.arguments import Question
    from pcapstream.model import Report
    from pcapstream.protocols import Machine
    from pcapstream.settings import Settings
    from pcapstream.tools.fields import PlainTool
    from pcapstream.tools.spec import ToolSpec

_TICK_SECONDS = 0.1
_GC_THRESHOLD = 100_000
"""New objects between two looks for garbage: a pass makes millions that no cycle holds."""


def analyze(question: Question) -> int:
    """The triage, readable or as JSON; gives the exit code."""
    result = _answer(question, ANALYZE, {})
    if question.json:
        print(pretty(result))
        return 0
    from pcapstream.cli.terminal import print_triage

    print_triage(result)
    return 0


def call(question: Question) -> int:
    """The result of a tool as JSON, whole; gives the exit code."""
    print(pretty(_answer(question, question.tool, question.arguments)))
    return 0


def tell(tool: PlainTool, arguments: Sequence[str]) -> int:
    """The answer of a tool that needs no capture, as JSON; gives the exit code. Raises SystemExit(2), QueryError."""
    parser = argparse.ArgumentParser(prog=f"pcapstream call {tool.name}", description=tool.description)
    for parameter in tool.all_parameters:
        parser.add_argument(parameter.option, metavar=parameter.kind.upper(), help=parameter.description)
    given = vars(parser.parse_args(list(arguments)))
    print(pretty(tool.tell(tool.bind({name: value for name, value in given.items() if value is not None}))))
    return 0


def _answer(question: Question, tool: ToolSpec, arguments: Mapping[str, object]) -> dict[str, Any]:
    parameters = tool.bind({"pcap_file": question.capture, **arguments})
    settings = question.settings
    shared = _options(settings, tool)
    further = tool.series_options(shared, parameters)
    if further and question.capture == "-":
        raise QueryError("bad_parameter", f"{tool.series} read the capture once more each: a pipe can be read once")
    report = read(question.capture, settings, tool.options(shared, parameters))
    series = {one: read(question.capture, settings, options) for one, options in further.items()}
    return answer(
        tool,
        report,
        parameters,
        max_packets=settings.max_packets,
        budget=None,
        geoip_db=settings.geoip_db,
        series=series,
    )


def _options(settings: Settings, tool: ToolSpec) -> ScanOptions:
    """Machines the tool needs; --modules narrows them further."""
    from pcapstream.protocols import DEFAULT, REGISTRY

    if settings.modules is None and tool is not ANALYZE:
        return settings.scan_options([tool])
    # A first look tells what every module of the default set has found.
    modules = [name for name in REGISTRY if name in (settings.modules or DEFAULT)]
    missing = [need for need in tool.needs if need not in modules]
    if missing and tool is not ANALYZE:
        raise QueryError("module_not_run", f"{tool.name} needs {', '.join(missing)}, which --modules leaves out")
    return ScanOptions(
        modules=modules, max_packets=settings.max_packets, resync=settings.resync, tls_keylog=settings.tls_keylog
    )


def read(capture: str, settings: Settings, options: ScanOptions, machines: Sequence[Machine] | None = None) -> Report:
    """The report of one pass; machines: others than those of the options.

    Raises PcapstreamError; KeyboardInterrupt after the pass was stopped.
    """
    source = resolve(capture, settings.policy(stdin=True))
    began = time.monotonic()
    try:
        source.open()
        work = Pass(
            source,
            options.machines() if machines is None else machines,
            max_packets=options.max_packets,
            resync=options.resync,
            limits=options.core_limits(),
            ports=options.ports,
            selection=options.selection,
            key_log=options.key_log(),
        )
    except BaseException:
        source.close()
        raise
    # What is there by now stays: no look through it for garbage, and few looks at what the pass makes.
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    work.start()
    stopping = began + settings.max_run_time
    leaving = began + settings.call_budget
    try:
        with ProgressBar(sys.stderr, began) as bar:
            while not work.result.done() and (now := time.monotonic()) < leaving:
                if now > stopping:
                    work.cancel(End.RUN_TIME)
                try:
                    work.result.exception(timeout=_TICK_SECONDS)
                except FutureTimeoutError:
                    bar.show(work.progress)
        state = work.snapshot().result()
    finally:
        work.cancel()
        work.join()
    report = report_of(state, source.name, scan_id_of(source.identity, options), source.size)
    if report.coverage.reason != "budget":
        return report
    more = dataclasses.replace(report.coverage, next_step="Allow more time with --call-budget, or none for no limit.")
    return dataclasses.replace(report, coverage=more)


def pretty(value: object, indent: str = "") -> str:
    """JSON with one line for each row of a table: readable, and a line tool can work on it."""
    inner = indent + "  "
    if isinstance(value, Mapping) and value:
        items: Iterable[str] = (f"{inner}{_plain(str(key))}: {pretty(item, inner)}" for key, item in value.items())
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, (list, dict)) for item in value):
        return "[\n" + ",\n".join(inner + pretty(item, inner) for item in value) + f"\n{indent}]"
    return _plain(value)


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
