"""The base classes of sources, and the reader of an object's bytes."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from cos_migrate.config.options import Section, values_of
from cos_migrate.model import (
    Credentials,
    Described,
    Fingerprint,
    Found,
    RestoreRule,
    RestoreState,
    Row,
    SourceObject,
    Target,
)
from cos_migrate.sources.places import Places

if TYPE_CHECKING:
    from cos_migrate.config.storage_class_map import StorageClassMap
    from cos_migrate.credentials.provider import Provider
    from cos_migrate.http.connection import Connection
    from cos_migrate.http.messages import Response
    from cos_migrate.http.opening import Opening
    from cos_migrate.http.pacing import ThreadPace
    from cos_migrate.http.routes import Proxy, Route
    from cos_migrate.sources.paged import PagedSource
    from cos_migrate.sources.requests_ahead import RangesAhead


class Reader(Protocol):
    """Reads the bytes of one object, or of one range of it, in order."""

    @property
    def described(self) -> Described:
        """The object as its source describes it."""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; fewer only at the end of the range, empty behind it."""

    def check_unchanged(self) -> None:
        """Raise `SourceChanged` when the object is no longer the version that was listed.

        Call it after the last read. Raises `SourceError` when the bytes differ from the source's
        own checksum.
        """


class StepwiseReads(Protocol):
    """Reads whole small objects step by step, for one thread that drives many connections."""

    def begin(self, obj: SourceObject) -> tuple[Route, Connection] | None:
        """Request a whole object over an idle connection; None when there is none."""

    def keep_idle(self, route: Route, connection: Connection) -> None:
        """Return a connection to the idle ones after its answer is complete."""

    @property
    def lacks_connection(self) -> bool:
        """Whether the next object waits for a connection that `open` can begin with."""

    def open(self, now: float) -> Opening | None:
        """Begin to open a connection at time.monotonic() `now`; None: only a thread can.

        Raises TransportError.
        """

    def keep_opened(self, connection: Connection) -> None:
        """Keep a connection that `open` began to open, now that it is open."""

    def verified_content(self, obj: SourceObject, response: Response) -> tuple[bytes, Described]:
        """Return the verified content of an answer. Raises SourceError."""


class SourceOptions(NamedTuple):
    """What sources use besides their own section: values of `[common]`, first credentials."""

    ca_file: str = ""
    """File of certificates trusted in addition to the public ones; empty: none."""
    request_timeout: float = 0.0
    """Seconds for one whole request; 0: no limit."""
    copy_acl: bool = False
    """Whether an object's ACL is carried over."""
    times: bool = False
    """Whether modification times are needed even where ETags show changes."""
    db_cos_path: str = ""
    """`dbCosPath`; empty when it is not set."""
    https: bool = False
    """Whether COS is reached over HTTPS, a source bucket on COS included."""
    proxy: Proxy | None = None
    """The proxy for COS, a source bucket on COS included."""
    credentials: Credentials | None = None
    """Those to begin with; None: the keys of the section."""
    restores: bool = False
    """Whether archived objects are restored before they are read."""
    copy_tags: bool = False
    """Whether an object's tags are carried over."""
    copy_mtime: bool = False
    """Whether an object's modification time is carried over."""
    storage_classes: StorageClassMap | None = None
    """The storage class on COS of each object; None: that of `[common]`, for all."""

    @property
    def lists_classes(self) -> bool:
        """Whether the storage classes of listed objects are needed."""
        return self.restores or self.storage_classes is not None


FolderQuestion = Callable[[str], str]
"""Returns the reason to leave out a folder, whose path ends in `/`; empty: there is none."""


class RestorableObjects:
    """A source whose archived objects may have to be restored before they are read."""

    restore_rules: ClassVar[Mapping[str, RestoreRule]] = MappingProxyType({})
    """How objects of each archive class, in upper case, can be restored."""

    def look_at_restore(self, obj: SourceObject) -> RestoreState:
        """Return whether an archived object can be read. Raises SourceError."""
        raise NotImplementedError

    def request_restore(
        self, obj: SourceObject, storage_class: str, tier: str, days: int
    ) -> RestoreState:
        """Request that an archived object can be read for some days. Raises SourceError.

        `storage_class` is a key of `restore_rules`; `tier` empty, `days` 0: not to be named.
        """
        raise NotImplementedError


class CopiedObjects:
    """A source whose objects COS may copy itself: then `Source.copied_by_cos` is true."""

    def copy_source(self, obj: SourceObject) -> str:  # noqa: ARG002 - see `copied_by_cos`
        """Return the value of `x-cos-copy-source` for `obj`; only where `copied_by_cos` is true."""
        return ""

    def is_same_object(self, obj: SourceObject, cos_path: str) -> bool:  # noqa: ARG002
        """Return whether `obj` is the object at the target path: its metadata is sent again."""
        return False

    def needs_description(self, obj: SourceObject) -> bool:  # noqa: ARG002
        """Return whether `describe`, which may refuse, must precede a copy of `obj` by COS."""
        return False

    def copy_headers(
        self,
        obj: SourceObject,  # noqa: ARG002
        described: Described | None,  # noqa: ARG002
        *,
        of_whole: bool = True,  # noqa: ARG002
    ) -> list[tuple[str, str]]:
        """Return the headers of a copy: conditions that pin the version, and those `described`.

        `of_whole`: the copy makes the object; otherwise it is of a part.
        """
        return []

    def drop_copy_conditions(self, obj: SourceObject) -> bool:  # noqa: ARG002 - see `copied_by_cos`
        """Stop sending conditions with copies, after COS refused those of `obj`.

        Returns False where the source no longer has the listed version. Raises SourceError.
        """
        return False


class Source(CopiedObjects, RestorableObjects, Places, abc.ABC):
    """A place from which objects are migrated.

    A source lists, describes and reads objects. It does not retry, count, print or sleep, and uses
    the target only for the names in its records. The coordinator and every worker process build
    one; config, options and objects can be pickled.
    """

    migrate_type: ClassVar[str]
    """The value of `[migrateType] type`, and the name of this source's section."""
    record_kind: ClassVar[str]
    """The folder below `db/` that keeps its record databases."""
    is_local: ClassVar[bool] = False
    """Whether objects lie on this machine: cheap to read again, small ones by `read_whole`."""
    scans_in_own_process: ClassVar[bool] = False
    """Whether a scan keeps a processor busy, so that it runs in a process of its own."""
    resumes_listing: ClassVar[bool] = False
    """Whether a later run can continue its listing where an earlier one stopped."""
    describes_first: bool = True
    """Whether an object listed without its size is described before it is sent."""
    may_repeat: bool = True
    """Whether a scan may yield the same object twice: its record is then looked up again."""
    compares_times: ClassVar[bool] = False
    """Whether `realTimeCompare` applies: its modification times are compared with COS's."""
    ahead: RangesAhead | None = None  # where it takes requests ahead
    copied_by_cos: ClassVar[bool] = False
    """Whether COS itself can copy the objects, so that no body passes through this machine."""
    keyed_by_path: ClassVar[bool] = False
    """Whether `record_key` follows from the target path alone."""
    has_tags: ClassVar[bool] = False
    """Whether its objects can have tags."""
    states_storage_class: ClassVar[bool] = False
    """Whether it states the storage classes of its objects, in listings and answers."""
    weak_by_time: ClassVar[bool] = False
    """Whether records hold times instead of ETags, so that objects without a time are `weak`."""
    Config: ClassVar[type[Section]]
    """The frozen dataclass of the section."""

    config: Section

    def __init__(
        self, config: Section, target: Target, options: SourceOptions | None = None
    ) -> None:
        self.config = config
        self.target = target
        self.options = options or SourceOptions()
        self.records_secrets = False
        """Whether the listing, and so the records, contain credentials."""
        self.java_records = False
        """Whether the records that `unchanged` compares may be the Java tool's."""

    @classmethod
    def credential_provider(
        cls,
        config: Section,  # noqa: ARG003
        environ: Mapping[str, str],  # noqa: ARG003
    ) -> Provider | None:
        """Return the provider of credentials for a section without any; None: there is none."""
        return None

    def first_credentials(self) -> Credentials:
        """Return the credentials to begin with, of a source that signs requests."""
        return self.options.credentials or self.config.own_credentials or Credentials("", "")

    def replace_credentials(self, credentials: Credentials) -> None:
        """Use other credentials from the next request on, if the source uses any. Thread-safe."""

    @property
    def uses_records(self) -> bool:
        """Whether objects that are recorded as migrated are skipped."""
        return True

    @property
    def paged(self) -> PagedSource | None:
        """This source as one that is listed page by page; None: it is not."""
        return None

    @property
    def stepwise(self) -> StepwiseReads | None:
        """Reads of small objects that one thread can drive over many connections, or None."""
        return None

    def job_text(self) -> str:
        """Return the text whose MD5 names the record database; by default source and target."""
        places = [f"[{one.key}: {value}]" for one, value in values_of(self.config) if one.place]
        return ", ".join([*places, f"[cosFolder: {self.target.cos_path}]"])

    def place(self) -> str:
        """Return the folder, bucket or list that is migrated, by its keys; without secrets."""
        places = [f"{one.key}={value}" for one, value in values_of(self.config) if one.place]
        return ", ".join(place for place in places if not place.endswith("="))

    def origin(self) -> str:
        """Return a text without secrets that identifies the listing.

        Several listings may share the database that `job_text` names. A run continues only a
        listing of the same origin.
        """
        return self.job_text()

    def is_weak(self, fingerprint: Fingerprint) -> bool:  # noqa: ARG002
        """Return whether an object of this fingerprint is `weak`, see `SourceObject`."""
        return False

    @abc.abstractmethod
    def scan(self) -> Iterator[Found]:
        """Yield the objects to migrate, in listing order.

        An object that cannot be migrated is yielded as `Rejected`, never left out. Raises
        `SourceError` only when the scan cannot continue.
        """

    def scan_rows(self, leaves_out: FolderQuestion = lambda _: "") -> Iterator[Found | Row]:  # noqa: ARG002
        """Yield what `scan` yields, plain files as rows where those are quicker.

        Folders for which `leaves_out` returns a reason are left out with all below them.
        """
        return self.scan()

    def scan_again(
        self,
        failed: Sequence[SourceObject],
        leaves_out: FolderQuestion,
    ) -> Iterator[Found | Row]:
        """Yield objects and folders (without a key) that failed before, as they are now.

        Only for sources without pages. What is below a folder is yielded as by `scan_rows`.
        """
        raise NotImplementedError

    def is_empty(self, name: str) -> bool:  # noqa: ARG002
        """Return whether an object that is listed with 0 bytes has none."""
        return True

    def row_records(self, rows: Sequence[Row]) -> list[tuple[str, str]]:
        """Return `record_key` and `record_value` of each row, for sources that yield rows."""
        raise NotImplementedError

    @abc.abstractmethod
    def record_key(self, obj: SourceObject, cos_path: str) -> str:
        """Return the database key of `obj`; `cos_path` is its target path with leading `/`."""

    @abc.abstractmethod
    def record_value(self, obj: SourceObject) -> str:
        """Return the database value, which identifies the migrated version of `obj`."""

    def is_unchanged(self, obj: SourceObject, recorded: str) -> bool:
        """Return whether the stored value `recorded` is of the present version of `obj`."""
        return recorded == self.record_value(obj)

    def renewed_value(self, obj: SourceObject, recorded: str) -> str:  # noqa: ARG002
        """Return the value that replaces `recorded` of an unchanged object; empty: none."""
        return ""

    @abc.abstractmethod
    def open(self, obj: SourceObject, start: int, length: int) -> AbstractContextManager[Reader]:
        """Open bytes `start` to `start + length` of `obj`; a length of -1 reads to its end.

        Raises `SourceError` when it cannot be read, `SourceChanged` when it is not the version
        that was listed.
        """

    def open_described(
        self, obj: SourceObject, start: int, length: int
    ) -> AbstractContextManager[Reader]:
        """Open bytes as `open` does, of an object whose description is known already."""
        return self.open(obj, start, length)

    def read_whole(self, name: str, size: int, mtime_ns: int) -> tuple[bytes, str]:
        """Return content and content type of a small object here. Raises as `open` does."""
        raise NotImplementedError

    @abc.abstractmethod
    def describe(self, obj: SourceObject) -> Described:
        """Return the present description of `obj`, without reading it.

        Raises `SourceError` when it is gone, `SourceChanged` when `obj` has a fingerprint and is
        no longer that version.
        """

    def describe_latest(self, obj: SourceObject) -> Described:
        """Return the present description of `obj`, also of a newer version.

        Raises SourceError when it is gone, or when the description contradicts the fingerprint.
        """
        return self.describe(obj)

    def describe_to_copy(self, obj: SourceObject) -> Described:
        """Return the description as `describe` does, without what COS itself adds to a copy."""
        return self.describe(obj)

    def stat(self, obj: SourceObject) -> SourceObject:
        """Return `obj` with its present fingerprint. Raises `SourceError` when it is gone."""
        return obj

    def object_of_record(self, obj: SourceObject) -> SourceObject | None:  # noqa: ARG002
        """Return the object of a record where `check` has to ask the source about it.

        `obj` is made from the record: its name is empty where the record has none, `key` is the
        path below `cosPath`. None: the source has no checksum that the record lacks.
        """
        return None

    def request_listing(self) -> None:
        """Request one page of the listing. Raises `SourceError` when it is refused."""

    def pace_by(self, pace: ThreadPace) -> None:
        """Send requests only as `pace` allows; a source without a network has none."""

    def close_idle(self) -> None:
        """Close idle connections, to free their descriptors. Thread-safe."""

    def download_name(self, obj: SourceObject) -> str:  # noqa: ARG002 - a file is not downloaded
        """Return the name of `obj` in the line about its download; empty: no line.

        As in the Java tool: `key: a/b` or `url: http://...`.
        """
        return ""

    def mask(self, record_key: str) -> str:
        """Return a name or record key for messages, without the credentials it may contain."""
        return record_key
