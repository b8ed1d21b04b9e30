"""Why objects failed, counted by cause, and what a user can do about each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from cos_migrate.keys import printable
from cos_migrate.model import Failure

_MOST = 100
"""Distinct causes that are told apart; a server that invents codes must not fill the memory."""
_OTHER = (0, "other")

_SEND_AGAIN = "to send all again, move the job's folder below db/ away"
_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "AccessDenied": "give the account of [common] secretId the right to write to the bucket",
        "AccountArrears": "settle the account's bill",
        "Archived": "restore it at the source, then run again",
        "BadHeader": "its ETag, key or metadata cannot stand in a request: store it anew there",
        "BadAnswer": "a proxy may answer in COS's place: look at proxyHost and endPointSuffix",
        "CertificateInvalid": "set [common] caFile to the certificates of a private CA",
        "Changed": "the object is being written to: run again when it rests",
        "CheckCrc64": "see whether it was changed on COS; " + _SEND_AGAIN,
        "CheckLength": "see whether it was changed on COS; " + _SEND_AGAIN,
        "CheckMissing": "see who removed it from COS; " + _SEND_AGAIN,
        "ChecksumMismatch": "run again; if it stays, suspect memory or a network device",
        "ConnectionBroken": "look at the network, then run again",
        "ConnectionRefused": "look at endPointSuffix, proxyHost and the firewall",
        "ConnectionReset": "look at the network, then run again",
        "Downgraded": "put https URLs into the list, or set [migrateUrl] allowHttpRedirect=on",
        "EACCES": "give the user who runs this the right to read it",
        "EIO": "the source's disk reports errors: look at the system's log",
        "ENAMETOOLONG": "its path is longer than this system allows: mount it higher up",
        "ENOENT": "it was there when it was listed: run again",
        "EPERM": "give the user who runs this the right to read it",
        "EntityTooLarge": "lower smallFileThreshold",
        "ExpiredToken": "get a new token, secretId and secretKey",
        "InternalError": "COS had a problem: run again",
        "InvalidAccessKeyId": "look at [common] secretId",
        "InvalidObjectState": "it is archived: restore it at the source, then run again",
        "InvalidToken": "get a new token, secretId and secretKey",
        "InvalidStorageClass": "the bucket does not offer [common] storageClass",
        "NameNotResolved": "look at [common] region, endPointSuffix and this machine's DNS",
        "NameNotUtf8": "rename it: COS takes names in UTF-8 only",
        "NoSuchBucket": "look at [common] bucketName and region",
        "NotMigratable": "rename it, or migrate it under a shorter cosPath",
        "ProxyRefused": "look at [common] proxyHost, proxyPort, proxyUser and proxyPassword",
        "RequestTimeTooSkewed": "set this machine's clock",
        "RequestIsExpired": "set this machine's clock",
        "SameTarget": "rename one of the two at the source",
        "ServiceUnavailable": "COS had a problem: run again",
        "SignatureDoesNotMatch": "look at [common] secretKey",
        "SizeTooSmall": "copy it to an ordinary disk first: its file system tells a wrong size",
        "SlowDown": "run again with a lower smallFileExecutorNum",
        "SourceChecksumMismatch": "run again; if it stays, the source's copy may be damaged",
        "Timeout": "look at the network; fewer transfers at once may help",
        "TlsFailed": "look at [common] https and at the proxy",
        "WorkerLost": "look at log/error.log and at this machine's memory",
        "WrongRegion": "look at [common] region",
    }
)


_AT_THE_SOURCE = frozenset(
    {
        "GetObject",
        "GetObjectACL",
        "GetObjectAcl",
        "HeadSource",
        "ListFolder",
        "ListObjects",
        "ListObjectsV2",
        "QueryRegion",
        "StatObject",
    }
)
"""Operations of which COS knows nothing: what is said of its errors does not hold for theirs."""
_ANYWHERE = frozenset(
    {
        "Archived",
        "BadHeader",
        "Changed",
        "ConnectionBroken",
        "ConnectionReset",
        "Downgraded",
        "InvalidObjectState",
        "RequestTimeTooSkewed",
        "SameTarget",
        "SourceChecksumMismatch",
        "Timeout",
    }
)


def is_of_source(failure: Failure) -> bool:
    """Return whether a failure came from the source: COS had nothing to do with it."""
    return failure.operation in _AT_THE_SOURCE


def advice_for(failure: Failure) -> str:
    """Return in a few words what to do about a failure."""
    if is_of_source(failure) and failure.code not in _ANYWHERE:
        if failure.status >= 500:  # noqa: PLR2004 - HTTP
            return "the source had a problem: run again"
        return "look at the section of the source; log/error.log says what at"
    known = _ADVICE.get(failure.code)
    if known:
        return known
    if failure.status >= 500:  # noqa: PLR2004 - HTTP
        return "the server had a problem: run again"
    if failure.status == 403:  # noqa: PLR2004 - HTTP
        return _ADVICE["AccessDenied"]
    return "see log/error.log"


class Causes:
    """A count of failures by (status, code)."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str], int] = {}
        self._examples: dict[tuple[int, str], tuple[str, Failure]] = {}

    def add(self, name: str, failure: Failure) -> None:
        """Count one."""
        cause = (failure.status, failure.code or failure.operation)
        if cause not in self._counts and len(self._counts) >= _MOST:
            cause = _OTHER
        self._counts[cause] = self._counts.get(cause, 0) + 1
        self._examples.setdefault(cause, (name, failure))

    def table(self) -> Iterator[str]:
        """Yield the lines of a table, the commonest cause first; nothing without failures."""
        if not self._counts:
            return
        rows = [("count", "status", "code", "example", "what to do")]
        for cause, count in sorted(self._counts.items(), key=lambda item: -item[1]):
            name, failure = self._examples[cause]
            status = str(cause[0]) if cause[0] else "-"
            advice = advice_for(failure)
            rows.append((str(count), status, printable(cause[1]), _short(name), advice))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            yield "  ".join([*cells, row[4]])


def _short(name: str) -> str:
    most = 60
    return name if len(name) <= most else "..." + name[-(most - 3) :]
