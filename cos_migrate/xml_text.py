"""The few values that are needed of an object storage's XML answers."""

from __future__ import annotations

import html
import re

_TAG = "<{0}>([^<]*)</{0}>"


def text_of(body: bytes, tag: str) -> str:
    """Return the text of the first `tag` element of an XML answer, empty when there is none."""
    found = re.search(_TAG.format(tag), body.decode("utf-8", "replace"))
    return html.unescape(found.group(1)).strip() if found else ""
