"""Recognises web pages that a proxy, a firewall or a login sends in place of a cloud's answer."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cos_migrate.errors import Code
from cos_migrate.http.xml_texts import find_text
from cos_migrate.text import masked

FOREIGN = "ForeignAnswer"
"""The code of an answer that was sent between this machine and a cloud."""
_REQUEST_IDS = frozenset(
    {
        b"x-amz-id-2",
        b"x-amz-request-id",
        b"x-cos-request-id",
        b"x-oss-request-id",
        b"x-reqid",
        b"x-request-id",
        b"x-trans-id",
    }
)
_MAX_READ = 16 << 10
"""Bytes of a page that are searched for its title."""
_MAX_SHOWN = 100
_HTML_START = (b"<!doctype html", b"<html")


def is_web_page(content_type: str, body: bytes) -> bool:
    """Return whether an answer is HTML; `body` is empty for HEAD."""
    start = body[:64].lstrip().lower()
    return content_type.strip().lower().startswith("text/html") or start.startswith(_HTML_START)


def is_foreign_page(headers: Mapping[bytes, bytes], body: bytes) -> bool:
    """Return whether an error answer is a web page that no cloud has sent.

    Clouds send a request id in a header (`headers` have lower-case names), or an error in XML.
    """
    kind = headers.get(b"content-type", b"").decode("latin-1")
    if not is_web_page(kind, body) or find_text(body, "Code"):
        return False
    return _REQUEST_IDS.isdisjoint(headers)


def proxy_refusal(
    status: int, headers: Mapping[bytes, bytes], body: bytes, *, pages: bool
) -> tuple[str, str] | None:
    """Return code and message where a proxy refused a request to a source; None: it did not.

    `pages`: whether web pages come from proxies only, not from the source.
    """
    if status == 407:  # noqa: PLR2004 - HTTP
        return Code.PROXY_REFUSED, "the proxy wants a user name and a password"
    if not pages or not is_foreign_page(headers, body):
        return None
    if b"location" in headers:
        where = headers[b"location"].decode("latin-1")
        text = f"requests are redirected to {where}: the server wants https, or a proxy a login"
        return "Redirected", text
    kind = headers.get(b"content-type", b"").decode("latin-1")
    return FOREIGN, foreign_message("the source", status, kind, body)


def foreign_message(place: str, status: int, content_type: str, body: bytes) -> str:
    """Return the message for an answer that does not come from `place`."""
    kind = content_type.partition(";")[0].strip()
    title = page_title(body)
    detail = ", ".join([f"status {status}", *([kind] if kind else []), *([title] if title else [])])
    return f"a proxy or a firewall answers in the place of {place} ({detail})"


def page_title(body: bytes) -> str:
    """Return the title of a page, or else its first words, in quotes; empty: neither."""
    text = body[:_MAX_READ].decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
    words = title.group(1) if title else re.sub(r"<[^>]*>", " ", text[: 8 * _MAX_SHOWN])
    line = " ".join("".join(char if char.isprintable() else " " for char in words).split())
    short = masked(line[:_MAX_SHOWN])
    return f'"{short}"' if short else ""
