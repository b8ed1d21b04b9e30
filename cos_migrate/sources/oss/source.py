"""Alibaba Cloud OSS: the `[migrateAli]` section; lists and reads a bucket.

`signer` signs the requests and the lean client sends them: the SDK takes longer to load than many
migrations run, and retries and uses proxies in its own way.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from cos_migrate.checksums import Check
from cos_migrate.config import values
from cos_migrate.config.cloud import CloudAccess, inventory_option
from cos_migrate.config.credential_keys import (
    ACCESS_KEYS,
    ALIBABA_VARIABLES,
    ECS_ROLES,
    access_key_option,
    access_secret_option,
    missing_keys,
    role_option,
    role_url_option,
    token_option,
)
from cos_migrate.config.options import MissingKey, option
from cos_migrate.config.values import NO_SECRET, Secret
from cos_migrate.credentials.provider import Provider
from cos_migrate.http.client import Request
from cos_migrate.http.dates import parse_date_ns
from cos_migrate.http.xml_texts import find_text
from cos_migrate.model import (
    Credentials,
    Described,
    Fingerprint,
    KeyColumns,
    RestoreRule,
    SourceObject,
    Target,
)
from cos_migrate.sources import metadata
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.bucket import REACH_ADVICE
from cos_migrate.sources.column_pages import ColumnPage
from cos_migrate.sources.etags import checks_by_etag, read_etag
from cos_migrate.sources.http_source import conditional_headers
from cos_migrate.sources.oss.access import Address
from cos_migrate.sources.oss.signer import Signer
from cos_migrate.sources.restoring import RestoringSource, restore_document
from cos_migrate.sources.source_errors import ErrorAnswer, ErrorDetails, bad_answer_text
from cos_migrate.sources.xml_listing import read_marker_page

if TYPE_CHECKING:
    from cos_migrate.sources.oss.sdk import ObjectAcls

_PAGE = 1000
"""Keys on a page, the most that OSS lists at once."""
_LISTING_MOST = 16 << 20
"""Bytes of the largest page: 1,000 keys of 1,023 bytes, each byte escaped."""
_ACL_MOST = 64 << 10
_FORCED = "attachment"
_ACLS = {"private": "private", "public-read": "public-read", "public-read-write": "public-read"}
"""OSS's ACL of an object -> that of COS; `default` is the bucket's, and is not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AliyunConfig(CloudAccess):
    """The `[migrateAli]` section: a bucket of Alibaba Cloud OSS."""

    id_form: ClassVar[str] = r"(LTAI|STS\.)[A-Za-z0-9]{8,}"
    chain_keys: ClassVar[tuple[str, ...]] = ("ramRole", "ramRoleUrl")

    end_point: str = option(
        "endPoint",
        help="endpoint of the bucket's region",
        parse=values.endpoint,
        legal="a domain such as oss-cn-hangzhou.aliyuncs.com; http://, https:// and a port may "
        "be added",
        batch=True,
        place=True,
    )
    access_key_id: Secret = access_key_option(NO_SECRET)
    access_key_secret: Secret = access_secret_option(NO_SECRET)
    security_token: Secret = token_option("securityToken", "accessKeyId and accessKeySecret")
    ram_role: str = role_option(
        "ramRole", "RAM role of this machine, where accessKeyId and accessKeySecret are blank"
    )
    ram_role_url: str = role_url_option("ramRoleUrl", ECS_ROLES)

    inventory: str = inventory_option()

    @property
    def inventory_place(self) -> str:
        """The value of `inventory`: a manifest whose rows replace the listing."""
        return self.inventory

    @property
    def own_token(self) -> Secret:
        """The value of `securityToken`, the token of temporary keys."""
        return self.security_token

    def missing_keys(self, environ: Mapping[str, str]) -> Iterator[MissingKey]:
        """Yield accessKeyId or accessKeySecret if it is needed and blank."""
        looked_at = f"environment variable {ALIBABA_VARIABLES[0]}; ramRole"
        elsewhere = bool(self.ram_role or environ.get(ALIBABA_VARIABLES[0]))
        elsewhere = elsewhere and not self.security_token
        return missing_keys(self, ACCESS_KEYS, elsewhere=elsewhere, looked_at=looked_at)


class AliyunSource(RestoringSource):
    """The objects of an OSS bucket."""

    migrate_type: ClassVar[str] = "migrateAli"
    record_kind: ClassVar[str] = "migrate_from_ali"
    compares_times: ClassVar[bool] = True
    states_storage_class: ClassVar[bool] = True
    restore_rules: ClassVar[Mapping[str, RestoreRule]] = MappingProxyType(
        {
            "ARCHIVE": RestoreRule((), days_most=7),
            "COLDARCHIVE": RestoreRule(),
            "DEEPCOLDARCHIVE": RestoreRule(("Expedited", "Standard")),
        }
    )
    class_header: ClassVar[bytes] = b"x-oss-storage-class"
    restore_header: ClassVar[bytes] = b"x-oss-restore"
    restore_right: ClassVar[str] = "oss:RestoreObject"
    readable_codes: ClassVar[frozenset[str]] = frozenset({"OperationNotSupported"})
    has_tags: ClassVar[bool] = True
    tag_count_header: ClassVar[bytes] = b"x-oss-tagging-count"
    request_id_header: bytes = b"x-oss-request-id"
    Config = AliyunConfig
    config: AliyunConfig

    advice: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            **REACH_ADVICE,
            "403": "accessKeyId and accessKeySecret",
            "404": "endPoint and bucket",
            "AccessDenied": "accessKeyId: it needs oss:ListObjects on the bucket and "
            "oss:GetObject (with copyAcl oss:GetObjectAcl) on its objects",
            "InvalidAccessKeyId": "accessKeyId",
            "InvalidBucketName": "bucket",
            "InvalidSecurityToken": "securityToken, accessKeyId and accessKeySecret",
            "NameNotResolved": "endPoint, bucket and proxyHost",
            "NoSuchBucket": "bucket and endPoint",
            "SecondLevelDomainForbidden": "endPoint",
            "SecurityTokenExpired": "securityToken, accessKeyId and accessKeySecret",
            "SignatureDoesNotMatch": "accessKeySecret",
            "UserDisable": "accessKeyId",
            "V1Refused": "endPoint: with oss-<region>.aliyuncs.com V4 signatures are made",
            "WrongEndpoint": "endPoint",
        }
    )
    fatal_codes: ClassVar[frozenset[str]] = frozenset(
        {
            "InvalidAccessKeyId",
            "InvalidBucketName",
            "InvalidSecurityToken",
            "NoSuchBucket",
            "RequestTimeTooSkewed",
            "SecondLevelDomainForbidden",
            "SecurityTokenExpired",
            "SignatureDoesNotMatch",
            "V1Refused",
            "WrongEndpoint",
        }
    )

    ended_codes: ClassVar[frozenset[str]] = frozenset(
        {"InvalidAccessKeyId", "InvalidSecurityToken", "SecurityTokenExpired"}
    )

    def __init__(
        self, config: AliyunConfig, target: Target, options: SourceOptions | None = None
    ) -> None:
        super().__init__(config, target, options)
        self._address = Address.of(config.end_point, config.bucket, https=config.src_https)
        self._acls: ObjectAcls | None = None
        self._signer = Signer(config.bucket, self.first_credentials(), self._address.region)

    # -- records ---------------------------------------------------------------------------------

    @classmethod
    def credential_provider(cls, config: AliyunConfig, environ: Mapping[str, str]) -> Provider:  # type: ignore[override]
        """Return the chain of the environment and the role of an ECS instance."""
        from cos_migrate.sources.oss.chain import alibaba_chain  # noqa: PLC0415 - without keys only

        return alibaba_chain(cls.migrate_type, config.ram_role, config.ram_role_url, environ)

    @property
    def credentials(self) -> Credentials:
        """The credentials that sign requests now."""
        return self._signer.credentials

    def replace_credentials(self, credentials: Credentials) -> None:
        self._signer = Signer(self.config.bucket, credentials, self._address.region)

    def job_text(self) -> str:
        config = self.config
        return (
            f"[srcEndpoint: {config.end_point}] [prefix: {config.prefix}] "
            f"[cosFolder: {self.target.cos_path}] "
        )

    def object_of_record(self, obj: SourceObject) -> SourceObject:
        """Return the object by its name: OSS states a CRC-64."""
        return obj._replace(name=self._base + obj.key)

    # -- listing ---------------------------------------------------------------------------------

    def list_columns(self, prefix: str, after: str, delimiter: str) -> ColumnPage:
        params = {
            "prefix": prefix,
            "marker": after,
            "delimiter": delimiter,
            "max-keys": str(_PAGE),
            "encoding-type": "url",
        }
        classes = ("StorageClass",) if self.options.lists_classes else ()
        target = prefix or self.config.bucket
        request = self._signed("GET", "", params, {})
        page = self.fetch_xml(
            "ListObjects",
            target,
            request,
            _LISTING_MOST,
            lambda document: read_marker_page(document, ("Type", *classes)),
        )
        kinds, *more = page.more
        columns = page.columns._replace(classes=more[0] if more else [])
        if "Symlink" in kinds:
            columns = _without_links(columns, kinds)
        known = [index for index, size in enumerate(columns.sizes) if size >= 0]
        columns = columns._replace(
            reliable=self.etags.all_reliable(
                [columns.etags[index] for index in known],
                lambda: [columns.sizes[index] for index in known],
            )
        )
        return ColumnPage(columns, page.folders, page.truncated, page.following)

    # -- objects ---------------------------------------------------------------------------------

    def request(self, obj: SourceObject, method: str, span: tuple[int, int] | None) -> Request:
        headers = conditional_headers(obj, span)
        if span is not None:
            # Without it OSS answers an invalid range with the whole object.
            headers["x-oss-range-behavior"] = "standard"
        return self._signed(method, obj.name, {}, headers)

    def description(self, obj: SourceObject, headers: Mapping[bytes, bytes]) -> Described:  # noqa: ARG002
        etag = read_etag(headers)
        crc = headers.get(b"x-oss-hash-crc64ecma", b"").decode("latin-1")
        carried = metadata.convert_user(
            {"oss-etag": etag} if etag else {}, metadata.read_user(headers, b"x-oss-meta-")
        )
        standard, unfit = metadata.read_standard(headers)
        if b"x-oss-force-download" in headers and standard.get("content-disposition") == _FORCED:
            # OSS adds this for browsers; it is not metadata of the object.
            del standard["content-disposition"]
        known = crc.isascii() and crc.isdigit()
        described = Described(
            Fingerprint(-1, parse_date_ns(headers.get(b"last-modified", b"")), etag),
            {
                "content-type": "application/octet-stream",
                **standard,
                **carried.headers,
            },
            md5=metadata.decode_md5(headers.get(b"content-md5", b"")),
            likely_md5=_likely_md5(headers, etag) if known else "",
            crc64=int(crc) if known else -1,
            checks=(Check("CRC-64/XZ", crc),) if known else (),
            warnings=(*unfit, *carried.warnings),
            storage_class=headers.get(b"x-oss-storage-class", b"Standard").decode("latin-1"),
        )
        return self.with_carried(described, headers)

    def checks_by_listing(self, listed: Fingerprint) -> tuple[Check, ...]:
        """Return the check by a listed ETag that is very likely an MD5."""
        return checks_by_etag(listed.etag)

    def takes_one_request(self, obj: SourceObject) -> bool:
        """Return whether neither an ACL nor another object must be requested."""
        return not self.options.copy_acl and super().takes_one_request(obj)

    def complete_description(self, obj: SourceObject, described: Described) -> Described:
        described = super().complete_description(obj, described)
        if not self.options.copy_acl:
            return described
        grant = self._acl_of(obj.name)
        acl = _ACLS.get(grant, "")
        headers = {**described.headers, "x-cos-acl": acl} if acl else described.headers
        warnings = described.warnings
        if grant not in {acl, "default"}:
            text = f"COS has no ACL {grant} for objects; {acl or 'none'} is stored"
            warnings = (*warnings, text)
        return described._replace(headers=headers, warnings=warnings)

    def error_details(self, answer: ErrorAnswer) -> ErrorDetails:
        """Parse an error answer; the document of an answer to HEAD is in a header."""
        body = answer.body or _document_of(answer.headers)
        status, code, message, request_id = super().error_details(answer._replace(body=body))
        place = find_text(body, "Endpoint")
        if code == "AccessDenied" and place:
            code, message = "WrongEndpoint", f"the bucket is reached at {place}"
        elif find_text(body, "EC") == "0002-00000080":
            code, message = "V1Refused", f"OSS accepts no V1 signature here ({message})"
        return ErrorDetails(status, code, message, request_id)

    # -- requests --------------------------------------------------------------------------------

    def _signed(
        self, method: str, key: str, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> Request:
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in params.items())
        url = f"{self._address.url}/{quote(key, safe='')}" + (f"?{query}" if query else "")
        return Request(method, url, self._signer.headers(method, key, params, headers))

    def restore_request(self, obj: SourceObject, tier: str, days: int) -> Request:
        request = self._signed("POST", obj.name, {"restore": ""}, {})
        return request._replace(body=restore_document(tier, days, "JobParameters"))

    def tagging_request(self, obj: SourceObject) -> Request:
        return self._signed("GET", obj.name, {"tagging": ""}, {})

    def _acl_of(self, key: str) -> str:
        """Return the ACL of an object, by the SDK. Raises SourceError."""
        acls, credentials = self._acls, self._signer.credentials
        if acls is None or acls.credentials is not credentials:
            from cos_migrate.sources.oss.sdk import ObjectAcls  # noqa: PLC0415 - takes 0.4 s

            config = self.config
            acls = self._acls = ObjectAcls(
                self._address,
                config.bucket,
                credentials,
                lambda key, request: self.fetch_document("GetObjectACL", key, request, _ACL_MOST),
            )
        try:
            return acls.acl_of(key)
        except ValueError as error:
            raise self.bad_answer_error("GetObjectACL", key, bad_answer_text(error)) from error


def _likely_md5(headers: Mapping[bytes, bytes], etag: str) -> str:
    """Return an ETag that is an MD5, except for objects posted by forms: no header marks these."""
    kind = headers.get(b"x-oss-object-type", b"Normal")
    if kind == b"Normal" and headers.get(b"x-oss-server-side-encryption") != b"KMS":
        return etag.lower() if re.fullmatch("[0-9A-Fa-f]{32}", etag) else ""
    return ""


def _document_of(headers: Mapping[bytes, bytes]) -> bytes:
    try:
        return base64.b64decode(headers.get(b"x-oss-err", b""), validate=True)
    except binascii.Error:
        return b""


def _without_links(columns: KeyColumns, kinds: list[str]) -> KeyColumns:
    """Return columns without the properties of symbolic links: HEAD describes their objects."""
    links = [kind == "Symlink" for kind in kinds]
    blank = ["" if link else text for link, text in zip(links, columns.etags, strict=True)]
    return columns._replace(
        sizes=[-1 if link else size for link, size in zip(links, columns.sizes, strict=True)],
        etags=blank,
        times=["" if link else text for link, text in zip(links, columns.times, strict=True)],
        classes=["" if link else text for link, text in zip(links, columns.classes, strict=False)],
    )
