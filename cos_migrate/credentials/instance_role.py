"""The temporary credentials of a machine's role, from the metadata service of its cloud.

Tencent Cloud CVM: "Managing Roles"; Alibaba Cloud ECS: "Instance RAM roles" and "View instance
metadata" (security hardening mode). The SDKs of both clouds cannot be given another address, send
by the proxies of the environment, and know no hardening mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from cos_migrate.credentials.provider import Found
from cos_migrate.errors import CredentialsError, MigrateError
from cos_migrate.http.bounded_json import parse_json_object
from cos_migrate.http.client import Fetcher, Request
from cos_migrate.http.time_limits import Timeouts
from cos_migrate.model import Credentials

_ANSWER_MOST = 64 << 10
"""Bytes of an answer."""
_TIMEOUTS = Timeouts(connect=3.0, io=5.0, request=10.0)
_OK = 200
_SESSION_SECONDS = "600"
AUTO = "auto"
"""The name that stands for the only role of a machine."""


class RoleService(NamedTuple):
    """The metadata service of a cloud."""

    kind: str
    """What its roles are called."""
    secret_id: str
    """The name of the id in an answer."""
    secret_key: str
    token: str
    session_header: str = ""
    """Begins the names of the headers of hardened mode; empty: there is none."""


CVM = RoleService("CAM role", "TmpSecretId", "TmpSecretKey", "Token")
ECS = RoleService(
    "RAM role", "AccessKeyId", "AccessKeySecret", "SecurityToken", "X-aliyun-ecs-metadata-token"
)


class InstanceRole:
    """The role of this machine."""

    def __init__(self, service: RoleService, role: str, url: str) -> None:
        """`role`: its name, or AUTO; `url`: of the list of roles, ends in `/`."""
        self._service = service
        self._role = role
        self._url = url

    def find(self) -> Found | str:
        """Return the present credentials of the role, or the reason why there are none."""
        fetcher = Fetcher(_TIMEOUTS)  # without a proxy: the service answers this machine alone
        kind = self._service.kind
        try:
            headers = self._session(fetcher)
            role = self._role
            if role == AUTO:
                listed = _get(fetcher, self._url, headers).decode("utf-8", "replace").split()
                role = listed[0] if listed else ""
            if not role:
                return f"{kind} at {self._url} (this machine has none)"
            body = _get(fetcher, self._url + quote(role, safe=""), headers)
            return Found(self._read(parse_json_object(body)), f"{kind} {role}")
        except MigrateError as error:
            named = kind if self._role == AUTO else f"{kind} {self._role}"
            return f"{named} at {self._url} ({error})"
        finally:
            fetcher.close()

    def _session(self, fetcher: Fetcher) -> tuple[tuple[str, str], ...]:
        """Return the headers of all requests: a service in hardened mode wants a token."""
        start = self._service.session_header
        if not start:
            return ()
        place = urlsplit(self._url)
        url = f"{place.scheme}://{place.netloc}/latest/api/token"
        asked = ((f"{start}-ttl-seconds", _SESSION_SECONDS), ("Content-Length", "0"))
        with fetcher.send(Request("PUT", url, asked)) as answer:
            token = answer.read_all(_ANSWER_MOST).decode("latin-1").strip()
        return ((start, token),) if answer.status == _OK else ()

    def _read(self, found: Mapping[str, object]) -> Credentials:
        """Return the credentials of an answer. Raises CredentialsError."""
        service = self._service
        names = (service.secret_id, service.secret_key, service.token)
        texts = [text for text in map(found.get, names) if isinstance(text, str) and text]
        code = found.get("Code", "Success")
        if code != "Success" or len(texts) < len(names):
            raise CredentialsError(f"its answer holds no credentials, Code: {str(code)[:100]}")
        try:
            ends = datetime.fromisoformat(str(found.get("Expiration")).replace("Z", "+00:00"))
            until = ends.timestamp()
        except ValueError:
            raise CredentialsError("its answer has no valid Expiration") from None
        secret_id, secret_key, token = texts
        return Credentials(secret_id, secret_key, token, until)


def _get(fetcher: Fetcher, url: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    with fetcher.send(Request("GET", url, headers)) as answer:
        body = answer.read_all(_ANSWER_MOST)
    if answer.status != _OK:
        raise CredentialsError(f"it answered {answer.status}")
    return body
