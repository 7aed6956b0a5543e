"""Where captures come from: one file per origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcapstream.errors import SourceError, shown
from pcapstream.sources.base import Source

if TYPE_CHECKING:
    from pcapstream.sources.policy import Policy

__all__ = ["Source", "resolve"]


def resolve(text: str, policy: Policy) -> Source:
    """The source that `text` names: "-" is standard input, http:// and https:// in any case are URLs, everything else
    is the path of a file or named pipe, taken as it is ("~" is not expanded). Nothing is opened yet.

    Raises SourceError where the policy refuses it.
    """
    if text == "-":
        from pcapstream.sources.stdin import StdinSource

        policy.check_stdin()
        return StdinSource()
    if text[:8].lower().startswith(("http://", "https://")):
        # The http client costs 100 ms to import: only those who fetch pay for it.
        from pcapstream.sources.http import HttpSource

        policy.check_url(text)
        return HttpSource(text, policy)
    if text.startswith("live:"):
        raise SourceError(
            "not_found",
            f"{shown(text)} is no capture that runs here",
            "Start one with start_packet_capture, or write ./ before the name of a file",
        )
    from pcapstream.sources.file import FileSource

    return FileSource(policy.check_path(text), given=text, opener=policy.open_path)
