"""Access control lists: read from requests, kept as short text, written as documents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from xml.sax.saxutils import escape

from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.messages import Request
from cos_migrate.emulator.xml import document, tag

OWNER_ID = "qcs::cam::uin/100000000001:uin/100000000001"
OWNER = f"<Owner>{tag('ID', OWNER_ID)}{tag('DisplayName', OWNER_ID)}</Owner>"
_EVERYONE = "http://cam.qcloud.com/groups/global/AllUsers"
_USERS = "http://cam.qcloud.com/groups/global/AuthenticatedUsers"
_CANNED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "": (),
        "default": (),
        "private": (),
        "public-read": (f"READ {_EVERYONE}",),
        "public-read-write": (f"READ {_EVERYONE}", f"WRITE {_EVERYONE}"),
        "authenticated-read": (f"READ {_USERS}",),
        "bucket-owner-read": (),
        "bucket-owner-full-control": (),
    }
)
_GRANTS: Mapping[str, str] = MappingProxyType(
    {
        "x-cos-grant-read": "READ",
        "x-cos-grant-write": "WRITE",
        "x-cos-grant-read-acp": "READ_ACP",
        "x-cos-grant-write-acp": "WRITE_ACP",
        "x-cos-grant-full-control": "FULL_CONTROL",
    }
)


def acl_of(request: Request) -> str:
    """Return the ACL in the headers of a request, or an empty text. Raises Refusal."""
    canned = request.headers.get("x-cos-acl", "")
    if canned not in _CANNED:
        raise Refusal("InvalidArgument", f"{canned} is no ACL.")
    if canned:
        return canned
    lines = []
    for header, permission in _GRANTS.items():
        grantees = re.findall(r'\b(?:id|uin|uri)="([^"]+)"', request.headers.get(header, ""))
        lines += [f"{permission} {grantee}" for grantee in grantees]
    return "\n".join(lines)


def acl_document(acl: str) -> bytes:
    """Return the document of an ACL; the owner always has full control."""
    lines = (f"FULL_CONTROL {OWNER_ID}", *_CANNED.get(acl, acl.splitlines()))
    grants = "".join(_grant(*line.split(" ", 1)) for line in lines)
    return document(
        "AccessControlPolicy", f"{OWNER}<AccessControlList>{grants}</AccessControlList>"
    )


def _grant(permission: str, grantee: str) -> str:
    group = grantee.startswith("http")
    kind, name = ("Group", "URI") if group else ("CanonicalUser", "ID")
    schema = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    inner = f"<{name}>{escape(grantee)}</{name}>"
    if not group:
        inner += tag("DisplayName", grantee)
    element = f'<Grantee {schema} xsi:type="{kind}">{inner}</Grantee>'
    return f"<Grant>{element}{tag('Permission', permission)}</Grant>"
