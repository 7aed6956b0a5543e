"""What the documents say is there: names of tools, flags, limits, files, and the code of the README."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import pcapstream
from pcapstream.module_names import CAPTURE
from pcapstream.tools.export import EXPORT_TOOLS
from pcapstream.tools.fields import PLAIN_TOOLS
from pcapstream.tools.registry import TOOLS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def test_the_readme_lists_the_tools_with_their_modules() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", README, re.MULTILINE)
    listed = [row for row in rows if row[1] != CAPTURE]

    assert sorted(listed) == sorted((tool.name, tool.module) for tool in (*TOOLS, *PLAIN_TOOLS, *EXPORT_TOOLS))


def test_flags_of_the_readme_are_flags_of_the_server() -> None:
    flags = set(re.findall(r"`(--[a-z-]+)", README)) - {"--json", "--help", "--detailed", "--server-ip"}
    told = subprocess.run(
        [sys.executable, "-m", "pcapstream", "serve", "--help"], capture_output=True, text=True, check=True, timeout=60
    ).stdout

    assert flags
    assert {flag for flag in flags if flag not in told} == set()


def test_the_python_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    assert capsys.readouterr().out == "124 True\n"


def test_every_limit_is_documented_with_its_default() -> None:
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    listed = {
        name: int(value.replace(",", "")) for name, value in re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", page, re.M)
    }

    assert listed == pcapstream.default_limits()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8"))

    lost = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert lost == []


def test_the_examples_are_what_their_script_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "examples.make_examples", str(tmp_path)], cwd=ROOT, check=True, timeout=60)

    for path in tmp_path.iterdir():
        assert path.read_bytes() == (ROOT / "examples" / path.name).read_bytes()
        assert path.stat().st_size < 60_000
