"""When to try again, and whether what comes then is the rest of the same file."""

from __future__ import annotations

import random
from dataclasses import dataclass
from http import HTTPStatus

from pcapstream.errors import SourceError
from pcapstream.sources.http_client import Busy, Client, Reply, Version, status_error
from pcapstream.sources.http_settings import Retry
from pcapstream.sources.http_stream import Dropped
from pcapstream.sources.http_wait import Waiter


class Attempts:
    """Counts the failures of one source (or one worker of it) and waits between them, longer each time."""

    def __init__(self, retry: Retry, waiter: Waiter) -> None:
        self._retry = retry
        self._waiter = waiter
        self._in_a_row = 0
        self._in_all = 0

    def progressed(self) -> None:
        """Bytes arrived: what failed before does not count as in a row any more."""
        self._in_a_row = 0

    def failed(self, failure: Dropped | Busy, fetched: int) -> None:
        """Wait until the next try. fetched: bytes of the file that were read so far.

        Raises SourceError, when the tries are used up: connect, interrupted, timeout, http_status; and cancelled.
        """
        self._waiter.check()
        self._in_a_row += 1
        self._in_all += 1
        pause = min(self._retry.first_seconds * 2 ** (self._in_a_row - 1), self._retry.max_seconds)
        # Between half and one and a half times as long, so that many clients of one server do not come back as one.
        pause *= random.uniform(0.5, 1.5)
        if isinstance(failure, Busy) and failure.retry_after is not None:
            pause = max(pause, failure.retry_after)
        asked_too_much = pause > 1.5 * self._retry.max_seconds
        if asked_too_much or self._in_a_row >= self._retry.in_a_row or self._in_all >= self._retry.in_all:
            raise self._last(failure, fetched)
        self._waiter.pause(pause)

    def _last(self, failure: Dropped | Busy, fetched: int) -> SourceError:
        if isinstance(failure, Busy):
            return status_error(failure.status)
        if fetched == 0:
            # One text for a closed port, a filtered one and one that speaks something else: no map of a network.
            return SourceError("connect", "the server cannot be reached or gives no HTTP answer")
        code = "timeout" if failure.stalled else "interrupted"
        return SourceError(code, f"{failure.problem} after {fetched} bytes of the capture, again and again")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Bytes `first` to `last` (included; None: the end) of `version`; of whatever file is there when that is None."""

    first: int
    last: int | None = None
    version: Version | None = None
    keep: bool = False


def fetch(client: Client, wanted: Wanted, attempts: Attempts) -> Reply | None:
    """A reply whose body starts at `wanted.first` of the wanted version, after as many tries as `attempts` allows.

    None: the file has no byte there (only for a version that is not known or of unknown size).
    Raises SourceError: changed, interrupted, http_status, protocol, encoding, and what `Client.get` raises.
    """
    version = wanted.version
    whole = wanted.first == 0 and wanted.last is None
    if version is not None and wanted.first > 0 and version.validator is None:
        raise SourceError(
            "interrupted",
            f"the connection was lost after {wanted.first} bytes of the capture, and the server names no version of "
            "the file, so that nothing tells whether the rest would belong to it",
        )
    while True:
        try:
            if whole:
                reply = client.get(keep=wanted.keep)
            else:
                validator = None if version is None else version.validator
                reply = client.get(wanted.first, wanted.last, validator, keep=wanted.keep)
        except Dropped as failure:
            attempts.failed(failure, wanted.first)
            continue
        try:
            if _is_wanted(reply, wanted, whole):
                return reply
            reply.close()
            return None
        except Busy as failure:
            reply.close()
            attempts.failed(failure, wanted.first)
        except BaseException:
            reply.close()
            raise


def _is_wanted(reply: Reply, wanted: Wanted, whole: bool) -> bool:
    """False: the file has no byte at `wanted.first`. Raises Busy, SourceError."""
    version = wanted.version
    if not whole and version is not None:
        if reply.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            if version.size is None and reply.version.size == wanted.first:
                return False
            raise _changed(wanted.first)
        if reply.status == HTTPStatus.PRECONDITION_FAILED:
            raise _changed(wanted.first)
    elif not whole and reply.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        # Not even the first byte can be had by a range: the file is empty, or the server is odd.
        return False
    reply.raise_for_status()
    reply.raise_for_encoding()
    if version is not None and not version.same_file(reply.version):
        raise _changed(wanted.first)
    if whole and reply.status == HTTPStatus.PARTIAL_CONTENT:
        raise SourceError("protocol", "the server sent a part of the file where it was asked for all of it")
    if reply.first != wanted.first:
        if reply.status == HTTPStatus.OK:
            raise SourceError(
                "interrupted",
                f"the connection was lost after {wanted.first} bytes of the capture, and the server does not support "
                "ranges, which it takes to go on from there",
            )
        raise SourceError("protocol", "the server sent another part of the file than it was asked for")
    return True


def _changed(first: int) -> SourceError:
    return SourceError("changed", f"the file on the server changed after {first} bytes of it were read")
