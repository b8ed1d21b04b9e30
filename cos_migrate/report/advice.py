"""Advice on what a user can do about a failure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cos_migrate.errors import Code, Side
from cos_migrate.http.web_pages import FOREIGN
from cos_migrate.model import Failure

_CHECK_COS = (
    "find out why it differs on COS; to send everything again, move the job's folder below db/ away"
)
_RIGHT_TO_READ = "give the account of [common] secretId the right to read the bucket"
_RIGHT_TO_WRITE = "give the account of [common] secretId the right to write to the bucket"
_NETWORK = "look at the network, then run again"
_READ_ACCESS = "give the user that runs this tool read access to it"
_CA_FILE = "set [common] caFile to the certificates of a private CA"
_CERTIFICATE_STORE = "look at [common] caFile, and at the certificates of this machine"
_THE_ID = "look at [common] secretId"
_CLOCK = "set the clock of this machine"
_RENEW = "get a new token, secretId and secretKey"
_COS_PROBLEM = "COS had a problem: run again"
_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "AccountArrears": "pay the bill of the account",
        "BadAnswer": "look at proxyHost and endPointSuffix: a proxy may answer in COS's place",
        "CertificateInvalid": _CA_FILE,
        "CertificateStore": _CERTIFICATE_STORE,
        "CheckCrc64": _CHECK_COS,
        "CheckLength": _CHECK_COS,
        "CheckMissing": _CHECK_COS,
        "ChecksumMismatch": "run again; if it stays, suspect the memory or a network device",
        "ConnectionRefused": "look at [common] endPointSuffix, proxyHost and the firewall",
        "EACCES": _READ_ACCESS,
        "EIO": "the source's disk reports errors: look at the system log",
        "ENAMETOOLONG": "its path is too long for this system: mount the folder higher up",
        "ENOENT": "it no longer exists: nothing to do if it was removed on purpose",
        "EPERM": _READ_ACCESS,
        "ESTALE": "the source's disk was mounted again: run again",
        "EntityTooLarge": "lower smallFileThreshold",
        "ExpiredToken": _RENEW,
        FOREIGN: "look at [common] proxyHost, endPointSuffix: a proxy or firewall answers in COS's "
        "place",
        "InternalError": _COS_PROBLEM,
        "InvalidAccessKeyId": _THE_ID,
        "InvalidToken": _RENEW,
        "InvalidStorageClass": "change [common] storageClass: the bucket does not offer it",
        "InvalidURI": "rename it: COS refuses a character of its name",
        "NameNotResolved": "look at [common] region, endPointSuffix and the DNS of this machine",
        "NameNotUtf8": "rename it: COS accepts names in UTF-8 only",
        "NoSuchBucket": "look at [common] bucketName and region",
        "NoSuchUpload": "its unfinished upload was removed from COS: run again",
        "NotMigratable": "rename it, or migrate it to a shorter cosPath",
        "ObjectTooLarge": "split it: COS takes at most 50,000 GB (48.82 TB) in one object",
        "OutsideRoot": "correct the list: its paths are relative to localPath",
        "ProxyRefused": "look at [common] proxyHost, proxyPort, proxyUser and proxyPassword",
        "RequestIsExpired": _CLOCK,
        "ServiceUnavailable": _COS_PROBLEM,
        "SignatureDoesNotMatch": "look at [common] secretKey",
        "SizeTooSmall": "copy it to an ordinary disk first: its file system reports a wrong size",
        "SlowDown": "run again with a lower smallFileExecutorNum",
        "TlsFailed": "look at [common] https and at the proxy",
        "TmpFolder": "free space on the disk of tmpFolder, or set another folder",
        "UserNotExist": _THE_ID,
        "WorkerLost": "look at log/error.log and at the memory of this machine",
        "WrongRegion": "look at [common] region, endPointSuffix and proxyHost",
    }
)
"""For errors of COS and of this machine."""
_ANY_SIDE: Mapping[str, str] = MappingProxyType(
    {
        "Archived": "restore it at the source, then run again",
        "BadHeader": "store it again at the source: a request cannot contain its ETag, key or "
        "metadata",
        "Changed": "run again when nothing writes to it any more",
        Code.CONTRADICTORY: "look at the endPoint and proxyHost of the source, and set "
        "srcHttps=on: a proxy or a login page may answer in its place",
        "ConnectionBroken": _NETWORK,
        "ConnectionReset": _NETWORK,
        "Downgraded": "put https URLs into the list, or set [migrateUrl] allowHttpRedirect=on",
        "EMFILE": "raise the limit of open files (ulimit -n), or lower smallFileExecutorNum",
        "ENFILE": "raise this machine's limit of file descriptors (fs.file-max)",
        Code.ETAG_IS_NO_MD5: "set [migrateAws] etagIsMd5=off if all objects of the service fail "
        "so; size, version, the service's other checksums and COS's CRC-64 are compared then",
        "InvalidObjectState": "it is archived: restore it at the source, then run again "
        "([common] restoreArchived does both)",
        "NoSuchKey": "it is gone from the source: nothing to do, or remove it from the list",
        "RequestTimeTooSkewed": _CLOCK,
        "Restoring": "run again later: its restore is pending, and not requested twice",
        "SameTarget": "rename one of the two at the source",
        "SourceChecksumMismatch": "run again; if it stays, the source's copy may be damaged",
        "Timeout": "look at the network; a lower smallFileExecutorNum may help",
    }
)
"""For errors whose side makes no difference, or that only the source can cause."""
_SOURCE_SLOW = "the source asks for fewer requests: run again with a lower smallFileExecutorNum"
_SOURCE_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "BadAnswer": "look at the section of the source: a proxy may answer in its place",
        "BadUrl": "correct the URL in the list, or the redirect of its server",
        "CertificateInvalid": _CA_FILE,
        "CertificateStore": _CERTIFICATE_STORE,
        "Disabled": "enable it at the source, then run again",
        FOREIGN: "look at proxyHost in the section of the source: a proxy or firewall answers in "
        "the source's place",
        "Http429": _SOURCE_SLOW,
        "ProxyRefused": "look at the proxy of the source's section, proxyHost and proxyPort",
        "RedirectLoop": "correct the URL in the list: its server redirects in circles",
        "RequestLimitExceeded": _SOURCE_SLOW,
        "SlowDown": _SOURCE_SLOW,
        "Throttling": _SOURCE_SLOW,
        "UrlCertificateInvalid": _CA_FILE,
        "UrlConnectionBroken": _NETWORK,
        "UrlConnectionRefused": "look at the URL and the firewall: its server refuses connections",
        "UrlConnectionReset": _NETWORK,
        "UrlNameNotResolved": "look at the host in the URL, and at the DNS of this machine",
        "UrlTimeout": "look at the network, then run again: its server is too slow",
        "UrlTlsFailed": "look at the URL: its server may not support TLS",
    }
)
_LIST_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "NotMigratable": "correct that line of the list",
        "SameTarget": "take one of the two lines out of the list: both have the same key",
    }
)
"""For lines of a list that the user wrote."""
_RIGHT_TO_RESTORE = (
    "give the account of the source the right to restore objects (s3:RestoreObject, "
    "oss:RestoreObject, cos:PostObjectRestore)"
)
_READ_LIST = "read"
"""Operation of a failure about a line of a list."""
_READS_COS = frozenset({"HeadObject", "ListParts"})
_FORBIDDEN = 403
_TOO_MANY_REQUESTS = 429
_FIRST_SERVER_ERROR = 500


def advice_for(failure: Failure) -> str:
    """Return a short sentence on what to do about a failure."""
    code = failure.code
    if failure.operation == _READ_LIST and code in _LIST_ADVICE:
        return _LIST_ADVICE[code]
    if code == "UrlTimeout" and failure.operation == "HeadSource":
        return "set [migrateUrl] isSkipHead=on: its server may not answer HEAD"
    return (
        _ANY_SIDE.get(code)
        or (_source_advice(failure) if failure.side is Side.SOURCE else _ADVICE.get(code))
        or _fallback(failure)
    )


def _source_advice(failure: Failure) -> str:
    if failure.operation == "RestoreObject" and failure.code == "AccessDenied":
        return _RIGHT_TO_RESTORE
    known = _SOURCE_ADVICE.get(failure.code)
    if known:
        return known
    if not failure.status and failure.code.startswith("Http"):
        # The status of one web server of many, which does not concern the others.
        if failure.code.startswith("Http5"):
            return "its web server had a problem: run again"
        return "look at the URL in the list: its web server refuses it"
    if failure.status >= _FIRST_SERVER_ERROR:
        return "the source had a problem: run again"
    return "look at the section of the source; log/error.log has more"


def _fallback(failure: Failure) -> str:
    if failure.status >= _FIRST_SERVER_ERROR:
        return "the server had a problem: run again"
    if failure.status == _TOO_MANY_REQUESTS:
        return _ADVICE["SlowDown"]
    if failure.code == "AccessDenied":
        return _RIGHT_TO_READ if failure.operation in _READS_COS else _RIGHT_TO_WRITE
    if failure.status == _FORBIDDEN:
        return "look at log/error.log: COS refuses it"
    return "look at log/error.log"
