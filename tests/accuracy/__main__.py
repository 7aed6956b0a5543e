"""See the package."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.accuracy.compare import Comparison, Exclusion

GOAL = 99.0
"""Percent of a group that have to match."""


def truths(captures: Path, folder: Path) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """(name of a capture below `captures`, its path, its truth): `<folder>__<file>.json` for `<folder>/<file>`."""
    for path in sorted(folder.glob("*.json")):
        name = path.name.removesuffix(".json").replace("__", "/", 1)
        yield name, captures / name, json.loads(path.read_text("utf-8"))


def compare(captures: Path, truth: Path, comparison: Comparison) -> list[tuple[str, str]]:
    """Compare all captures that have a truth. Returns (name, why) of those without facts of ours."""
    from tests.accuracy.facts import facts_of

    failed: list[tuple[str, str]] = []
    for name, path, theirs in truths(captures, truth):
        if not path.exists():
            failed.append((name, "capture missing"))
            continue
        ours: dict[str, Any] = {}
        try:
            ours = json.loads(json.dumps(facts_of(str(path))))
        except Exception as error:  # one capture that cannot be read must not hide the figures of the others
            failed.append((name, f"{type(error).__name__}: {error}"))
        comparison.add(name, ours, theirs)
    return failed


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["facts"]:
        parser = argparse.ArgumentParser(prog="python -m tests.accuracy facts", description="Facts about a capture.")
        parser.add_argument("file")
        from tests.accuracy.facts import facts_of

        json.dump(facts_of(parser.parse_args(given[1:]).file), sys.stdout, indent=1, ensure_ascii=False)
        print()
        return 0
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy", description="Our facts beside Wireshark's.")
    parser.add_argument("captures", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--groups", help="comma list; all groups of the truth without it")
    parser.add_argument("--excluded", type=Path, help="lines file-glob TAB fact-glob TAB reason")
    parser.add_argument("--differences", type=int, default=40, help="how many are printed (default: %(default)s)")
    options = parser.parse_args(given)
    comparison = Comparison(
        groups=frozenset(options.groups.split(",")) if options.groups else None,
        exclusions=Exclusion.read(options.excluded) if options.excluded else (),
    )
    failed = compare(options.captures, options.truth, comparison)
    return report(comparison, failed, options.differences)


def report(comparison: Comparison, failed: list[tuple[str, str]], most: int) -> int:
    """Print the differences and the figures; the exit status says whether every group reaches its goal."""
    for difference in comparison.differences[:most]:
        print(difference)
    if len(comparison.differences) > most:
        print(f"(+{len(comparison.differences) - most} more differences)")
    for name, why in failed:
        print(f"no facts: {name} ({why})")
    for name, group in sorted(comparison.figures.items()):
        compared = group.compared + group.over
        print(f"{name:15} {group.matched:6} of {compared:6} {group.percent:7.2f} %  excluded {group.excluded}")
    short = [name for name, group in comparison.figures.items() if group.percent < GOAL]
    return 1 if short or failed else 0


if __name__ == "__main__":
    sys.exit(main())
