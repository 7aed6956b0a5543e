"""Real captures outside the repository, which the environment variable PCAPSTREAM_CAPTURES names."""

from __future__ import annotations

import os
from pathlib import Path


def captures(max_bytes: int) -> list[Path]:
    """Those of the folder up to that size that tshark can read, by path; none without a folder."""
    folder = os.environ.get("PCAPSTREAM_CAPTURES")
    return [
        path
        for path in (sorted(Path(folder).rglob("*")) if folder else [])
        if path.is_file()
        and path.suffix not in (".json", ".md", ".xz")
        and path.parent.name != "truth"
        and path.stat().st_size <= max_bytes
    ]
