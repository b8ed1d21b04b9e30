"""Parses the XML of S3, OSS and COS: listings, access control lists and tags.

The parser's events yield the few texts that are needed; no tree is built. The entries of most
listings are read by columns (`listed_columns`), without events. Bytes, elements, depth and the
length of a text are limited. A DTD is refused: no cloud sends one, and its entities could
make a short document endless.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote_plus
from xml.parsers import expat

from cos_migrate.http import listed_columns

MAX_XML = 32 << 20
"""Bytes of a document; a page of 1,000 keys of 1,024 bytes, each escaped, has a tenth of it."""
_MAX_TAGS = 100_000
"""Tags of a document; a page of 1,000 objects has less than 20,000."""
_ATTRIBUTES_PLAIN = 20_000
_MAX_TAG = re.compile(rb"<[^>]{8192}")
_MAX_DEPTH = 16
"""Nested elements; an access control list has 5."""
_MAX_TEXT = 1 << 20
"""Characters of a text in a listing: a key that is far too long fails later, by its name."""

_LONE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")

_PAGE_TEXTS = ("EncodingType", "IsTruncated", "KeyCount", "NextContinuationToken", "NextMarker")
_PAGE_GROUPS = {
    "Contents": ("Key", "LastModified", "ETag", "Size"),
    "CommonPrefixes": ("Prefix",),
}
_ACL_GROUPS = {"Owner": ("ID",), "Grant": ("Permission", "URI", "ID", "EmailAddress")}

Texts = dict[str, str]
"""Texts by the names of their elements."""


class ListedPage(NamedTuple):
    """One page of a bucket listing: its texts by the element names of ListObjects."""

    texts: Texts
    entry_count: int
    """Number of `Contents`."""
    columns: Mapping[str, list[str]]
    """Of each `Contents` the texts by their names; empty where one is missing."""
    folders: list[str]
    """The `Prefix` of each `CommonPrefixes`."""

    @property
    def is_encoded(self) -> bool:
        """Whether keys are URL-encoded: XML cannot carry all characters."""
        return self.texts.get("EncodingType", "").strip() == "url"

    @property
    def is_truncated(self) -> bool:
        """Whether keys follow. Raises ValueError where the page does not state it."""
        stated = self.texts.get("IsTruncated", "").strip().lower()
        if stated not in {"true", "false"}:
            raise ValueError(f"its IsTruncated is {stated!r}")
        return stated == "true"


class Grant(NamedTuple):
    """One grant of an access control list; texts that are missing are empty."""

    permission: str
    group: str
    """URI of a group."""
    account: str
    """Id of an account."""
    email: str
    """Of an account."""


class AccessControlList(NamedTuple):
    """The grants of an object."""

    owner: str
    """Id of an account; empty: missing."""
    grants: list[Grant]


def read_listing(document: bytes, more: Sequence[str] = ()) -> ListedPage:
    """Parse a page of a listing. Raises ValueError for any other document.

    `more`: elements to read of each entry besides `Key`, `LastModified`, `ETag` and `Size`.
    """
    names = (*_PAGE_GROUPS["Contents"], *more)
    divided = listed_columns.divide(document) if len(document) <= _MAX_TEXT else None
    if divided:
        columns = listed_columns.read_columns(divided.entries, names)
        if columns:
            page = _read_page(divided.around, names)
            if page.entry_count == 1:  # else the entries stand where they do not count
                return page._replace(entry_count=len(divided.entries), columns=columns)
    return _read_page(document, names)


def _read_page(document: bytes, names: Sequence[str]) -> ListedPage:
    """Parse a page by events."""
    wanted = {**_PAGE_GROUPS, "Contents": names}
    texts, groups = _read(document, "ListBucketResult", _PAGE_TEXTS, wanted)
    folders = [each.get("Prefix", "") for each in groups["CommonPrefixes"]]
    entries = groups["Contents"]
    columns = {name: [each.get(name, "") for each in entries] for name in names}
    if not all("Key" in each for each in entries):
        columns.pop("Key")
    return ListedPage(texts, len(entries), columns, folders)


def read_acl(document: bytes) -> AccessControlList:
    """Parse an access control list. Raises ValueError for any other document."""
    _, groups = _read(document, "AccessControlPolicy", (), _ACL_GROUPS)
    owners = [each.get("ID", "").strip() for each in groups["Owner"]]
    grants = [
        Grant(*(each.get(name, "").strip() for name in _ACL_GROUPS["Grant"]))
        for each in groups["Grant"]
    ]
    return AccessControlList(owners[0] if owners else "", grants)


def read_tags(document: bytes) -> list[tuple[str, str]]:
    """Return keys and values of the tags of an object. Raises ValueError for another document."""
    _, groups = _read(document, "Tagging", (), {"Tag": ("Key", "Value")})
    return [(each.get("Key", ""), each.get("Value", "")) for each in groups["Tag"]]


def decode_key(text: str) -> str:
    """Decode a URL-encoded key, a blank as `%20` or `+`; bytes that are no UTF-8 are kept."""
    return unquote_plus(text, errors="surrogateescape")


def decode_keys(texts: list[str], errors: str = "surrogateescape") -> list[str]:
    """Decode URL-encoded keys, as `decode_key` does."""
    joined = "\n".join(texts)
    if "%" not in joined and "+" not in joined:
        return texts
    decoded = _decode_all(joined, errors).split("\n")
    if len(decoded) == len(texts):
        return decoded
    return [unquote_plus(text, errors=errors) for text in texts]  # a key holds a line break


def _decode_all(text: str, errors: str) -> str:
    """Decode URL-encoded text: as `unquote_plus`, in an eighth of the time."""
    text = text.replace("%2F", "/")
    if not text.isascii() or _LONE_PERCENT.search(text):
        return unquote_plus(text, errors=errors)
    # Quoted-printable escapes bytes as URLs do, by another character.
    quoted = text.replace("+", " ").replace("=", "=3D").replace("%", "=")
    return binascii.a2b_qp(quoted).decode("utf-8", errors)


def check_xml(document: bytes) -> None:
    """Raise ValueError when a document is too large, is no UTF-8, has a DTD or an endless tag."""
    if len(document) > MAX_XML:
        raise ValueError(f"its XML is larger than {MAX_XML >> 20} MiB")
    if document.count(b"<") > _MAX_TAGS:
        raise ValueError(f"its XML has more than {_MAX_TAGS} tags")
    if b"<!DOCTYPE" in document or b"\0" in document:  # UTF-16 could hide one
        raise ValueError("its XML has a document type, or is no UTF-8")
    attributes = document.count(b'="') + document.count(b"='")
    if attributes > _ATTRIBUTES_PLAIN and _MAX_TAG.search(document):
        raise ValueError("its XML has a tag without end")


def _read(
    document: bytes,
    root: str,
    names: Collection[str],
    groups: Mapping[str, Collection[str]],
) -> tuple[Texts, dict[str, list[Texts]]]:
    """Return the texts of the root's children `names`, and those within each of `groups`.

    `groups`: name of an element at any depth -> names of its descendants. The first of several
    elements with one name counts. All must be in the namespace of the root.
    """
    reader = _Reader(root, names, groups)
    check_xml(document)
    try:
        reader.parser.Parse(document, True)
    except expat.ExpatError as error:
        # Not the parser's own text, which reads "token: line 2": masked, as if it were a secret.
        reason = expat.ErrorString(error.code)
        text = f"its XML is broken in line {error.lineno}, column {error.offset}: {reason}"
        raise ValueError(text) from error
    finally:
        reader.close()
    return reader.texts, reader.groups


class _Reader:
    """Handles the events of a parser, one or two for each element."""

    def __init__(
        self, root: str, names: Collection[str], groups: Mapping[str, Collection[str]]
    ) -> None:
        self._root = root
        self._names = names
        self._group_names = groups
        self.texts: Texts = {}
        self.groups: dict[str, list[Texts]] = {name: [] for name in groups}
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.buffer_text = True
        self.parser.StartElementHandler, self.parser.EndElementHandler = self._handlers()

    def close(self) -> None:
        """Let go of the parser: it would keep its memory until the next collection of cycles."""
        parser = self.parser
        parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None

    def _handlers(  # noqa: C901 - two handlers that share their state
        self,
    ) -> tuple[Callable[[str, object], None], Callable[[str], None]]:
        """Return the handlers, with local variables as state: a page has 20,000 events."""
        texts = self.texts
        outer: dict[str, str] = {}
        group_tags: dict[str, tuple[list[Texts], dict[str, str]]] = {}
        wanted, values = outer, texts
        pieces: list[str] = []
        depth = group_depth = 0
        reading = False
        self.parser.CharacterDataHandler = pieces.append

        def start(tag: str, _: object) -> None:
            nonlocal depth, group_depth, reading, values, wanted
            depth += 1
            if reading:
                raise ValueError(f"its XML has an element {tag} within a text")
            if tag in wanted:
                if group_depth or depth == 2:  # noqa: PLR2004 - a child of the root
                    reading = True
                    pieces.clear()
            elif not group_depth and tag in group_tags:
                found, wanted = group_tags[tag]
                values = {}
                found.append(values)
                group_depth = depth
            elif depth == 1:
                space = self._space(tag)
                outer.update((space + name, name) for name in self._names)
                for group, inner in self._group_names.items():
                    tags = {space + name: name for name in inner}
                    group_tags[space + group] = self.groups[group], tags
            elif depth > _MAX_DEPTH:
                raise ValueError(f"its XML is nested more than {_MAX_DEPTH} deep")

        def end(tag: str) -> None:
            nonlocal depth, group_depth, reading, values, wanted
            if reading:
                reading = False
                text = pieces[0] if len(pieces) == 1 else "".join(pieces)
                if len(text) > _MAX_TEXT:
                    raise ValueError(f"its XML has a text of more than {_MAX_TEXT} characters")
                values.setdefault(wanted[tag], text)
            elif depth == group_depth:
                group_depth = 0
                wanted, values = outer, texts
            depth -= 1

        return start, end

    def _space(self, tag: str) -> str:
        """Return how expat begins the names of the root's namespace. Raises ValueError."""
        space, mark, name = tag.rpartition("}")
        if name != self._root:
            raise ValueError(f"its XML is of type {name}, not {self._root}")
        return space + mark
