"""Parse single values of config.ini and the command line.

Each parser takes text that is not empty and has no blanks around it, and raises ValueError with a
message that can be printed as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cos_migrate.config.options import Adjusted

MIB = 1024 * 1024
GIB = 1024 * MIB
MAX_INT = 2**31 - 1
DAY = 24 * 60
BLANKS = " \t\r\n\f\v"
"""Stripped from both ends of a value; a blank that is not ASCII is part of it."""

_TIME = "([0-9]{1,2}):([0-5]?[0-9])"
_WINDOW = re.compile(rf"{_TIME} *, *{_TIME}")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_HOST = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_NAMED_HOST = re.compile(_HOST)
_HOST_PORT = re.compile(rf"({_HOST}|\[[0-9A-Fa-f:.]+\])(?::([0-9]{{1,9}}))?")
_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?-[0-9]+")
_REGION = re.compile(r"[a-z0-9-]+")
_SIGNING_REGION = re.compile(r"[A-Za-z0-9_.-]+")
_PATTERN = re.compile(r"[*?,|\[{]")
_MAX_KEY = 850

STORAGE_CLASSES = {
    name: name.upper()
    for name in (
        "Standard",
        "Standard_IA",
        "Archive",
        "Maz_Standard",
        "Maz_Standard_IA",
        "Intelligent_Tiering",
        "Maz_Intelligent_Tiering",
        "Deep_Archive",
        "Maz_Archive",
        "Maz_Deep_Archive",
        "Cold",
    )
}
"""The spelling of config.ini -> the value of `x-cos-storage-class`."""
_HEADER_VALUES = frozenset(STORAGE_CLASSES.values())


class Secret:
    """A text that prints as `***`; only `reveal()` returns it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, (self._text,)


NO_SECRET = Secret("")


def secret(text: str) -> Secret:
    """Parse a credential. Raises ValueError, which does not show it, if no header can carry it."""
    if text.isascii() and text.isprintable() and " " not in text:
        return Secret(text)
    raise ValueError("a credential consists of printable ASCII characters without blanks")


def password(text: str) -> Secret:
    """Parse a password: any printable text."""
    if text.isprintable():
        return Secret(text)
    raise ValueError("a password consists of printable characters")


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """The part of each day in which transfers may start."""

    begin: int
    """Minute of the day, 0 to 1439."""
    end: int
    """Minute of the day, 0 to 1440, inclusive. Before `begin`: the window wraps midnight."""

    def contains(self, minute: int) -> bool:
        """Return whether `minute` of the day (0 to 1439) is inside."""
        if self.begin <= self.end:
            return self.begin <= minute <= self.end
        return minute >= self.begin or minute <= self.end

    def __str__(self) -> str:
        begin, end = divmod(self.begin, 60), divmod(self.end, 60)
        return "{:02d}:{:02d},{:02d}:{:02d}".format(*begin, *end)

    @classmethod
    def parse(cls, text: str) -> TimeWindow:
        """Parse `HH:MM,HH:MM`."""
        match = _WINDOW.fullmatch(text)
        if match:
            begin = int(match[1]) * 60 + int(match[2])
            end = int(match[3]) * 60 + int(match[4])
            if begin < DAY and end <= DAY:
                return cls(begin, end)
        raise ValueError(f"{text} is invalid, the legal executeTimeWindow example 03:30,21:00")


def integer(low: int, high: int, message: str = "") -> Callable[[str], int]:
    """Return a parser of whole numbers from `low` to `high`; `message` has `{}` for the text."""

    def parse(text: str) -> int:
        if _INTEGER.fullmatch(text) and low <= int(text) <= high:
            return int(text)
        raise ValueError(message.format(text) if message else f"{text} is not a legal number")

    return parse


AUTO = 0
"""The number of transfers that a run finds by itself."""


def integer_or_auto(low: int, high: int, message: str) -> Callable[[str], int]:
    """Return a parser of `auto`, in any case, and of the whole numbers that `integer` parses."""
    number = integer(low, high, message)
    return lambda text: AUTO if text.lower() == "auto" else number(text)


_ON_OFF = "only support on/off"


def on_off(text: str) -> bool:
    """Parse `on` or `off` in any case."""
    return _choice(text, {"on": True, "off": False}, _ON_OFF)


def on_or_not(text: str) -> bool:
    """Parse `on`, `off` or `false`: the Java tool reads everything but `on` as off."""
    return _choice(text, {"on": True, "off": False, "false": False}, _ON_OFF)


def true_false(text: str) -> bool:
    """Parse `true` or `false` in any case."""
    return _choice(text, {"true": True, "false": False}, "should be true or false")


def _choice(text: str, choices: dict[str, bool], legal: str) -> bool:
    try:
        return choices[text.lower()]
    except KeyError:
        raise ValueError(f"{text} is invalid, {legal}") from None


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser that accepts one of `choices`, case-sensitive."""

    def parse(text: str) -> str:
        if text in choices:
            return text
        raise ValueError(f"{text} is invalid")

    return parse


def semicolon_list(text: str) -> tuple[str, ...]:
    """Split at `;`, dropping empty items and the blanks around items."""
    return tuple(item for part in text.split(";") if (item := part.strip(BLANKS)))


def suffixes(text: str) -> tuple[str, ...] | Adjusted:
    """Parse `;` separated name suffixes, which have no wildcards."""
    items = semicolon_list(text)
    odd = next((item for item in items if _PATTERN.search(item)), "")
    if not odd:
        return items
    return Adjusted(
        items,
        f"{odd} is compared letter by letter with the end of a name: a suffix has no wildcards; "
        "write suffixes such as .jpg, separated by ;",
    )


_HOME = re.compile(r"(?:(?<=;)|^)(\s*)~(?=[/\\;]|$)")


def in_home(text: str) -> str:
    """Return paths, separated by `;`, with the user's home folder in place of a leading `~`."""
    return _HOME.sub(lambda found: found[1] + os.path.expanduser("~"), text)


def _exists(path: str) -> bool:
    # Unlike Path.exists, this never raises (invalid paths, folders without permission).
    return os.path.exists(path)


def existing_path(message: str) -> Callable[[str], str]:
    """Return a parser of paths that must exist; `message` has `{}` for the text."""

    def parse(text: str) -> str:
        if _exists(text):
            return text
        raise ValueError(message.format(text))

    return parse


def existing_file(text: str) -> str:
    """Parse the path of a readable file."""
    if not _exists(text):
        raise ValueError(f"{text} not exist!")
    if Path(text).is_dir():
        raise ValueError(f"{text} is a folder, not a file")
    if not os.access(text, os.R_OK):
        raise ValueError(f"{text} cannot be read: no permission")
    return text


def inventory_place(text: str) -> str:
    """Parse `bucket://<bucket>/<key>`, or the path of a readable file."""
    scheme = "bucket://"
    if not text.startswith(scheme):
        return existing_file(text)
    bucket, _, key = text.removeprefix(scheme).partition("/")
    if not bucket or not key:
        raise ValueError(f"{text} does not name a bucket and a key")
    return text


def existing_folder(text: str) -> str:
    """Parse the path of an existing folder."""
    if not _exists(text):
        raise ValueError(f"tempFolderPath {text} not exist!")
    if not Path(text).is_dir():
        raise ValueError(f"tempFolderPath {text} is not a folder")
    return text


def existing_paths(text: str) -> tuple[str, ...]:
    """Parse `;` separated paths that must all exist."""
    paths = semicolon_list(text)
    missing = [path for path in paths if not _exists(path)]
    if missing:
        which = f": {'; '.join(missing)}" if len(paths) > 1 else ""
        raise ValueError(f"excludePath {text} not exist{which}")
    return paths


def storage_class(text: str) -> str:
    """Parse a storage class, in the spelling of the Java tool or of COS; return that of COS."""
    if text in _HEADER_VALUES:
        return text
    try:
        return STORAGE_CLASSES[text]
    except KeyError:
        raise ValueError(f"{text} is invalid storage class!") from None


def bucket_name(text: str) -> str:
    """Parse `<name>-<APPID>`."""
    if _BUCKET.fullmatch(text):
        return text
    raise ValueError(f"{text} is invalid, bucketName must be <name>-<APPID>")


def source_bucket_name(text: str) -> str:
    """Parse the `<name>-<APPID>` of a bucket to copy from."""
    if _BUCKET.fullmatch(text) and re.search("-[0-9]{3,}$", text):
        return text
    raise ValueError("SrcBucketName must contain appid. example: test-1250001000")


def foreign_bucket(text: str) -> str:
    """Parse a bucket of another provider, whose naming rules are not checked."""
    if text.isprintable() and " " not in text and "/" not in text:
        return text
    raise ValueError(f"{text} is not the name of a bucket")


def region(text: str) -> str:
    """Parse the short name of a region."""
    return _region(text, _REGION)


def signing_region(text: str) -> str:
    """Parse the region that requests to an S3 service are signed for."""
    return _region(text, _SIGNING_REGION)


def _region(text: str, legal: re.Pattern[str]) -> str:
    if legal.fullmatch(text):
        return text
    raise ValueError(f"{text} is not the name of a region")


def cos_folder(message: str) -> Callable[[str], str]:
    """Return a parser of COS folders, which end in `/`; `message` has `{}` for the text."""

    def parse(text: str) -> str:
        if not text.startswith("/"):
            raise ValueError(message.format(text))
        if any(ord(char) < ord(" ") for char in text):
            raise ValueError(f"{text} is invalid, control characters are not allowed")
        folder = re.sub("/{2,}", "/", text + "/")
        if len(folder.encode()) > _MAX_KEY:
            raise ValueError(f"{text} is invalid, longer than {_MAX_KEY} bytes")
        return folder

    return parse


def host(text: str) -> str:
    """Parse a host name or an IPv4 address without scheme and port."""
    if _NAMED_HOST.fullmatch(text):
        return text
    raise ValueError(f"{text} is not a host name")


def endpoint_suffix(text: str) -> str:
    """Parse `host[:port]`."""
    match = _HOST_PORT.fullmatch(text)
    if match and _port_is_legal(match[2]):
        return text
    raise ValueError(f"{text} is invalid, it must be a host with or without a port")


def endpoint(text: str) -> str:
    """Parse `[http[s]://]host[:port]`; one trailing `/` is dropped."""
    address = text.removesuffix("/")
    match = _HOST_PORT.fullmatch(re.sub("^https?://", "", address))
    if match and _port_is_legal(match[2]):
        return address
    raise ValueError(f"{text} is not an address")


def aws_endpoint(text: str) -> str:
    """Parse an endpoint; a bare region is refused."""
    address = endpoint(text)
    bare = "." not in address and ":" not in address and address != "localhost"
    if bare:
        raise ValueError(f"{text} is a region or a bare name, endPoint must be a domain")
    return address


def _port_is_legal(port: str | None) -> bool:
    return port is None or 1 <= int(port) <= 65535  # noqa: PLR2004 - the range of TCP ports


def port_number(text: str) -> int:
    """Parse a TCP port."""
    return integer(1, 65535, "{} is an invalid proxy port")(text)


def prefix(text: str) -> str:
    """Parse a key prefix: one leading `/` is dropped."""
    return text.removeprefix("/")


def part_size(text: str) -> int | Adjusted:
    """Parse a part size in bytes; one that is too small for COS is raised to 1 MiB."""
    size = integer(-MAX_INT, 5 * GIB, "invalid bigFileUploadPartSize: {}")(text)
    if size >= MIB:
        return size
    return Adjusted(MIB, f"{text} is below 1 MiB, the smallest part COS takes; {MIB} is used")


def traffic_limit(text: str) -> int:
    """Parse a limit in bit/s; 0 and negative numbers mean no limit, returned as 0."""
    message = "{} is invalid, legal threadTrafficLimit is [819200, 838860800], 800Kbps ~ 800Mbps"
    limit = integer(-(10**17), 838860800, message)(text)
    if 0 < limit < 819200:  # noqa: PLR2004 - the lower bound in the message
        raise ValueError(message.format(text))
    return max(limit, 0)
