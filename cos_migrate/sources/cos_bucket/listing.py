"""Requests to a bucket of COS, and its listing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote

from cos_migrate.cos.backup import needs_backup_domain
from cos_migrate.cos.settings import host_suffixes
from cos_migrate.cos.signature import SigningKeys, authorization
from cos_migrate.credentials.provider import Provider
from cos_migrate.errors import SourceError
from cos_migrate.http.client import Request
from cos_migrate.http.s3xml import MAX_XML
from cos_migrate.model import Credentials, Target
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.column_pages import ColumnPage
from cos_migrate.sources.cos_bucket.config import CosBucketConfig
from cos_migrate.sources.restoring import RestoringSource
from cos_migrate.sources.xml_listing import read_marker_page

KEYS_SAFE = "/-_.~"
"""Characters of a key that are not escaped in a URL, in addition to letters and digits."""
_PAGE = 1000
"""Keys on a page, the most that COS lists at once."""


class CosBucketListing(RestoringSource):
    """A folder of a COS bucket."""

    config: CosBucketConfig

    def __init__(
        self, config: CosBucketConfig, target: Target, options: SourceOptions | None = None
    ) -> None:
        super().__init__(config, target, options)
        config = self.config
        scheme = "https" if self.options.https else "http"
        self._hosts = tuple(
            f"{config.src_bucket_name}.{suffix}"
            for suffix in host_suffixes(config.src_region, config.src_end_point_suffix)
        )
        self._addresses = tuple(
            (f"{scheme}://{authority}", authority)
            for authority in (
                self.fetcher.route_of(f"{scheme}://{host}").authority for host in self._hosts
            )
        )
        self.replace_credentials(self.first_credentials())
        self._for_backup: set[tuple[str, str, str]] = set()
        """The pages that are requested from the backup domain next."""

    @classmethod
    def credential_provider(cls, config: CosBucketConfig, environ: Mapping[str, str]) -> Provider:  # type: ignore[override]
        """Return the chain of the environment and the role of a CVM."""
        from cos_migrate.credentials.tencent import tencent_chain  # noqa: PLC0415 - without keys only

        role, url = config.src_cam_role, config.src_cam_role_url
        return tencent_chain(cls.migrate_type, "srcCamRole", role, url, environ)

    @property
    def credentials(self) -> Credentials:
        """The credentials that sign requests now."""
        return self._keys.credentials

    def replace_credentials(self, credentials: Credentials) -> None:
        self._keys = SigningKeys(credentials)

    def key_of(self, name: str) -> str:
        """Return the name below the folder, the whole key for one of srcFileList."""
        return name if self.key_file else name[len(self.prefix) :]

    def list_columns(self, prefix: str, after: str, delimiter: str) -> ColumnPage:
        """Request a page of keys (GET Bucket in the API reference).

        After a domain that did not answer as COS does, the next try uses the other domain.
        """
        page = prefix, after, delimiter
        backup = page in self._for_backup
        self._for_backup.discard(page)
        params = [
            ("delimiter", delimiter),
            ("encoding-type", "url"),
            ("marker", after),
            ("max-keys", str(_PAGE)),
            ("prefix", prefix),
        ]
        request = self._signed("GET", "", [], params, self._addresses[backup])
        try:
            return self.fetch_xml("ListObjects", prefix or "/", request, MAX_XML, self._page_of)
        except SourceError as error:
            answered = bool(error.status)
            if (
                not backup
                and len(self._addresses) > 1
                and needs_backup_domain(error, answered=answered, next_is_last=True)
            ):
                self._for_backup.add(page)
                error.retryable, error.fatal = True, False
            raise

    def _page_of(self, document: bytes) -> ColumnPage:
        page = read_marker_page(document, ("StorageClass",), unquote)
        columns, (classes,) = page.columns, page.more
        columns = columns._replace(
            classes=[kind or "STANDARD" for kind in classes],
            reliable=self.etags.all_reliable(columns.etags, lambda: columns.sizes),
        )
        return ColumnPage(columns, page.folders, page.truncated, page.following)

    def _signed(
        self,
        method: str,
        key: str,
        headers: Sequence[tuple[str, str]],
        params: Sequence[tuple[str, str]] = (),
        address: tuple[str, str] | None = None,
    ) -> Request:
        """Return a signed request; `params` are sorted by name.

        `address`: URL and Host header of the bucket; None: those to try first.
        """
        url, authority = address or self._addresses[0]
        signed = [*headers, ("host", authority)]
        keys = self._keys
        signed += keys.token_headers
        signed.sort()
        signature = authorization(keys.now(), method.lower(), f"/{key}", params, signed)
        url = f"{url}/{quote(key, safe=KEYS_SAFE)}"
        if params:
            pairs = (f"{name}={quote(value, safe='')}" if value else name for name, value in params)
            url += f"?{'&'.join(pairs)}"
        return Request(method, url, (*signed, ("Authorization", signature)))
