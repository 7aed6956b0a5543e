"""Settings of other capture servers that are taken and not needed, so that an old configuration still starts."""

from __future__ import annotations

from collections.abc import Mapping

_UNUSED = {
    "TSHARK_PATH": "captures are read without tshark",
    "WIRESHARK_PATH": "captures are read without Wireshark or tshark",
    "ANALYSIS_TEMP_DIR": "no temporary files are written",
}


def notices(environ: Mapping[str, str]) -> list[str]:
    """One sentence for each such variable that is set, for standard error. Values are not repeated: they may be "
    "private."""
    return [
        f"{name} is set but not used: {why}. You can remove it." for name, why in _UNUSED.items() if environ.get(name)
    ]
