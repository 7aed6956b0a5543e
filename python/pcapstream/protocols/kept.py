"""The messages that the core kept for detail rows, as a summary pages through them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pcapstream._core import Message, Snapshot


class KeepsMessages:
    """Part of a summary that names its `family` and has `parts`."""

    __slots__ = ()

    family: ClassVar[str]
    """Name of the protocol in the core."""
    parts: tuple[Snapshot, ...]
    """Passes the messages are kept in, in the order merged."""

    def kept(self) -> tuple[int, int]:
        """(messages kept, messages that found no room), of the whole family."""
        found = [part.message_count(self.family) for part in self.parts]
        return sum(kept for kept, _ in found), sum(dropped for _, dropped in found)

    def messages(self, offset: int, limit: int) -> list[Message]:
        """A page of the kept messages, in frame order of each part."""
        out: list[Message] = []
        for part in self.parts:
            if len(out) >= limit:
                break
            kept = part.message_count(self.family)[0]
            if offset < kept:
                out += part.messages(self.family, offset=offset, limit=limit - len(out))
            offset = max(0, offset - kept)
        return out
