"""The services that issue temporary keys: of instances, of containers, and STS, on the loopback.

Written from AWS's "Instance Metadata Service Version 2", "Amazon ECS task IAM role", "AssumeRole"
and "AssumeRoleWithWebIdentity", Alibaba Cloud's "View instance metadata", and Tencent Cloud's
"Managing Roles".
"""

from __future__ import annotations

import json
import time
from urllib.parse import parse_qs

from tests.fakes.http_base import FakeServer
from tests.fakes.issued_keys import IssuedKeys, Issuer
from tests.fakes.messages import Answer, Request

ROLE = "migration-role"
_AWS = "/latest/meta-data/iam/security-credentials/"
_ECS = "/latest/meta-data/ram/security-credentials/"
_CVM = "/latest/meta-data/cam/security-credentials/"
_CONTAINER = "/container"
CONTAINER_TOKEN = "container-authorization"


class MetadataServer(FakeServer):
    """Issues the keys of one issuer in the words of each cloud."""

    reads = "GetCredentials"

    def __init__(self, issuer: Issuer) -> None:
        super().__init__()
        self.issuer = issuer
        self.down = False
        """Whether every request is answered 503."""
        self.external_id = ""
        """Demanded by AssumeRole."""
        self.web_identity = ""
        """The token that AssumeRoleWithWebIdentity takes."""
        self.hardened = True
        """Whether instances are answered only with the token of a session."""
        self.assumed: list[dict[str, str]] = []
        self._sessions: set[str] = set()

    @property
    def ecs(self) -> str:
        """The value of `ramRoleUrl`."""
        return self.url + _ECS

    @property
    def cvm(self) -> str:
        """The value of `camRoleUrl`."""
        return self.url + _CVM

    @property
    def container(self) -> str:
        """The value of AWS_CONTAINER_CREDENTIALS_FULL_URI."""
        return self.url + _CONTAINER

    def operation(self, request: Request) -> tuple[str, str]:
        if request.method == "PUT":
            return "GetSession", request.path
        if request.method == "POST":
            return _form(request).get("Action", ""), ""
        return ("ListRoles" if request.path.endswith("/") else "GetCredentials"), request.path

    def answer(self, operation: str, key: str, request: Request) -> Answer:
        if self.down:
            return Answer(503)
        if operation == "GetSession":
            return self._session(request)
        if operation.startswith("AssumeRole"):
            return self._assume(operation, request)
        if key.startswith((_AWS, _ECS)) and not self._may(request):
            return Answer(401 if key.startswith(_AWS) else 403)
        if operation == "ListRoles":
            return Answer(200, {}, ROLE.encode())
        if key == _CONTAINER:
            if request.headers.get("authorization") != CONTAINER_TOKEN:
                return Answer(401)
        elif not key.endswith(ROLE):
            return Answer(404)
        return Answer(200, {}, json.dumps(self._document(key)).encode())

    def _session(self, request: Request) -> Answer:
        """Return the token of IMDSv2, or of hardened mode."""
        lasting = [name for name in request.headers if name.endswith("metadata-token-ttl-seconds")]
        if request.path != "/latest/api/token" or not lasting:
            return Answer(400)
        token = f"session-{len(self._sessions)}"
        self._sessions.add(token)
        return Answer(200, {}, token.encode())

    def _may(self, request: Request) -> bool:
        names = ("x-aws-ec2-metadata-token", "x-aliyun-ecs-metadata-token")
        return not self.hardened or any(
            request.headers.get(name) in self._sessions for name in names
        )

    def _document(self, key: str) -> dict[str, object]:
        keys = self.issuer.current()
        if key.startswith(_CVM):
            names = ("TmpSecretId", "TmpSecretKey", "Token")
        elif key.startswith(_ECS):
            names = ("AccessKeyId", "AccessKeySecret", "SecurityToken")
        else:
            names = ("AccessKeyId", "SecretAccessKey", "Token")
        values = (keys.key_id, keys.secret, keys.token)
        return {
            **dict(zip(names, values, strict=True)),
            "Expiration": _iso(keys),
            "ExpiredTime": int(keys.until),
            "Code": "Success",
        }

    def _assume(self, operation: str, request: Request) -> Answer:
        words = _form(request)
        self.assumed.append(words)
        if operation.endswith("WithWebIdentity"):
            # The identity itself is the proof: such a request is not signed.
            if words.get("WebIdentityToken") != self.web_identity:
                return _refused(400, "InvalidIdentityToken")
            if "authorization" in request.headers:
                return _refused(400, "InvalidRequest")
        elif words.get("ExternalId", "") != self.external_id:
            return _refused(403, "AccessDenied")
        keys = self.issuer.issue()
        issued = (
            f"<AccessKeyId>{keys.key_id}</AccessKeyId>"
            f"<SecretAccessKey>{keys.secret}</SecretAccessKey>"
            f"<SessionToken>{keys.token}</SessionToken><Expiration>{_iso(keys)}</Expiration>"
        )
        result = f"<{operation}Result><Credentials>{issued}</Credentials></{operation}Result>"
        start = f'<{operation}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        return Answer(
            200, {"Content-Type": "text/xml"}, f"{start}{result}</{operation}Response>".encode()
        )


def _form(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def _refused(status: int, code: str) -> Answer:
    error = f"<Error><Code>{code}</Code><Message>not authorized</Message></Error>"
    return Answer(status, {}, f"<ErrorResponse>{error}</ErrorResponse>".encode())


def _iso(keys: IssuedKeys) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(keys.until))
