"""The few XML documents that COS answers."""

from __future__ import annotations

from xml.sax.saxutils import escape


def tag(name: str, text: str) -> str:
    """Return an element with escaped text."""
    return f"<{name}>{escape(text)}</{name}>"


def document(root: str, inner: str) -> bytes:
    """Return a document around elements."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{inner}</{root}>'
    return text.encode("utf-8", "surrogateescape")


def error_document(code: str, message: str, resource: str, request_id: str, trace_id: str) -> bytes:
    """Return the document of an error."""
    inner = tag("Code", code) + tag("Message", message) + tag("Resource", resource)
    return document("Error", inner + tag("RequestId", request_id) + tag("TraceId", trace_id))
