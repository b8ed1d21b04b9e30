"""Parses answers that only browsers and curl take for HTTP/1.1.

Accepted: lines ended by LF alone, folded headers, blanks before a colon, lines without a colon, a
`Content-Length` that is repeated with the same value or stands beside a `Transfer-Encoding`,
status lines without a reason, of HTTP/1.0 or `ICY`, blanks behind the size of a chunk. Answers
whose content could have two lengths are refused.
"""

from __future__ import annotations

import re

from cos_migrate.http.parser import (
    MAX_BODY,
    TOO_LARGE,
    UNKNOWN_CODING,
    AnswerParser,
    BadAnswer,
    check_head,
    shown_line,
)

_HEAD_END = re.compile(rb"\n\r?\n")
_STATUS = re.compile(rb"(?:HTTP/([0-9])(?:\.([0-9]))?|ICY)[ \t]+([0-9]{3})(?:[ \t].*)?", re.DOTALL)
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?", re.DOTALL)
_LENGTH = re.compile(rb"[0-9]{1,19}")
_BODILESS = frozenset({204, 304})


class LenientAnswerParser(AnswerParser):
    """Parses answers that are not quite HTTP/1.1, as browsers and curl do."""

    __slots__ = ("_chunked", "_ended", "_left", "_modern", "_rest", "_trailers")

    def __init__(self) -> None:
        self._idle = 0
        self.begin()

    def begin(self) -> None:
        """Reset for the answer to the next request."""
        super().begin()
        self._rest = b""
        self._left = 0
        self._chunked = self._ended = self._modern = self._trailers = False

    def feed(self, data: bytes) -> None:
        """Parse received bytes. Raises BadAnswer."""
        if self.complete:
            self.extra = True
            return
        size, arrived = self.size, data
        data = self._rest + data if self._rest else data
        self._rest = b""
        while data:
            known, headed = len(data), self.headers_done
            data = self._take(data) if headed else self._take_head(data)
            if self._ended:
                self.complete, self.extra = True, bool(data)
                return
            if len(data) == known and headed == self.headers_done:
                self._rest = data  # more has to arrive
                break
        if self.headers_done:
            self._check_progress(size, arrived)

    def end_without_body(self) -> AnswerParser:
        """End behind the head; return the parser of the next answer."""
        if not self.complete:
            self._end()
            self.complete = True
        return self

    def _end(self) -> None:
        self._ended = True
        connection = self.headers.get(b"connection", b"").lower()
        words = [word.strip() for word in connection.split(b",")]
        self.keep_alive = b"close" not in words and (self._modern or b"keep-alive" in words)

    # -- the head ------------------------------------------------------------------------------

    def _take_head(self, data: bytes) -> bytes:
        """Parse a head; return the bytes behind it, or `data` where the head is incomplete."""
        data = data.lstrip(b"\r\n")
        found = _HEAD_END.search(data)
        head = data[: found.start()] if found else data
        check_head(len(head), head.count(b"\n") + 1)
        if not found:
            return data
        self._read_head(head)
        if 100 <= self.status < 200:  # noqa: PLR2004 - HTTP
            self._count_interim()
        else:
            self.headers_done = True
            self._frame()
        return data[found.end() :]

    def _read_head(self, head: bytes) -> None:
        lines = head.split(b"\n")
        status = _STATUS.fullmatch(lines[0].rstrip(b"\r"))
        if not status:
            raise _unreadable(1, lines[0])
        self.status = int(status[3])
        self._modern = (status[1] or b"1", status[2] or b"0") >= (b"1", b"1")
        name = b""
        for number, line in enumerate(lines[1:], 2):
            if b"\0" in line:
                raise _unreadable(number, line)
            text = line.replace(b"\r", b" ")
            if text[:1] in {b" ", b"\t"}:
                if name:
                    self.headers[name] += b" " + text.strip()
                continue
            name, colon, value = text.partition(b":")
            name = name.rstrip().lower()
            if not colon or not _NAME.fullmatch(name):
                name = b""  # as browsers do: skip a line without a name
                continue
            self._add(name, value.strip(), number, line)

    def _add(self, name: bytes, value: bytes, number: int, line: bytes) -> None:
        headers = self.headers
        if name == b"content-length":
            values = {each.strip() for each in value.split(b",")}
            values.update(filter(None, [headers.get(name)]))
            if len(values) > 1:
                raise BadAnswer(
                    f"the server sends two different lengths, {shown_line(number, line)}"
                )
            (value,) = values
            if not value.isdigit():
                raise _unreadable(number, line)
        elif name == b"transfer-encoding" and name in headers:
            value = headers[name] + b", " + value
        headers[name] = value

    def _frame(self) -> None:
        """Determine where the body ends."""
        headers = self.headers
        text = headers.get(b"transfer-encoding", b"").lower()
        words = [each.strip() for each in text.split(b",")]
        codings = [word for word in words if word not in {b"", b"identity"}]
        if self.status in _BODILESS:
            self._end()
        elif codings:
            if codings != [b"chunked"]:
                raise BadAnswer(UNKNOWN_CODING)
            self._chunked = True
            # The length is ignored (RFC 9112, 6.3); the connection is not used again.
            if headers.pop(b"content-length", None) is not None:
                headers[b"connection"] = b"close"
        elif b"content-length" in headers:
            self._left = _length(headers[b"content-length"])
            if not self._left:
                self._end()
        else:
            self.until_close = True

    # -- the body ------------------------------------------------------------------------------

    def _take(self, data: bytes) -> bytes:
        """Parse bytes of the body; return the rest of `data`."""
        if self.until_close:
            self._keep(data)
            return b""
        if not self._chunked:
            return self._take_counted(data)
        if self._left:
            return self._take_counted(data)
        line, ended, rest = data.partition(b"\n")
        if not ended:
            return data
        line = line.rstrip(b"\r")
        if self._trailers:
            if not line:
                self._end()
            return rest
        if not line:  # behind the content of a chunk
            return rest
        found = _CHUNK.fullmatch(line)
        if not found:
            raise BadAnswer("the size of a chunk of the server's answer cannot be read")
        self._left = int(found[1], 16)
        self._trailers = not self._left
        return rest

    def _take_counted(self, data: bytes) -> bytes:
        piece = data[: self._left]
        self._keep(piece)
        self._left -= len(piece)
        if not self._left and not self._chunked:
            self._end()
        return data[len(piece) :]

    def _keep(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.limited and self.size > MAX_BODY:
            raise BadAnswer(TOO_LARGE)
        self.body.append(piece)


def _length(value: bytes) -> int:
    """Return a `Content-Length`. Raises BadAnswer for one that was folded, or is too long."""
    if not _LENGTH.fullmatch(value):
        raise BadAnswer("the length of the server's answer cannot be read")
    return int(value)


def _unreadable(number: int, line: bytes) -> BadAnswer:
    return BadAnswer(f"the server's answer is not HTTP, {shown_line(number, line)}")
