"""Builds and parses the XML documents of COS."""

from __future__ import annotations

import time
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from cos_migrate.emulator.errors import Refusal


def tag(name: str, text: str) -> str:
    """Return an element with its text escaped."""
    return f"<{name}>{escape(text)}</{name}>"


def iso_time(seconds: float) -> str:
    """Return seconds since 1970 as COS writes times into documents."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


def document(root: str, inner: str) -> bytes:
    """Return a document around elements."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{inner}</{root}>'
    return text.encode("utf-8", "surrogateescape")


def error_document(code: str, message: str, resource: str, request_id: str, trace_id: str) -> bytes:
    """Return the document of an error."""
    inner = tag("Code", code) + tag("Message", message) + tag("Resource", resource)
    return document("Error", inner + tag("RequestId", request_id) + tag("TraceId", trace_id))


def parse_document(data: bytes, root: str) -> ET.Element:
    """Return the root of a received document, names without namespaces. Raises Refusal."""
    try:
        if b"<!DOCTYPE" in data:
            raise Refusal("MalformedXML", "The document must not declare a type.")
        element = ET.fromstring(data)  # noqa: S314 - no entities without a type declaration
    except (ET.ParseError, ValueError, LookupError):
        raise Refusal("MalformedXML", "The document is not well-formed.") from None
    for part in element.iter():
        part.tag = part.tag.rpartition("}")[2]
    if element.tag != root:
        raise Refusal("MalformedXML", f"The document must be a {root}.")
    return element


def text_of(element: ET.Element, name: str) -> str:
    """Return the text of a child element, unstripped. Raises Refusal when there is none."""
    found = element.find(name)
    if found is None or not found.text:
        raise Refusal("MalformedXML", f"A {element.tag} lacks its {name}.")
    return found.text
