"""IAM Identity Center on the loopback: its portal, which issues role credentials, and its OIDC.

Written from "GetRoleCredentials" in the IAM Identity Center Portal API Reference and "CreateToken"
in the IAM Identity Center OIDC API Reference.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import Mapping
from pathlib import Path

from tests.fakes.http_base import FakeServer
from tests.fakes.issued_keys import Issuer
from tests.fakes.messages import Answer, Request

ACCOUNT, ROLE = "123456789012", "Migration"
START = "https://example.awsapps.com/start"
_CLIENT = {"clientId": "the-client", "clientSecret": "the-client-secret"}


class SsoServer(FakeServer):
    """Issues the keys of one issuer to those that are signed in."""

    reads = "GetRoleCredentials"

    def __init__(self, issuer: Issuer) -> None:
        super().__init__()
        self.issuer = issuer
        self.access_tokens: set[str] = set()
        """Access tokens that are accepted."""
        self.refresh_tokens: set[str] = set()
        """Refresh tokens that are accepted, each once."""
        self.secrets: list[str] = []
        """All tokens that were ever issued."""
        self._numbers = itertools.count(1)

    @property
    def environ(self) -> dict[str, str]:
        """Variables by which AWS's tools find this server."""
        return {"AWS_ENDPOINT_URL_SSO": self.url, "AWS_ENDPOINT_URL_SSO_OIDC": self.url}

    def sign_in(self, home: Path, *, session: str = "", lasting: float = 3600) -> None:
        """Write what `aws sso login` leaves below a home; with `session`, it can be refreshed."""
        access, refresh = self._new_tokens()
        cached: dict[str, object] = {
            "startUrl": START,
            "region": "us-east-1",
            "accessToken": access,
            "expiresAt": _iso(time.time() + lasting),
        }
        if session:
            registered = {"registrationExpiresAt": _iso(time.time() + 86_400)}
            cached |= {**_CLIENT, **registered, "refreshToken": refresh}
        folder = home / ".aws" / "sso" / "cache"
        folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha1((session or START).encode(), usedforsecurity=False).hexdigest()
        (folder / f"{name}.json").write_text(json.dumps(cached))

    def sign_out(self) -> None:
        """Refuse all tokens that were issued so far."""
        self.access_tokens.clear()
        self.refresh_tokens.clear()

    def operation(self, request: Request) -> tuple[str, str]:
        if (request.method, request.path) == ("GET", "/federation/credentials"):
            return self.reads, ""
        return ("CreateToken" if request.path == "/token" else "Unknown"), ""

    def answer(self, operation: str, key: str, request: Request) -> Answer:  # noqa: ARG002
        if operation == "CreateToken":
            return self._refresh(json.loads(request.body))
        if operation == "Unknown":
            return Answer(404)
        if request.headers.get("x-amz-sso_bearer_token") not in self.access_tokens:
            return _error(401, "UnauthorizedException", "Session token not found or invalid")
        if sorted(request.params) != [("account_id", ACCOUNT), ("role_name", ROLE)]:
            return _error(403, "ForbiddenException", "No access")
        keys = self.issuer.current()
        found = {
            "accessKeyId": keys.key_id,
            "secretAccessKey": keys.secret,
            "sessionToken": keys.token,
            "expiration": int(keys.until * 1000),
        }
        return _json(200, {"roleCredentials": found})

    def _refresh(self, asked: Mapping[str, object]) -> Answer:
        refresh = str(asked.get("refreshToken"))
        if asked.get("grantType") != "refresh_token" or _CLIENT.items() - asked.items():
            return _error(400, "InvalidRequestException", "invalid request")
        if refresh not in self.refresh_tokens:
            return _error(400, "InvalidGrantException", "invalid grant")
        self.refresh_tokens.discard(refresh)
        access, following = self._new_tokens()
        fields = {"accessToken": access, "refreshToken": following, "tokenType": "Bearer"}
        return _json(200, {**fields, "expiresIn": 3600})

    def _new_tokens(self) -> tuple[str, str]:
        number = next(self._numbers)
        access, refresh = f"sso-access-{number}", f"sso-refresh-{number}"
        self.access_tokens.add(access)
        self.refresh_tokens.add(refresh)
        self.secrets += [access, refresh]
        return access, refresh


def profile(name: str, *, session: str = "") -> str:
    """Return the lines of AWS's configuration file for a profile that signs in."""
    place = f"sso_region=us-east-1\nsso_start_url={START}\n"
    role = f"[profile {name}]\nsso_account_id={ACCOUNT}\nsso_role_name={ROLE}\n"
    if not session:
        return role + place
    scopes = "sso_registration_scopes=sso:account:access\n"
    return f"{role}sso_session={session}\n[sso-session {session}]\n{place}{scopes}"


def _json(status: int, document: object, **headers: str) -> Answer:
    kind = {"Content-Type": "application/json", **headers}
    return Answer(status, kind, json.dumps(document).encode())


def _error(status: int, name: str, message: str) -> Answer:
    return _json(status, {"message": message}, **{"x-amzn-ErrorType": name})


def _iso(when: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))
