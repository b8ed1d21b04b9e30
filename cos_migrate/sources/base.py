"""What every source offers: the one base class, and the reader of an object's bytes."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from cos_migrate.model import Described, Fingerprint, Found, Row, SourceObject, Target

if TYPE_CHECKING:
    from cos_migrate.http.network import Proxy


class Reader(Protocol):
    """The bytes of one object, or of one range of it, in order."""

    @property
    def described(self) -> Described:
        """What is being read, as its source describes it."""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; fewer only at the end of the range, empty behind it."""

    def check_unchanged(self) -> None:
        """Raise `SourceChanged` when the object is no longer the one that was listed.

        To be called when all has been read; raises `SourceError` when the bytes are not those
        that the source's own checksum tells.
        """


class SourceOptions(NamedTuple):
    """What `[common]` says that a source heeds."""

    ca_file: str = ""
    """Certificates of a private authority, trusted besides the public ones; empty: none."""
    request_timeout: float = 0.0
    """Seconds for one whole request; 0: no limit."""
    copy_acl: bool = False
    """Whether an object's ACL is carried over."""
    db_cos_path: str = ""
    """`dbCosPath`; empty when it is not set."""
    https: bool = False
    """Whether COS is reached over HTTPS, a source bucket on COS included."""
    proxy: Proxy | None = None
    """The proxy for COS, a source bucket on COS included."""


class Source(abc.ABC):
    """A place objects come from.

    A source lists, stats and reads. It does not retry, count, print, sleep or know the target
    beyond the names that its records contain. It is built in the coordinator and again in every
    worker process; its config, its options and its objects can be pickled.
    """

    migrate_type: ClassVar[str]
    """The value of `[migrateType] type`, and the name of this source's section."""
    record_kind: ClassVar[str]
    """The folder below `db/` that keeps its record databases."""
    reads_at_once: ClassVar[bool] = False
    """Whether small objects are read without waiting for a network, and again at no cost.

    Who does has `read_whole`.
    """
    scans_apart: ClassVar[bool] = False
    """Whether a scan keeps a processor busy, and is worth a process of its own."""
    examines: bool = True
    """Whether an object that is listed without its size is asked about before it is sent."""
    repeats: bool = True
    """Whether a scan might find the same object twice, as a list that a user wrote can."""
    compares_times: ClassVar[bool] = False
    """Whether `realTimeCompare` applies: its times of modification are compared with COS's."""
    copies: ClassVar[bool] = False
    """Whether COS itself can copy the objects, so that no body passes through this machine."""
    keyed_by_path: ClassVar[bool] = False
    """Whether `record_key` follows from the target path alone."""
    weak_by_time: ClassVar[bool] = False
    """Whether records hold times and objects without one are `weak`; else records hold ETags."""
    Config: ClassVar[type[Any]]
    """The frozen dataclass that the section becomes."""

    def __init__(self, config: Any, target: Target, options: SourceOptions | None = None) -> None:
        self.config = config
        self.target = target
        self.options = options or SourceOptions()
        self.records_secrets = False
        """Whether credentials stand in what was listed, and so in its records."""
        self.java_records = False
        """Whether records of the Java tool may be among those that `unchanged` is asked about."""

    @classmethod
    def announcement(cls, config: Any) -> str:  # noqa: ARG003
        """Return a line to print before a run, as the Java tool does; empty: none."""
        return ""

    @abc.abstractmethod
    def job_text(self) -> str:
        """Return the text whose MD5 names this job's record database."""

    def origin(self) -> str:
        """Return a text without secrets that tells what this source lists from any other list.

        The database is named by less: what a run has left in it to be gone on with is only for
        a run of the same origin.
        """
        return self.job_text()

    def is_weak(self, fingerprint: Fingerprint) -> bool:  # noqa: ARG002
        """Return whether an object of this fingerprint is `weak`, as `SourceObject` says it."""
        return False

    @abc.abstractmethod
    def scan(self) -> Iterator[Found]:
        """Yield what there is to migrate, in listing order.

        What cannot be migrated is yielded as `Rejected`, never left out. Raises `SourceError`
        only when nothing more can be enumerated.
        """

    def wanted(self, obj: SourceObject) -> bool:  # noqa: ARG002
        """Return whether `obj`, listed without being known, is one of those to migrate."""
        return True

    def unwanted_line(self, obj: SourceObject) -> str:
        """Return the line for an object that is not `wanted`."""
        raise NotImplementedError

    def scan_rows(self) -> Iterator[Found | Row]:
        """Yield what `scan` yields, plain objects as rows where that is quicker."""
        return self.scan()

    def row_records(self, rows: Sequence[Row]) -> list[tuple[str, str]]:
        """Return `record_key` and `record_value` of each row; only for who yields rows."""
        raise NotImplementedError

    @abc.abstractmethod
    def record_key(self, obj: SourceObject, cos_path: str) -> str:
        """Return the database key of `obj`; `cos_path` is its target path with leading `/`."""

    @abc.abstractmethod
    def record_value(self, obj: SourceObject) -> str:
        """Return the database value that says which version of `obj` was migrated."""

    def unchanged(self, obj: SourceObject, recorded: str) -> bool:
        """Return whether `recorded`, the stored value, means that `obj` was migrated as it is."""
        return recorded == self.record_value(obj)

    def renewed(self, obj: SourceObject, recorded: str) -> str:  # noqa: ARG002
        """Return the value to keep instead of `recorded` of an unchanged object; empty: that."""
        return ""

    @abc.abstractmethod
    def open(self, obj: SourceObject, start: int, length: int) -> AbstractContextManager[Reader]:
        """Open bytes `start` to `start + length` of `obj`; a length of -1 reads to its end.

        Raises `SourceError` when it cannot be read, `SourceChanged` when it is not the version
        that was listed.
        """

    def read_whole(self, name: str, size: int, mtime_ns: int) -> tuple[bytes, str]:
        """Return the content and the content type of a small object that is no folder.

        It has no other headers. Only for who `reads_at_once`; raises as `open` does.
        """
        raise NotImplementedError

    @abc.abstractmethod
    def describe(self, obj: SourceObject) -> Described:
        """Return what the source says of `obj` now, without reading it.

        Raises `SourceError` when it is gone, `SourceChanged` when `obj` has a fingerprint and is
        no longer that version.
        """

    def examine(self, obj: SourceObject) -> Described:
        """Return what the source says of `obj` now, also where it is a newer version.

        Raises SourceError when it is gone, or when what is said cannot follow its fingerprint.
        """
        return self.describe(obj)

    def stat(self, obj: SourceObject) -> SourceObject:
        """Return `obj` with its present fingerprint; raises `SourceError` when it is gone."""
        return obj

    def recorded(self, obj: SourceObject) -> SourceObject | None:  # noqa: ARG002
        """Return the object of a record where `check` has to ask the source about it.

        `obj` is what the record says: its name is empty where the record has none, `key` is what
        follows `cosPath`. None: the source tells nothing that the record does not.
        """
        return None

    def ask_listing(self) -> None:  # noqa: B027 - only some sources are asked for listings
        """Ask for one page of the listing; raises `SourceError` when it is refused."""

    def copy_source(self, obj: SourceObject) -> str:  # noqa: ARG002 - see `copies`
        """Return the value of `x-cos-copy-source` for `obj`; only where `copies` is true."""
        return ""

    def is_same_object(self, obj: SourceObject, cos_path: str) -> bool:  # noqa: ARG002
        """Return whether `obj` is itself what lies at the target path: its metadata is re-sent."""
        return False

    def must_be_described(self, obj: SourceObject) -> bool:  # noqa: ARG002
        """Return whether `describe` has to be asked before COS copies `obj`: it may refuse."""
        return False

    def copy_headers(
        self,
        obj: SourceObject,  # noqa: ARG002
        described: Described | None,  # noqa: ARG002
    ) -> list[tuple[str, str]]:
        """Return the headers of a copy: they pin the version, and re-send what is `described`."""
        return []

    def unpin_copies(self, obj: SourceObject) -> bool:  # noqa: ARG002 - see `copies`
        """Return whether `copy_headers` has no conditions now, after COS refused those of `obj`.

        That helps where the source has the listed version all the same. Raises SourceError.
        """
        return False

    def make_room(self) -> None:
        """Free the descriptors that are kept for later; may be called from any thread."""
        return

    def download_name(self, obj: SourceObject) -> str:  # noqa: ARG002 - a file is not downloaded
        """Return what a line about the download of `obj` names; empty where there is no such line.

        As in the Java tool: `key: a/b` or `url: http://...`.
        """
        return ""

    def shown(self, record_key: str) -> str:
        """Return a record key fit to be printed: without credentials that a name may hold."""
        return record_key
