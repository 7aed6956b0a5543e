"""The registry and what every module in it has."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pcapstream.errors import QueryError, StateError
from pcapstream.protocols import ALL, DEFAULT, NEEDS, REGISTRY, choose


def test_default_set_is_part_of_all_there_is() -> None:
    assert list(ALL) == list(REGISTRY)
    assert [name for name in ALL if name in DEFAULT] == list(DEFAULT)
    assert {"capinfos", "tcp", "triage"} <= set(DEFAULT)


def test_unknown_module_is_an_error_that_lists_the_modules() -> None:
    with pytest.raises(QueryError) as caught:
        choose(["tcp", "nonsense", "dsn"])
    assert caught.value.code == "unknown_module"
    assert "'dsn', 'nonsense'" in str(caught.value)
    for name in REGISTRY:
        assert name in str(caught.value)


def test_modules_are_chosen_once_and_in_the_order_of_the_registry() -> None:
    assert [module.name for module in choose(["triage", "capinfos", "triage"])] == ["capinfos", "triage"]
    assert choose([]) == ()
    assert [module.name for module in choose(None)] == list(DEFAULT)


@pytest.mark.parametrize("name", ALL)
def test_each_module_describes_itself(name: str) -> None:
    module = REGISTRY[name]
    assert module.name == name
    assert module.spec.title
    assert module.needs <= NEEDS
    machine = module.make({})
    assert machine.name == name
    assert machine.needs == module.needs
    assert machine is not module.make({})


@pytest.mark.parametrize("module", ["pcapstream.protocols", "pcapstream.pipeline", "pcapstream.report"])
def test_what_needs_no_event_loop_imports_none(module: str) -> None:
    assert loaded_by(f"import {module}").isdisjoint({"anyio", "asyncio", "mcp", "pydantic", "httpx2", "rich"})


def test_importing_the_package_imports_nothing_of_weight() -> None:
    heavy = {"anyio", "asyncio", "mcp", "mcp_types", "pydantic", "httpx2", "httpcore2", "rich", "pcapstream._core"}
    assert loaded_by("import pcapstream").isdisjoint(heavy)


def test_a_script_that_analyzes_a_file_imports_no_event_loop() -> None:
    assert loaded_by("import pcapstream; pcapstream.analyze").isdisjoint({"anyio", "mcp", "pydantic", "httpx2", "rich"})


def loaded_by(code: str) -> set[str]:
    """Modules that a fresh interpreter has after `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_a_machine_that_has_finished_refuses_every_verb() -> None:
    from pcapstream._core import Decoder, app_names

    for module in choose(None):
        decoder = Decoder(apps=app_names())
        machine = module.make({})
        batch = decoder.feed(b"")
        core = decoder.snapshot()
        machine.feed(batch)
        machine.snapshot(core)
        machine.finish(core)
        for verb in (
            lambda machine=machine, batch=batch: machine.feed(batch),
            lambda machine=machine: machine.expire(1),
            lambda machine=machine, core=core: machine.snapshot(core),
            lambda machine=machine, core=core: machine.finish(core),
        ):
            with pytest.raises(StateError):
                verb()
