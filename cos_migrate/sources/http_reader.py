"""The body of an answer; that of a whole object is compared with the source's checksums."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from cos_migrate.checksums import RunningChecks
from cos_migrate.errors import Code, SourceError, TransportError
from cos_migrate.http.messages import StreamedResponse
from cos_migrate.http.pacing import PacedRead
from cos_migrate.model import Described
from cos_migrate.sources.mismatches import NO_MD5, is_etag_check, mismatch_text

_KEPT = 1_000
"""Objects whose last mismatch is remembered."""


class EmptyReader:
    """Reads an empty range."""

    def __init__(self, described: Described) -> None:
        self.described = described

    def read(self, size: int) -> bytes:  # noqa: ARG002 - there is nothing to read
        """Return nothing."""
        return b""

    def check_unchanged(self) -> None:
        """Do nothing: there are no bytes to compare."""


class EtagMismatches:
    """Remembers contents that differ from an ETag that looks like an MD5. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, str] = {}

    def repeats(self, name: str, described: Described, wrong: str, read: RunningChecks) -> bool:
        """Remember the checksum of a read; return whether the previous read had the same.

        `wrong` is the kind of the checksum that differs: only an ETag is kept.
        """
        etag = described.fingerprint.etag
        if not is_etag_check(described.checks, wrong, etag):
            return False
        found = f"{etag} {read.checksum(wrong)}"
        with self._lock:
            before = self._last.pop(name, "")
            self._last[name] = found
            if len(self._last) > _KEPT:
                del self._last[next(iter(self._last))]
        return before == found


class HttpReader:
    """Reads the body of an answer, and verifies that of a whole object."""

    def __init__(
        self,
        incoming: StreamedResponse,
        described: Described,
        length: int,
        mismatches: EtagMismatches | None,
        *,
        name: str,
        shown: str,
        proven: bool,
        named: Callable[[], AbstractContextManager[None]],
        paced: PacedRead,
    ) -> None:
        """`length`: bytes that must come; -1: any number.

        `mismatches` is None for a part of an object. `name` is the object's, `shown` its name in
        messages. `proven`: whether the answer's head identifies the listed version. `named` makes
        the context that names the object in errors of the connection. `paced`: what may be read.
        """
        self.described = described
        self._incoming = incoming
        self._length = self._left = length
        self._bounded = length >= 0
        self._etag_mismatches = mismatches
        self._name, self._shown = name, shown
        self._proven = proven
        self._named = named
        self._paced = paced
        self._checking = RunningChecks(described.checks if mismatches else ())

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end. Raises SourceError."""
        wanted = min(size, self._left) if self._bounded else size
        with self._named():
            wanted = self._paced.room(wanted)
            data = self._incoming.read(wanted) if wanted else b""
            self._paced.note(len(data))
            if self._bounded:
                self._left -= len(data)
                if wanted and not data:
                    raise self._ended_early()
                if not self._left and not self._incoming.ended and self._incoming.read(1):
                    # Only its end frees the connection for the next request.
                    raise TransportError(
                        "its body is longer than it should be", code="BadAnswer", retryable=True
                    )
        self._checking.update(data)
        return data

    def check_unchanged(self) -> None:
        """Raise SourceError when the content differs from the source's own checksum."""
        if self._bounded and self._left:
            return  # it was not read to its end
        wrong = self._checking.first_difference()
        if not wrong:
            return
        if not self._proven:
            raise self._error(
                "the answer has no ETag, and its content is not the listed one", Code.CONTRADICTORY
            )
        if self._etag_mismatches and self._etag_mismatches.repeats(
            self._name, self.described, wrong, self._checking
        ):
            raise self._error(NO_MD5, Code.ETAG_IS_NO_MD5, retryable=False)
        raise self._error(mismatch_text(wrong), Code.SOURCE_CHECKSUM_MISMATCH)

    def _ended_early(self) -> TransportError:
        headers = self._incoming.headers
        if b"content-length" not in headers and b"transfer-encoding" in headers:
            # The chunks ended properly, so the answer is complete.
            text = f"the answer has {self._length - self._left} bytes instead of {self._length}"
            return TransportError(text, code=Code.CONTRADICTORY, retryable=True)
        return TransportError("its body ended early", code="ConnectionBroken", retryable=True)

    def _error(self, text: str, code: str, *, retryable: bool = True) -> SourceError:
        return SourceError(
            text, operation="GetObject", target=self._shown, code=code, retryable=retryable
        )
