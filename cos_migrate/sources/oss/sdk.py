"""OSS's own SDK, for the ACLs of objects: builds and signs the requests, parses the answers.

The client of the source sends them, so that proxy, certificates, limits, time-outs and errors are
those of all its requests. Only runs with `copyAcl` load the SDK: it takes 0.4 s and 30 MiB.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

import oss2

from cos_migrate.http.client import Request
from cos_migrate.http.s3xml import check_xml
from cos_migrate.model import Credentials
from cos_migrate.sources.oss.access import Address
from cos_migrate.sources.source_errors import ErrorAnswer

_NOT_SENT = frozenset({"accept-encoding", "user-agent"})
"""Headers of the SDK that are set by our client or not needed; none of them is signed."""


class ObjectAcls:
    """Requests the ACLs of objects of one bucket. Thread-safe."""

    def __init__(
        self,
        address: Address,
        bucket: str,
        credentials: Credentials,
        fetch: Callable[[str, Request], ErrorAnswer],
    ) -> None:
        """`fetch` returns the answer to a request for the object of a key, if it is a success."""
        version = oss2.AUTH_VERSION_4 if address.region else oss2.AUTH_VERSION_1
        self.credentials = credentials
        self._auth = _auth_of(credentials, version)
        self._address = address
        self._name = bucket
        self._fetch = fetch

    def acl_of(self, key: str) -> str:
        """Return the ACL of an object, such as `public-read`.

        Raises ValueError for an answer that is none, and the errors of `fetch`.
        """
        place = urlsplit(self._address.url)
        bucket = oss2.Bucket(
            self._auth,
            f"{place.scheme}://{place.netloc}",
            self._name,
            is_cname=not place.path,  # the host names the bucket already
            is_path_style=bool(place.path),
            is_verify_object_strict=False,
            region=self._address.region or None,
            session=_Session(partial(self._fetch, key)),
        )
        try:
            return str(bucket.get_object_acl(key).acl)
        except (SyntaxError, RuntimeError) as error:  # no XML, or without an ACL
            raise ValueError("it is no access control list") from error


def _auth_of(credentials: Credentials, version: str) -> Any:
    secret_id, secret_key, token, *_ = credentials
    if token:
        return oss2.StsAuth(secret_id, secret_key, token, version)
    return oss2.make_auth(secret_id, secret_key, version)


class _Session:
    """The session of the SDK: sends the requests that it builds by our own client."""

    def __init__(self, fetch: Callable[[Request], ErrorAnswer]) -> None:
        self._fetch = fetch

    def do_request(self, request: Any, timeout: object) -> _Answer:  # noqa: ARG002 - as oss2 has it
        """Send a GET."""
        pairs = ((name, value) for name, value in request.headers.items() if value is not None)
        headers = tuple(pair for pair in pairs if pair[0].lower() not in _NOT_SENT)
        query = "&".join(
            f"{name}={quote(value, safe='')}" if value else name
            for name, value in request.params.items()
        )
        answer = self._fetch(Request(request.method, f"{request.url}?{query}", headers))
        check_xml(answer.body)
        return _Answer(answer)


class _Answer:
    """An answer as the SDK reads it."""

    def __init__(self, answer: ErrorAnswer) -> None:
        names = ((name.decode("latin-1"), value) for name, value in answer.headers.items())
        self.status = answer.status
        self.headers = oss2.CaseInsensitiveDict(
            {name: value.decode("latin-1") for name, value in names}
        )
        self.request_id = self.headers.get("x-oss-request-id", "")
        self._body = answer.body

    def read(self) -> bytes:
        """Return the body."""
        return self._body
