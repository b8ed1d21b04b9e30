"""Decides which requests to the status server may be answered.

A page of another site must not read the status or pause a run through the user's browser: the
names in `Host` and `Origin` show where a request comes from (DNS rebinding, cross-site requests).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import http
from collections.abc import Collection, Sequence
from typing import NamedTuple

_HTTP_PORT = 80


class Claims(NamedTuple):
    """What a request to the status server states about itself: host, origin, token."""

    hosts: Sequence[str]
    """The values of `Host`."""
    origins: Sequence[str]
    """The values of `Origin`."""
    authorizations: Sequence[str]
    """The values of `Authorization`."""
    local_host: str
    """The address of this machine that the request has come to, as in a URL."""


class AccessRules:
    """Decides which requests one status server answers."""

    def __init__(self, hosts: Collection[str], port: int, token: str, *, is_public: bool) -> None:
        """`hosts`: legal names in `Host`, as in a URL and in lower case.

        `is_public`: whether other machines reach the server, so that each request needs the token.
        """
        self._hosts = frozenset(hosts)
        self._port = port
        self._token = token.encode()
        self._is_public = is_public

    def refusal(self, claims: Claims, *, changes: bool) -> http.HTTPStatus | None:
        """Return the status with which to refuse a request; None: it is legal.

        `changes`: whether it changes something.
        """
        if not self._is_own(claims):
            return http.HTTPStatus.FORBIDDEN
        if changes:
            allowed = self._has_token(claims.authorizations, bearer_only=True)
        else:
            allowed = not self._is_public or self._has_token(claims.authorizations)
        return None if allowed else http.HTTPStatus.UNAUTHORIZED

    def challenge(self, *, changes: bool) -> str:
        """Return the header that asks for the token."""
        # A browser asks its user for a password and sends it with what any page requests, so that
        # it proves no wish for a change.
        return "Bearer" if changes else 'Basic realm="cos-migrate: the token as password"'

    def _is_own(self, claims: Claims) -> bool:
        if len(claims.hosts) != 1 or len(claims.origins) > 1:
            return False
        host = claims.hosts[0].lower()
        names = {*self._hosts, claims.local_host} if self._is_public else self._hosts
        legal = {f"{name}:{self._port}" for name in names}
        if self._port == _HTTP_PORT:
            legal |= names
        if host not in legal:
            return False
        return all(origin.lower() == f"http://{host}" for origin in claims.origins)

    def _has_token(self, authorizations: Sequence[str], *, bearer_only: bool = False) -> bool:
        if len(authorizations) != 1:
            return False
        scheme, _, value = authorizations[0].partition(" ")
        given = b""
        if scheme.lower() == "bearer":
            given = value.strip().encode()
        elif scheme.lower() == "basic" and not bearer_only:
            given = _password_of(value.strip())
        return hmac.compare_digest(given, self._token)


def _password_of(value: str) -> bytes:
    """Return the password of a value of Basic authentication; empty where it is broken."""
    try:
        return base64.b64decode(value, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""
