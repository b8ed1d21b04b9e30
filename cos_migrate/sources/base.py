"""What every source offers: the one base class, and the reader of an object's bytes."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol

from cos_migrate.model import Found, SourceObject, Target


class Reader(Protocol):
    """The bytes of one object, or of one range of it, in order."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers to store with the object (`Content-Type`, `x-cos-meta-...`)."""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; fewer only at the end of the range, empty behind it."""

    def check_unchanged(self) -> None:
        """Raise `SourceChanged` when the object is no longer the one that was listed."""


class Source(abc.ABC):
    """A place objects come from.

    A source lists, stats and reads. It does not retry, count, print, sleep or know the target
    beyond the names that its records contain. It is built in the coordinator and again in every
    worker process; both its config and its objects can be pickled.
    """

    migrate_type: ClassVar[str]
    """The value of `[migrateType] type`, and the name of this source's section."""
    record_kind: ClassVar[str]
    """The folder below `db/` that keeps its record databases."""
    reads_at_once: ClassVar[bool] = False
    """Whether small objects are read without waiting for a network."""
    Config: ClassVar[type[Any]]
    """The frozen dataclass that the section becomes."""

    def __init__(self, config: Any, target: Target) -> None:
        self.config = config
        self.target = target

    @abc.abstractmethod
    def job_text(self) -> str:
        """Return the text whose MD5 names this job's record database."""

    @abc.abstractmethod
    def scan(self, after: str) -> Iterator[Found]:
        """Yield what there is to migrate, in listing order, continuing behind cursor `after`.

        What cannot be migrated is yielded as `Rejected`, never left out. Raises `SourceError`
        only when nothing more can be enumerated.
        """

    @abc.abstractmethod
    def record_key(self, obj: SourceObject, cos_path: str) -> str:
        """Return the database key of `obj`; `cos_path` is its target path with leading `/`."""

    @abc.abstractmethod
    def record_value(self, obj: SourceObject) -> str:
        """Return the database value that says which version of `obj` was migrated."""

    def unchanged(self, obj: SourceObject, recorded: str) -> bool:
        """Return whether `recorded`, the stored value, means that `obj` was migrated as it is."""
        return recorded == self.record_value(obj)

    @abc.abstractmethod
    def open(self, obj: SourceObject, start: int, length: int) -> AbstractContextManager[Reader]:
        """Open bytes `start` to `start + length` of `obj`.

        Raises `SourceError` when it cannot be read, `SourceChanged` when it is not the version
        that was listed.
        """

    def stat(self, obj: SourceObject) -> SourceObject:
        """Return `obj` with its present fingerprint; raises `SourceError` when it is gone."""
        return obj
