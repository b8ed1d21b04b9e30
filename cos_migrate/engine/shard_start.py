"""Opens the records of a shard, which at its first start takes them from the whole job's."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from cos_migrate.engine.settings import JobPlace
from cos_migrate.errors import StateError
from cos_migrate.shards import Shard
from cos_migrate.state import database_folder
from cos_migrate.state.database_folder import SHARD
from cos_migrate.state.dry_copy import copied_store
from cos_migrate.state.opening import open_store
from cos_migrate.state.shard_records import take_over_shard
from cos_migrate.state.store import RecordStore

_PATIENCE = 30.0
"""Seconds to wait for the whole job's database: other shards copy it at the same time."""
_LOOK_EVERY = 0.1


class ShardStart(NamedTuple):
    """Opens the database of a shard, filled at first from that of the whole job."""

    shard: Shard
    own: JobPlace
    whole: JobPlace
    cos_root: str
    """`cosPath` of the job."""
    tmp_folder: Path
    max_open_files: int
    notify: Callable[[str], None]
    """Takes a line now and then while a huge database is converted."""

    @property
    def readable(self) -> Path:
        """The database to read: that of the shard, or of the whole job until it has been copied."""
        own = self.own.database
        return own if (own / SHARD).exists() else self.whole.database

    def open(self) -> RecordStore:
        """Open the database of the shard, complete with its records. Raises StateError."""
        state = open_store(
            self.own.database, max_open_files=self.max_open_files, notify=self.notify
        )
        if (state.folder / SHARD).exists():
            return state
        try:
            with self._copy_of_whole() as whole:
                objects = take_over_shard(state, whole, self.shard, self.cos_root)
        except OSError as error:
            state.close()
            raise database_folder.unusable_error(state.folder, error, "write") from error
        except BaseException:
            state.close()
            raise
        if objects:
            taken = (
                f"shard {self.shard}: the records of {objects} objects were taken over from the "
                f"database of the whole job, {self.whole.database}, which stays as it is"
            )
            state.notices = (*state.notices, taken)
        return state

    @contextlib.contextmanager
    def _copy_of_whole(self) -> Iterator[RecordStore]:
        """Open a copy of the whole job's database. Raises StateError."""
        with contextlib.ExitStack() as stack:
            yield self._enter_copy(stack)

    def _enter_copy(self, stack: contextlib.ExitStack) -> RecordStore:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return stack.enter_context(self._open_copy())
            except StateError as error:
                if error.code != "in-use":
                    raise
                if time.monotonic() > deadline:
                    raise _in_use(error, self.whole.database, self.shard) from error
            time.sleep(_LOOK_EVERY)

    def _open_copy(self) -> contextlib.AbstractContextManager[RecordStore]:
        return copied_store(
            self.whole.database,
            self.tmp_folder,
            self.own.name,
            max_open_files=self.max_open_files,
            notify=self.notify,
        )


def _in_use(error: StateError, whole: Path, shard: Shard) -> StateError:
    return StateError(
        f"{error}: shard {shard} takes over its records from the database of the whole job, "
        f"{whole}, which is in use; let that run end first",
        operation=error.operation,
        target=error.target,
        code=error.code,
    )
