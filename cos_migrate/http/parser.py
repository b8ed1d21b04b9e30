"""Parses HTTP/1.1 answers strictly, as they arrive; limits heads and all that is no content."""

from __future__ import annotations

import re

import httptools

from cos_migrate.text import masked

MAX_HEAD = 64 << 10
"""Bytes of an answer's head, and of what may stand between two pieces of its content."""
MAX_HEAD_LINES = 200
"""Lines of an answer's head."""
MAX_INTERIM_ANSWERS = 16
"""Interim answers (1xx) before the final one."""
MAX_BODY = 2 << 20
"""Bytes of a body that is held in memory: a small object, or XML of COS."""
TOO_LARGE = "the server's answer is too large"
UNKNOWN_CODING = "the server's answer has a transfer coding that is not supported"
_SMALL_HEAD = 4 * MAX_HEAD_LINES
"""Bytes of a head that is too short to have too many lines."""
_MAX_SHOWN = 120
"""Characters of a line in a message."""
_LINE = re.compile(
    rb"HTTP/[0-9.]+ [0-9]{3}( .*)?|[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f]*"
)


class BadAnswer(ValueError):
    """An answer is not HTTP, or exceeds a limit; the message is fit for users."""


class AnswerParser:
    """Parses one answer after the other and holds the present one; header names in lower case."""

    __slots__ = (
        "_idle",
        "_interims",
        "_parser",
        "_problem",
        "_raw",
        "body",
        "complete",
        "extra",
        "headers",
        "headers_done",
        "keep_alive",
        "limited",
        "size",
        "status",
        "until_close",
    )

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._problem = ""
        self._idle = 0
        self.begin()

    def begin(self) -> None:
        """Reset for the answer to the next request."""
        self.status = self.size = self._interims = 0
        self.headers: dict[bytes, bytes] = {}
        self.body: list[bytes] = []
        self.headers_done = self.complete = self.extra = False
        self.keep_alive = self.until_close = False
        self.limited = True
        self._raw = b""

    def feed(self, data: bytes) -> None:
        """Parse received bytes. Raises BadAnswer."""
        headed, size = self.headers_done, self.size
        if not headed:
            self._raw = self._raw + data if self._raw else data
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # the answer to CONNECT: the bytes that follow are not HTTP
        except httptools.HttpParserError as error:
            if self._problem:
                raise BadAnswer(self._problem) from error
            where = "" if self.headers_done else _suspect(self._raw)
            raise BadAnswer(f"the server's answer is not HTTP ({error}){where}") from error
        if headed:
            self._check_progress(size, data)
        elif len(self._raw) > _SMALL_HEAD:
            if self._raw.find(b"\r\n\r\n", 0, _SMALL_HEAD) >= 0 and self.headers_done:
                self._raw = b""
            else:
                self._check_head(self._raw)

    def _count_interim(self) -> None:
        """Skip an interim answer. Raises BadAnswer when there are too many."""
        counts = self._interims + 1, self.limited, self._raw
        if counts[0] > MAX_INTERIM_ANSWERS:
            raise BadAnswer("the server sends interim answers only")
        self.begin()
        self._interims, self.limited, self._raw = counts

    def end_without_body(self) -> AnswerParser:
        """End the answer to a HEAD; return the parser of the next answer.

        httptools goes on to expect a body, so this parser cannot be used again.
        """
        if self.complete:
            return self
        closes = self.headers.get(b"connection", b"").lower() == b"close"
        self.keep_alive = not closes and self._parser.get_http_version() == "1.1"
        return type(self)()

    def _check_head(self, raw: bytes) -> None:
        end = raw.find(b"\r\n\r\n") if self.headers_done else len(raw)
        check_head(end, raw.count(b"\n", 0, end) + 1)
        if self.headers_done:
            self._raw = b""

    def _check_progress(self, size: int, data: bytes) -> None:
        """Limit what is no content: chunk extensions and trailers. Raises BadAnswer."""
        if self.size != size or self.complete:
            self._idle = 0
            return
        self._idle += len(data)
        if self._idle > MAX_HEAD:
            raise BadAnswer(f"the server sent {MAX_HEAD >> 10} KiB of its answer without content")

    # -- called by httptools --------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Note bytes behind a complete answer."""
        if self.complete:
            self.extra = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are not used."""
        if not self.headers_done:
            self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Determine where the body ends."""
        if self.complete:
            return
        self.headers_done = True
        self.status = self._parser.get_status_code()
        headers = self.headers
        if b"transfer-encoding" in headers:
            coding = headers[b"transfer-encoding"].strip().lower()
            if coding != b"chunked":
                self._refuse(UNKNOWN_CODING)
        else:
            self.until_close = b"content-length" not in headers

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body."""
        if self.complete:
            return
        self.size += len(data)
        if self.limited and self.size > MAX_BODY:
            self._refuse(TOO_LARGE)
        self.body.append(data)

    def on_message_complete(self) -> None:
        """End the answer, unless it is an interim one."""
        if self.complete:
            return
        if self.status < 200:  # noqa: PLR2004 - an interim answer; the real one follows
            try:
                self._count_interim()
            except BadAnswer as error:
                self._refuse(str(error))
        else:
            self.complete = True
            # Afterwards httptools has dropped the headers.
            self.keep_alive = self._parser.should_keep_alive()

    def _refuse(self, problem: str) -> None:
        """End the parsing of an answer for a problem; raises ValueError, as httptools expects."""
        self._problem = problem
        raise ValueError


def check_head(size: int, lines: int) -> None:
    """Raise BadAnswer when a head has too many bytes (`size`) or lines."""
    if size > MAX_HEAD:
        raise BadAnswer(f"the head of the server's answer is larger than {MAX_HEAD >> 10} KiB")
    if lines > MAX_HEAD_LINES:
        raise BadAnswer(f"the head of the server's answer has more than {MAX_HEAD_LINES} lines")


def shown_line(number: int, line: bytes) -> str:
    """Return a line of a head for a message; `number` is 1-based."""
    text = masked(line[:MAX_HEAD].decode("latin-1").strip("\r\n"))
    cut = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
    printable = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in cut)
    return f"line {number} of its head: {printable}"


def _suspect(raw: bytes) -> str:
    """Return the first line of a head that is not HTTP; empty where none is found."""
    head = raw.partition(b"\r\n\r\n")[0]
    for number, line in enumerate(head.split(b"\r\n"), 1):
        if not _LINE.fullmatch(line):
            return ", " + shown_line(number, line)
    return ""
