"""Converts an object's access control list to COS's headers, as far as these can express it.

Pure functions over the answer to GetObjectAcl. A grant without an equivalent on COS is named in a
warning, and never widened: an account of another cloud does not become one of Tencent's.
"""

from __future__ import annotations

import re

from cos_migrate.http.s3xml import read_acl
from cos_migrate.sources.metadata import StorableMetadata

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


def convert_acl(document: bytes, *, same_accounts: bool) -> StorableMetadata:
    """Return the headers for an ACL. Raises ValueError when the document is none.

    `same_accounts`: accounts and groups are Tencent's own, their ids mean the same on COS.
    """
    acl = read_acl(document)
    public = signed_in = False
    headers: dict[str, list[str]] = {}
    lost: list[str] = []
    for permission, group, account, email in acl.grants:
        grantee = group or account or email
        if permission == "WRITE" or (grantee == acl.owner and permission == "FULL_CONTROL"):
            continue  # WRITE has no meaning for an object, and its owner needs no grant
        if grantee.endswith(_EVERYONE) and permission in {"READ", "FULL_CONTROL"}:
            public = True
            if permission == "FULL_CONTROL":
                lost.append("the right of all to change its ACL")
        elif grantee.endswith(_SIGNED_IN) and permission == "READ" and same_accounts:
            signed_in = True
        elif same_accounts and permission in _HEADERS and _TENCENT_ID.fullmatch(grantee):
            headers.setdefault(_HEADERS[permission], []).append(f'id="{grantee}"')
        else:
            lost.append(f"{permission} for {grantee}")
    if signed_in and not public and headers:
        lost.append("READ for all accounts")
    warnings = tuple(f"its ACL is not carried over whole: {each}" for each in lost)
    if not headers:
        canned = "public-read" if public else "authenticated-read" if signed_in else "private"
        return StorableMetadata({"x-cos-acl": canned}, warnings)
    if public:
        headers.setdefault("x-cos-grant-read", []).append(_ANYONE)
    return StorableMetadata({name: ",".join(ids) for name, ids in headers.items()}, warnings)
