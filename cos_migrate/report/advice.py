"""What a user can do about a failure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cos_migrate.errors import CONTRADICTORY, ETAG_IS_NO_MD5, Side
from cos_migrate.http.web_pages import FOREIGN
from cos_migrate.model import Failure

_SEND_AGAIN = "to send all again, move the job's folder below db/ away"
_NETWORK = "look at the network, then run again"
_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "AccountArrears": "settle the account's bill",
        "BadAnswer": "a proxy may answer in COS's place: look at proxyHost and endPointSuffix",
        "CertificateInvalid": "set [common] caFile to the certificates of a private CA",
        "CertificateStore": "look at [common] caFile, and at this machine's certificates",
        "CheckCrc64": "see whether it was changed on COS; " + _SEND_AGAIN,
        "CheckLength": "see whether it was changed on COS; " + _SEND_AGAIN,
        "CheckMissing": "see who removed it from COS; " + _SEND_AGAIN,
        "ChecksumMismatch": "run again; if it stays, suspect memory or a network device",
        "ConnectionRefused": "look at [common] endPointSuffix, proxyHost and the firewall",
        "EACCES": "give the user who runs this the right to read it",
        "EIO": "the source's disk reports errors: look at the system's log",
        "ENAMETOOLONG": "its path is longer than this system allows: mount it higher up",
        "ENOENT": "it is gone since it was listed: nothing to do, if it was removed",
        "EPERM": "give the user who runs this the right to read it",
        "ESTALE": "the source's disk was mounted anew: run again",
        "EntityTooLarge": "lower smallFileThreshold",
        "ExpiredToken": "get a new token, secretId and secretKey",
        FOREIGN: "a proxy or firewall answers in COS's place: look at [common] proxyHost, "
        "endPointSuffix",
        "InternalError": "COS had a problem: run again",
        "InvalidAccessKeyId": "look at [common] secretId",
        "InvalidToken": "get a new token, secretId and secretKey",
        "InvalidURI": "rename it: COS refuses a character of its name",
        "InvalidStorageClass": "the bucket does not offer [common] storageClass",
        "NameNotResolved": "look at [common] region, endPointSuffix and this machine's DNS",
        "NameNotUtf8": "rename it: COS takes names in UTF-8 only",
        "NoSuchBucket": "look at [common] bucketName and region",
        "NoSuchUpload": "its unfinished upload was removed from COS: run again",
        "NotMigratable": "rename it, or migrate it under a shorter cosPath",
        "OutsideRoot": "correct the list: its paths are relative to localPath",
        "ProxyRefused": "look at [common] proxyHost, proxyPort, proxyUser and proxyPassword",
        "RequestIsExpired": "set this machine's clock",
        "ServiceUnavailable": "COS had a problem: run again",
        "SignatureDoesNotMatch": "look at [common] secretKey",
        "SizeTooSmall": "copy it to an ordinary disk first: its file system tells a wrong size",
        "SlowDown": "run again with a lower smallFileExecutorNum",
        "TlsFailed": "look at [common] https and at the proxy",
        "TmpFolder": "free space on the disk of tmpFolder, or set another",
        "UserNotExist": "look at [common] secretId",
        "WorkerLost": "look at log/error.log and at this machine's memory",
        "WrongRegion": "look at [common] region, endPointSuffix and proxyHost",
    }
)
"""What to do about the errors of COS and of this machine."""
_ANYWHERE: Mapping[str, str] = MappingProxyType(
    {
        "Archived": "restore it at the source, then run again",
        "BadHeader": "its ETag, key or metadata cannot stand in a request: store it anew there",
        "Changed": "the object is being written to: run again when it rests",
        CONTRADICTORY: "a proxy or a login page may answer in place of the source: look at its "
        "endPoint and proxyHost, and set srcHttps=on",
        "ConnectionBroken": _NETWORK,
        "ConnectionReset": _NETWORK,
        "Downgraded": "put https URLs into the list, or set [migrateUrl] allowHttpRedirect=on",
        "EMFILE": "raise the limit of open files (ulimit -n), or lower smallFileExecutorNum",
        "ENFILE": "the machine has no file descriptors left: raise its limit (fs.file-max)",
        ETAG_IS_NO_MD5: "set [migrateAws] etagIsMd5=off where all objects of the service fail so; "
        "size, version, the service's other checksums and COS's CRC-64 are compared then",
        "InvalidObjectState": "it is archived: restore it at the source, then run again",
        "NoSuchKey": "it is gone from the source: nothing to do, or take it out of the list",
        "RequestTimeTooSkewed": "set this machine's clock",
        "SameTarget": "rename one of the two at the source",
        "SourceChecksumMismatch": "run again; if it stays, the source's copy may be damaged",
        "Timeout": "look at the network; fewer transfers at once may help",
    }
)
"""The same whichever side it came from, or the source's whatever was asked."""
_SOURCE_SLOW = "the source asks for fewer requests: run again with a lower smallFileExecutorNum"
_OF_THE_SOURCE: Mapping[str, str] = MappingProxyType(
    {
        "BadAnswer": "a proxy may answer in the source's place: look at its section",
        "BadUrl": "correct the URL in the list, or what its server redirects to",
        "CertificateInvalid": "set [common] caFile to the certificates of a private CA",
        "CertificateStore": "look at [common] caFile, and at this machine's certificates",
        "Disabled": "enable it at the source, then run again",
        FOREIGN: "a proxy or firewall answers in the source's place: look at proxyHost in its "
        "section",
        "Http429": _SOURCE_SLOW,
        "ProxyRefused": "look at the proxy of the source's section, proxyHost and proxyPort",
        "RedirectLoop": "its server redirects in circles: correct the URL in the list",
        "RequestLimitExceeded": _SOURCE_SLOW,
        "SlowDown": _SOURCE_SLOW,
        "Throttling": _SOURCE_SLOW,
        "UrlCertificateInvalid": "set [common] caFile to the certificates of a private CA",
        "UrlConnectionBroken": _NETWORK,
        "UrlConnectionRefused": "its server takes no connections: look at the URL and the firewall",
        "UrlConnectionReset": _NETWORK,
        "UrlNameNotResolved": "look at the host in the URL, and at this machine's DNS",
        "UrlTimeout": "its server is too slow: look at the network, then run again",
        "UrlTlsFailed": "its server may speak no TLS: look at the URL",
    }
)
_OF_A_LIST: Mapping[str, str] = MappingProxyType(
    {
        "NotMigratable": "correct that line of the list",
        "SameTarget": "take one of the two lines out of the list: both go to one key",
    }
)
"""What to do about lines of a list that a user wrote."""
_READ_A_LIST = "read"
_LOOKS_AT_COS = frozenset({"HeadObject", "ListParts"})
_FORBIDDEN = 403
_TOO_MANY_REQUESTS = 429
_FIRST_SERVER_ERROR = 500


def advice_for(failure: Failure) -> str:
    """Return in a few words what to do about a failure."""
    code = failure.code
    if failure.operation == _READ_A_LIST and code in _OF_A_LIST:
        return _OF_A_LIST[code]
    if code == "UrlTimeout" and failure.operation == "HeadSource":
        return "its server may not answer HEAD: set [migrateUrl] isSkipHead=on"
    return (
        _ANYWHERE.get(code)
        or (_advice_of_source(failure) if failure.side is Side.SOURCE else _ADVICE.get(code))
        or _advice_of_cos(failure)
    )


def _advice_of_source(failure: Failure) -> str:
    known = _OF_THE_SOURCE.get(failure.code)
    if known:
        return known
    if not failure.status and failure.code.startswith("Http"):
        # One of many web servers, whose status says nothing of the others.
        if failure.code.startswith("Http5"):
            return "its web server had a problem: run again"
        return "its web server refuses it: look at the URL in the list"
    if failure.status >= _FIRST_SERVER_ERROR:
        return "the source had a problem: run again"
    return "look at the section of the source; log/error.log says what at"


def _advice_of_cos(failure: Failure) -> str:
    if failure.status >= _FIRST_SERVER_ERROR:
        return "the server had a problem: run again"
    if failure.status == _TOO_MANY_REQUESTS:
        return _ADVICE["SlowDown"]
    if failure.code == "AccessDenied":
        right = "read" if failure.operation in _LOOKS_AT_COS else "write to"
        return f"give the account of [common] secretId the right to {right} the bucket"
    if failure.status == _FORBIDDEN:
        return "COS refuses it: log/error.log says why"
    return "see log/error.log"
