"""An object's access control list, told in COS's headers as far as it can be.

Pure functions over the document that GetObjectAcl answers. What has no equal on COS is named in a
warning, never widened: an account of another cloud does not become one of Tencent's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree as ET

from cos_migrate.http.documents import parse_xml
from cos_migrate.sources.metadata import Carried

_ANYONE = 'id="qcs::cam::anyone:anyone"'
_EVERYONE = "/groups/global/AllUsers"
_SIGNED_IN = "/groups/global/AuthenticatedUsers"
_TENCENT_ID = re.compile('qcs::cam::[^\\s",;]+')
_HEADERS = {
    "READ": "x-cos-grant-read",
    "READ_ACP": "x-cos-grant-read-acp",
    "WRITE_ACP": "x-cos-grant-write-acp",
    "FULL_CONTROL": "x-cos-grant-full-control",
}


class _Grant(NamedTuple):
    permission: str
    who: str
    """The URI of a group, the id or e-mail address of an account."""


def carried_acl(document: bytes, *, same_accounts: bool) -> Carried:
    """Return the headers for an ACL; raises ValueError when the document is none.

    `same_accounts`: accounts and groups are Tencent's own, their ids mean the same on COS.
    """
    owner, grants = _parsed(document)
    public = signed_in = False
    headers: dict[str, list[str]] = {}
    lost: list[str] = []
    for permission, who in grants:
        if permission == "WRITE" or (who == owner and permission == "FULL_CONTROL"):
            continue  # on an object the first means nothing, and its owner needs no grant
        if who.endswith(_EVERYONE) and permission in {"READ", "FULL_CONTROL"}:
            public = True
            if permission == "FULL_CONTROL":
                lost.append("the right of all to change its ACL")
        elif who.endswith(_SIGNED_IN) and permission == "READ" and same_accounts:
            signed_in = True
        elif same_accounts and permission in _HEADERS and _TENCENT_ID.fullmatch(who):
            headers.setdefault(_HEADERS[permission], []).append(f'id="{who}"')
        else:
            lost.append(f"{permission} for {who}")
    if signed_in and not public and headers:
        lost.append("READ for all who have an account")
    warnings = tuple(f"its ACL is not carried over whole: {each}" for each in lost)
    if not headers:
        canned = "public-read" if public else "authenticated-read" if signed_in else "private"
        return Carried({"x-cos-acl": canned}, warnings)
    if public:
        headers.setdefault("x-cos-grant-read", []).append(_ANYONE)
    return Carried({name: ",".join(ids) for name, ids in headers.items()}, warnings)


def _parsed(document: bytes) -> tuple[str, list[_Grant]]:
    root = parse_xml(document)
    if _local(root) != "AccessControlPolicy":
        raise ValueError(f"it is a {_local(root)}, no AccessControlPolicy")
    owner = next((_text(each, "ID") for each in root if _local(each) == "Owner"), "")
    return owner, list(_grants(root))


def _grants(root: ET.Element) -> Iterator[_Grant]:
    for grant in root.iter():
        if _local(grant) != "Grant":
            continue
        who = _text(grant, "URI") or _text(grant, "ID") or _text(grant, "EmailAddress")
        yield _Grant(_text(grant, "Permission"), who)


def _text(element: ET.Element, name: str) -> str:
    """Return the text of the first descendant of this name."""
    return next((each.text or "" for each in element.iter() if _local(each) == name), "").strip()


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
