"""Tries to transfer a small object, as the event loop makes them and passes them to threads."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from cos_migrate.errors import MigrateError
from cos_migrate.http.connection import Connection
from cos_migrate.http.opening import Opening
from cos_migrate.model import SourceObject
from cos_migrate.pools.results import Result
from cos_migrate.pools.tasks import NumberedTask
from cos_migrate.pools.worker.bodies import Body

FOR_THREADS: Final = -1
"""Weight of a task that the event loop cannot carry out."""


class ThreadTask(NamedTuple):
    """A task passed from the event loop to a thread, with the results so far."""

    task: NumberedTask
    connection: Connection | None
    """An open connection to COS; None: the thread opens one."""
    error: MigrateError | None
    """Error of the first try; None: there was none."""
    body: Body | None
    """The content read so far; None: the thread reads it."""


class Attempt(NamedTuple):
    """One try to send an object by PUT: its task, request and connection."""

    task: NumberedTask
    number: int
    """Of the task."""
    cos_path: str
    size: int
    """Bytes of memory that are held for it."""
    head: bytes
    content: bytes
    """The body's bytes."""
    crc64: int
    fingerprint: tuple[int, int, str]
    """Of the version that is sent."""
    body: Body | None = None
    """The fetched content; None for a local file, which a second try reads again."""


class Fetch(NamedTuple):
    """One GET of an object from its source, and the connection reserved for its PUT."""

    task: NumberedTask
    number: int
    """Of the task."""
    cos_path: str
    size: int
    """Bytes of memory that are held for it."""
    obj: SourceObject
    source: Connection
    target: Connection


class FirstTry(Protocol):
    """Builds the requests of a first try and judges their answers."""

    fetches: bool
    """Whether objects are fetched from a server rather than read from a disk."""

    def open_connection(self, now: float) -> Opening | None:
        """Begin to open a connection to COS at time.monotonic() `now`; None: a thread has to.

        Raises TransportError.
        """

    @property
    def lacks_source(self) -> bool:
        """Whether the next object waits for a connection to its source.

        `open_source` can open one.
        """

    def open_source(self, now: float) -> Opening | None:
        """As `open_connection`, to the source."""

    def keep_source(self, connection: Connection) -> None:
        """Take an open connection to the source."""

    def memory_for(self, task: NumberedTask) -> int:
        """Return the bytes of memory that a task takes, FOR_THREADS if threads have to do it."""

    def prepare_put(self, task: NumberedTask) -> Attempt:
        """Read the object and build its request. Raises MigrateError."""

    def begin_fetch(self, task: NumberedTask, size: int, target: Connection) -> Fetch | None:
        """Request an object of `size` bytes over an open connection; None when there is none.

        `target`: the connection for its PUT. Raises MigrateError.
        """

    def advance_fetch(self, fetch: Fetch) -> Attempt | None:
        """Advance a fetch; return the PUT to send, None until the answer is complete.

        Raises MigrateError when the try failed.
        """

    def release_source(self, connection: Connection) -> None:
        """Keep a connection to the source for the next object, unless it is closed."""

    def advance_put(self, attempt: Attempt, connection: Connection) -> Result | None:
        """Advance a PUT; return its result, None until the answer is complete.

        Raises MigrateError when the try failed.
        """
