"""Recognises web pages of proxies, firewalls and logins that come instead of a cloud's answer."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cos_migrate.http.xml_texts import find_text
from cos_migrate.text import masked

FOREIGN = "ForeignAnswer"
"""The code of an answer that came from something between this machine and a cloud."""
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
_READ_MOST = 16 << 10
"""Bytes of a page in which its title is looked for."""
_SHOWN_MOST = 100
_HTML_START = (b"<!doctype html", b"<html")


def is_web_page(content_type: str, body: bytes) -> bool:
    """Return whether an answer is HTML; that to HEAD has no body."""
    start = body[:64].lstrip().lower()
    return content_type.strip().lower().startswith("text/html") or start.startswith(_HTML_START)


def is_foreign_page(headers: Mapping[bytes, bytes], body: bytes) -> bool:
    """Return whether an error answer is a page that no cloud has sent.

    A cloud names its requests in a header (`headers` have lower-case names), or its errors in XML.
    """
    kind = headers.get(b"content-type", b"").decode("latin-1")
    if not is_web_page(kind, body) or find_text(body, "Code"):
        return False
    return _REQUEST_IDS.isdisjoint(headers)


def proxy_refusal(
    status: int, headers: Mapping[bytes, bytes], body: bytes, *, pages: bool
) -> tuple[str, str] | None:
    """Return code and message of an error answer that a proxy sent in a source's place, or None.

    `pages`: whether a web page comes from a proxy, not from the source itself.
    """
    if status == 407:  # noqa: PLR2004 - HTTP
        return "ProxyRefused", "the proxy wants a user name and a password"
    if not pages or not is_foreign_page(headers, body):
        return None
    if b"location" in headers:
        where = headers[b"location"].decode("latin-1")
        text = f"requests are led to {where}, by a server that wants https or a proxy's login"
        return "Redirected", text
    kind = headers.get(b"content-type", b"").decode("latin-1")
    return FOREIGN, foreign_message("the source", status, kind, body)


def foreign_message(place: str, status: int, content_type: str, body: bytes) -> str:
    """Return the message for an answer that does not come from `place`."""
    kind = content_type.partition(";")[0].strip()
    said = page_title(body)
    detail = ", ".join([f"status {status}", *([kind] if kind else []), *([said] if said else [])])
    return f"a proxy or a firewall answers in the place of {place} ({detail})"


def page_title(body: bytes) -> str:
    """Return the title of a page, else its first words, in quotes; empty: it has none."""
    text = body[:_READ_MOST].decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
    words = title.group(1) if title else re.sub(r"<[^>]*>", " ", text[: 8 * _SHOWN_MOST])
    line = " ".join("".join(char if char.isprintable() else " " for char in words).split())
    short = masked(line[:_SHOWN_MOST])
    return f'"{short}"' if short else ""
