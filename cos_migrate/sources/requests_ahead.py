"""Requests for ranges, sent before the threads that will read them have time for that."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cos_migrate.http.client import Begun
from cos_migrate.model import Credentials, Fingerprint, SourceObject

if TYPE_CHECKING:
    from cos_migrate.sources.http_source import HttpSource

Span = tuple[int, int] | None
"""First byte of a range and how many; None: the whole object."""


class RangesAhead(Protocol):
    """Requests for what threads read next, sent while they wait for something else."""

    def begin(self, obj: SourceObject, start: int, length: int) -> None:
        """Request a range that the present thread opens next, unless that takes a wait."""

    def drop(self) -> None:
        """Drop the request of the present thread."""

    def drop_all(self) -> None:
        """Drop the requests of all threads. Thread-safe."""


class _Wanted(NamedTuple):
    """A range of one version of an object."""

    name: str
    version: Fingerprint
    span: Span
    credentials: Credentials | None
    """Those that signed the request: a refusal of others says nothing about present ones."""


class RequestsAhead:
    """`RangesAhead` of a source over HTTP: at most one request of each thread."""

    def __init__(self, source: HttpSource) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._begun: dict[int, tuple[_Wanted, Begun]] = {}

    def begin(self, obj: SourceObject, start: int, length: int) -> None:
        """Request a range that the present thread opens next, unless that takes a wait."""
        self.drop()
        source = self._source
        if not source.one_host:
            return  # its servers may redirect
        pinned, span = source.pinned(obj), span_of(obj, start, length)
        credentials = source.credentials
        begun = source.fetcher.begin(source.request(pinned, "GET", span))
        if begun:
            wanted = _Wanted(pinned.name, pinned.fingerprint, span, credentials)
            with self._lock:
                self._begun[threading.get_ident()] = wanted, begun

    def take(self, obj: SourceObject, method: str, span: Span) -> Begun | None:
        """Return the GET of the present thread for a range, and drop one for any other."""
        if not self._begun or method != "GET":
            return None
        with self._lock:
            found = self._begun.pop(threading.get_ident(), None)
        if found is None:
            return None
        wanted, begun = found
        if wanted == (obj.name, obj.fingerprint, span, self._source.credentials):
            return begun
        begun.connection.close()
        return None

    def drop(self) -> None:
        """Drop the request of the present thread."""
        with self._lock:
            found = self._begun.pop(threading.get_ident(), None)
        if found:
            found[1].connection.close()

    def drop_all(self) -> None:
        """Drop the requests of all threads."""
        with self._lock:
            dropped, self._begun = self._begun, {}
        for _, begun in dropped.values():
            begun.connection.close()


def span_of(obj: SourceObject, start: int, length: int) -> Span:
    """Return the span to request for `length` bytes from `start`; None: the whole object.

    `length` is -1 up to the end.
    """
    whole = start == 0 and length in {-1, obj.fingerprint.size}
    return None if whole else (start, length)
