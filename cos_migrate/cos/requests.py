"""Requests to one bucket on COS: hosts, routes, credentials, and signed request heads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from urllib.parse import quote

from cos_migrate import __version__
from cos_migrate.cos.put_form import PutForm, request_path
from cos_migrate.cos.settings import CosSettings
from cos_migrate.cos.signature import SigningKey, SigningKeys, authorization
from cos_migrate.errors import Side
from cos_migrate.http.credential_gate import CredentialGate
from cos_migrate.http.network import Network
from cos_migrate.http.opening import Opening
from cos_migrate.http.pacing import SidePace, unlimited
from cos_migrate.http.request_head import encode_headers
from cos_migrate.http.retries import OnStrain, Retries, ignore_strain
from cos_migrate.http.routes import Route
from cos_migrate.model import Credentials

Headers = Sequence[tuple[str, str]]
"""Pairs of lower-case name and value."""


class Access:
    """Network, retries and credentials of all clients of a process."""

    def __init__(
        self,
        settings: CosSettings,
        *,
        strained: OnStrain = ignore_strain,
        stopping: threading.Event | None = None,
        gate: CredentialGate | None = None,
        pace: SidePace | None = None,
        noted: Callable[[str, int], None] | None = None,
    ) -> None:
        """`strained` is called behind failed tries that show strain; `stopping` ends waits.

        `gate`: where ended credentials are waited for; None: they are a failure. `pace`: the
        meters of requests to COS; None: they have no limit.
        `noted`: called with operation and status of requests, see `Sender.send`.
        """
        self.settings = settings
        self.noted = noted
        self.routes = settings.routes()
        self.network = Network(settings.timeouts, settings.ca_file)
        self.retries = Retries(settings.tries, stopping or threading.Event(), strained, gate)
        self.pace = pace or unlimited()
        if gate:
            gate.supply(Side.COS, self, settings.credentials.number)
        self._keys = SigningKeys(settings.credentials)
        self._tail = "Connection: close\r\n" if settings.short_connection else ""
        self._tail += f"User-Agent: cos-migrate/{__version__}\r\n"

    def replace_credentials(self, credentials: Credentials) -> None:
        """Use other credentials from the next request on."""
        keys = SigningKeys(credentials)
        self.settings = self.settings._replace(credentials=credentials)
        self._keys = keys

    @property
    def credentials(self) -> Credentials:
        """The credentials that sign requests now, also while others replace them."""
        return self._keys.credentials

    def upload_headers(self) -> list[tuple[str, str]]:
        """Return the headers that the settings add to each request that creates an object."""
        settings = self.settings
        headers = []
        if settings.encryption:
            headers.append(("x-cos-server-side-encryption", settings.encryption))
        if settings.storage_class != "STANDARD":
            headers.append(("x-cos-storage-class", settings.storage_class))
        return headers

    def limit_headers(self) -> list[tuple[str, str]]:
        """Return the headers that the settings add to each request that carries object bytes."""
        limit = self.settings.traffic_limit
        return [("x-cos-traffic-limit", str(limit))] if limit else []

    def head(
        self,
        route: Route,
        method: str,
        cos_path: str,
        params: Sequence[tuple[str, str]],
        headers: Sequence[tuple[str, str]],
    ) -> bytes:
        """Return the signed head of a request.

        `cos_path` is decoded with its leading `/`; `headers` are pairs of lower-case name and
        value. All parameters and headers are signed. Raises TransportError for a value that no
        header can hold.
        """
        keys = self._keys  # replaced as a whole, so that key and token belong together
        key = keys.now()
        signed = sorted([*headers, *keys.token_headers, ("host", route.authority)])
        lines = encode_headers(signed)
        signed_params = sorted([(name.lower(), value) for name, value in params])
        auth = authorization(key, method.lower(), cos_path, signed_params, signed)
        start = (
            f"{method} {route.target_prefix}{request_path(cos_path)}{_query(params)} HTTP/1.1\r\n"
        )
        end = f"Authorization: {auth}\r\n{route.extra_head}{self._tail}\r\n"
        return b"%b%b%b" % (start.encode(), lines, end.encode())

    def put_form(self, headers: Sequence[tuple[str, str]], *, md5: bool) -> PutForm:
        """Return a template of the heads of many PutObject requests to the first route.

        All requests have `headers`, and an `x-cos-meta-md5` where `md5` is set. The template is
        valid as long as `signing_key` returns the same key.
        """
        route, keys = self.routes[0], self._keys
        signed = [*headers, *keys.token_headers, ("host", route.authority)]
        tail = f"{route.extra_head}{self._tail}"
        return PutForm(keys.now(), route.target_prefix, signed, tail, md5=md5)

    def signing_key(self) -> SigningKey:
        """Return the key that signs requests now; it changes every few minutes."""
        return self._keys.now()


class PutRequests:
    """Makes the heads of PutObject requests, for one thread."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._headers = [*access.upload_headers(), *access.limit_headers()]
        self._forms: dict[tuple[str, bool], PutForm] = {}

    def open_connection(self, now: float) -> Opening | None:
        """Begin to open a connection at time.monotonic() `now`, see `Network.open`."""
        access = self._access
        return access.network.open(access.routes[0], now)

    def head(self, cos_path: str, size: int, headers: Headers) -> bytes:
        """Return the signed head of the first try of an object of `size` bytes.

        `headers` describe the object; `CosClient.upload_object` sends the same head.
        """
        access = self._access
        sent = [*headers, *self._headers, ("content-length", str(size))]
        return access.head(access.routes[0], "PUT", cos_path, (), sent)

    def small_file_head(self, cos_path: str, size: int, content_type: str, md5: str) -> bytes:
        """Return what `head` returns, for an object with these headers and no others.

        `md5`: the value of `x-cos-meta-md5` in hex; empty: none.
        """
        form = self._forms.get((content_type, bool(md5)))
        if form is None or form.key is not self._access.signing_key():
            headers = [("content-type", content_type), *self._headers]
            form = self._access.put_form(headers, md5=bool(md5))
            self._forms[content_type, bool(md5)] = form
        return form.head(cos_path, size, md5)


def _query(params: Sequence[tuple[str, str]]) -> str:
    if not params:
        return ""
    pairs = [f"{quote(n, safe='')}={quote(v, safe='')}" if v else n for n, v in params]
    return "?" + "&".join(pairs)
