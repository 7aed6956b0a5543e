"""What a tool is: name, parameters, result keys and the view that answers. Server, `call` and `tools` all read it.

No MCP and no pydantic here: the command line starts without either, and one set of checks speaks to both with the
same words.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pcapstream.errors import QueryError
from pcapstream.selection import Selection, checked_filter
from pcapstream.tools.text import shown

if TYPE_CHECKING:
    from pcapstream.model import Report
    from pcapstream.report import ScanOptions
    from pcapstream.tools.paging import Ask

Kind = Literal["string", "integer", "number", "boolean", "list"]
JsonType = Literal["string", "integer", "number", "boolean", "array", "object", "string?", "integer?", "number?"]
"""JSON types of result keys; with "?" also null."""

MAX_TEXT_CHARS = 8_192
"""Longest string taken as an argument: the longest URL the sources take."""
MAX_LIST_ITEMS = 1_000

_PYTHON_WORDS = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "a text"}


class _Required:
    """Marks a parameter without default."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = _Required()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a tool."""

    name: str
    kind: Kind
    description: str
    default: object = REQUIRED
    """None makes the parameter optional: null is then a value too."""
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    check: Callable[[Any], object] | None = None
    """Turns a value of the right type into the one the view gets; raises ValueError with a clause such as "is no IP
    address"."""

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def option(self) -> str:
        """Its name on the command line."""
        return "--" + self.name.replace("_", "-")

    def schema(self) -> dict[str, object]:
        """JSON schema, without titles."""
        own: dict[str, object] = (
            {"type": "array", "items": {"type": "string"}} if self.kind == "list" else {"type": self.kind}
        )
        if self.choices:
            own["enum"] = list(self.choices)
        bounds = {"minimum": self.minimum, "maximum": self.maximum}
        own.update({key: bound for key, bound in bounds.items() if bound is not None})
        schema: dict[str, object] = {"anyOf": [own, {"type": "null"}]} if self.default is None else own
        if not self.required:
            schema["default"] = self.default
        schema["description"] = self.description
        return schema

    def bind(self, value: object) -> object:
        """The value the view gets for a JSON value. Raises QueryError(bad_parameter, unknown_value)."""
        if value is None and self.default is None:
            return None
        value = self._typed(value)
        if self.choices and value not in self.choices:
            raise QueryError(
                "unknown_value", f"{self.name} has no value {shown(value)}; the values are {', '.join(self.choices)}"
            )
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            low, high = self.minimum, self.maximum
            if (low is not None and value < low) or (high is not None and value > high):
                raise QueryError("bad_parameter", f"{self.name} must be {_range(low, high)}, not {shown(value)}")
        if self.check is not None:
            try:
                return self.check(value)
            except ValueError as problem:
                raise QueryError("bad_parameter", f"{self.name} {shown(value)} {problem}") from None
        return value

    def parse(self, text: str) -> object:
        """The JSON value of a text from the command line; `bind` still has to look at it."""
        if self.kind == "string":
            return text
        if self.kind == "list":
            # Display filters have commas in their sets.
            return [part for part in (item.strip() for item in re.split(r",(?![^{]*\})", text)) if part]
        if text.strip().lower() in ("null", "none", "") and self.default is None:
            return None
        if self.kind == "boolean":
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
                text.lower(), text
            )
        return text

    def _typed(self, value: object) -> object:
        """Clients send numbers as texts and lists as JSON texts: take what can be meant in one way only."""
        wrong = QueryError("bad_parameter", f"{self.name} must be {_words(self.kind)}, not {shown(value)}")
        if self.kind == "string":
            if not isinstance(value, str) or len(value) > MAX_TEXT_CHARS:
                raise wrong
            return value
        if self.kind == "boolean":
            if isinstance(value, str):
                value = {"true": True, "false": False}.get(value.strip().lower(), value)
            if not isinstance(value, bool):
                raise wrong
            return value
        if self.kind == "list":
            return self._items(value, wrong)
        if isinstance(value, str) and len(value) <= 40:
            try:
                value = int(value)
            except ValueError:
                try:
                    value = float(value)
                except ValueError:
                    raise wrong from None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise wrong
        if self.kind == "integer":
            if value != int(value):
                raise wrong
            return int(value)
        return value

    def _items(self, value: object, wrong: QueryError) -> object:
        if isinstance(value, str):
            try:
                value = json.loads(value) if value.lstrip().startswith("[") else [value]
            except ValueError:
                raise wrong from None
        if not isinstance(value, (list, tuple)) or len(value) > MAX_LIST_ITEMS:
            raise wrong
        if any(not isinstance(item, str) or len(item) > MAX_TEXT_CHARS for item in value):
            raise wrong
        return list(value)


@dataclass(frozen=True, slots=True)
class Key:
    """One top-level key of a result."""

    name: str
    type: JsonType
    description: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """What every tool shows to those who call it: name, parameters, result keys."""

    name: str
    module: str
    """MCP module it belongs to: what `--modules` chooses."""
    title: str
    description: str
    """First sentence: when to use it."""
    keys: tuple[Key, ...]
    parameters: tuple[Parameter, ...] = ()
    refuse: Callable[[Mapping[str, Any]], None] | None = None
    """Looks at all bound parameters before anything is done; raises QueryError."""
    _by_name: dict[str, Parameter] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_name.update({parameter.name: parameter for parameter in self.all_parameters})

    @property
    def all_parameters(self) -> tuple[Parameter, ...]:
        """In the order people see them."""
        return self.parameters

    @property
    def all_keys(self) -> tuple[Key, ...]:
        return self.keys

    def bind(self, arguments: Mapping[str, object]) -> dict[str, Any]:
        """The arguments the view gets: checked, defaults filled in. Raises QueryError."""
        for name in arguments:
            if name not in self._by_name:
                raise QueryError("bad_parameter", f"{self.name} has no parameter {shown(name)}{self._meant(name)}")
        bound: dict[str, Any] = {}
        for parameter in self._by_name.values():
            if parameter.name in arguments:
                bound[parameter.name] = parameter.bind(arguments[parameter.name])
            elif parameter.required:
                raise QueryError("bad_parameter", f"{self.name} needs {parameter.name}: {parameter.description}")
            else:
                bound[parameter.name] = parameter.default
        if self.refuse is not None:
            self.refuse(bound)
        return bound

    def input_schema(self) -> dict[str, object]:
        """JSON schema of the arguments; refuses unknown ones."""
        return {
            "type": "object",
            "properties": {parameter.name: parameter.schema() for parameter in self.all_parameters},
            "required": [parameter.name for parameter in self.all_parameters if parameter.required],
            "additionalProperties": False,
        }

    def output_schema(self) -> dict[str, object]:
        """JSON schema of the result: every top-level key, at most 2 KB."""
        return {
            "type": "object",
            "properties": {key.name: _key_schema(key) for key in self.all_keys},
            "required": [key.name for key in self.all_keys if key.required],
        }

    def parameter_for_option(self, option: str) -> Parameter:
        """The parameter a command line option names. Raises QueryError."""
        name = option.lstrip("-").replace("-", "_")
        if name not in self._by_name or name == "pcap_file":
            raise QueryError("bad_parameter", f"{self.name} has no parameter {shown(option)}{self._meant(name)}")
        return self._by_name[name]

    def _meant(self, name: str) -> str:
        import difflib

        close = difflib.get_close_matches(name[:100], self._by_name, n=1)
        if close:
            return f" (did you mean {close[0]}?)"
        return f"; its parameters are {', '.join(self._by_name)}" if self._by_name else "; it takes none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec(Face):
    """A tool that answers about a capture. `view` is pure: the same report and question give the same result. Beside
    its parameters it takes pcap_file, limit and cursor."""

    view: Callable[[Report, Ask], dict[str, Any]]
    needs: tuple[str, ...] = ()
    """Modules whose machines it asks; `call` runs only these."""
    default_limit: int = 50
    most_rows: int = 1000
    """Largest limit."""
    table_at_top: str | None = None
    """A table whose columns, rows and totals are keys of the result itself."""
    whole_file: bool = False
    """It tells of the file itself, whatever packets are asked about."""
    own_rows: bool = False
    """Each page of its table is a pass of its own (see `Ask.matches`)."""
    picture: Callable[[Report, Mapping[str, Any], Mapping[str, Report]], bytes] | None = None
    """A PNG beside the answer, where the parameter `image` asks for one; gets report, parameters and series."""
    series: str | None = None
    """The parameter that lists display filters, each of which has a report of its own in `Ask.series`."""
    narrow: Callable[[ScanOptions, Mapping[str, Any]], ScanOptions] | None = None
    """The pass that the bound parameters ask for, where that is not the shared one."""

    @property
    def all_parameters(self) -> tuple[Parameter, ...]:
        """In the order people see them."""
        own = self.parameters
        if self.filterable and all(parameter.name != DISPLAY_FILTER.name for parameter in own):
            own = (*own, DISPLAY_FILTER)
        return (PCAP_FILE, *own, _limit(self.default_limit, self.most_rows), CURSOR)

    @property
    def filterable(self) -> bool:
        """It asks machines, which can be fed with some packets as well as with all."""
        return bool(self.needs) and not self.whole_file

    @property
    def all_keys(self) -> tuple[Key, ...]:
        own = {key.name for key in self.keys}
        common = (*((FILTER_KEY,) if self.filterable else ()), *COMMON_KEYS)
        return (*self.keys, *(key for key in common if key.name not in own))

    def options(self, shared: ScanOptions, bound: Mapping[str, Any]) -> ScanOptions:
        """Options of the pass that answers: the shared one unless the parameters need one of their own."""
        options = shared if self.narrow is None else self.narrow(shared, bound)
        wanted = bound[DISPLAY_FILTER.name] if self.filterable else ""
        if not wanted or options.selection.display_filter:
            return options
        return self._selecting(options, wanted)

    def series_options(self, shared: ScanOptions, bound: Mapping[str, Any]) -> dict[str, ScanOptions]:
        """Options of the further passes the parameters ask for, by filter."""
        if self.series is None:
            return {}
        within = bound[DISPLAY_FILTER.name]
        return {one: self._selecting(shared, f"({within}) && ({one})" if within else one) for one in bound[self.series]}

    def _selecting(self, options: ScanOptions, display_filter: str) -> ScanOptions:
        modules = [name for name in options.modules or () if name in self.needs]
        return options.selecting(modules, Selection(display_filter))


PCAP_FILE = Parameter("pcap_file", "string", "Capture: path or http(s) URL")
DISPLAY_FILTER = Parameter(
    "display_filter",
    "string",
    "Wireshark display filter, e.g. tcp.port == 443",
    "",
    check=checked_filter,
)
CURSOR = Parameter("cursor", "string", "next_cursor of a table", None)

FILTER_KEY = Key("display_filter", "string", "only packets that match it were counted")
COMMON_KEYS = (
    Key("file", "string"),
    Key("analysis_timestamp", "string"),
    Key("coverage", "object", "what part of the capture this stands for: complete, or why not", required=True),
    Key("notes", "array", "what to know when reading the numbers"),
)


def _limit(default: int, most: int) -> Parameter:
    return Parameter("limit", "integer", f"Rows per table (default {default})", None, minimum=1, maximum=most)


def _key_schema(key: Key) -> dict[str, object]:
    name = key.type.rstrip("?")
    schema: dict[str, object] = {"type": [name, "null"] if key.type.endswith("?") else name}
    if key.description:
        schema["description"] = key.description
    return schema


def table_keys(tables: Iterable[tuple[str, str]]) -> tuple[Key, ...]:
    """Keys that hold tables: (name, what a row is)."""
    return tuple(Key(name, "object", f"table: {row}" if row else "table") for name, row in tables)


def _words(kind: Kind) -> str:
    return _PYTHON_WORDS.get(kind, "a list of texts")


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high:g}"
    return f"at least {low:g}" if high is None else f"from {low:g} to {high:g}"
