"""`RUN_MODE=QUERY_REQUESTID` and `DUMP_REQUESTID`: print or dump recorded request ids."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from cos_migrate.config import batch
from cos_migrate.config.loader import Config
from cos_migrate.engine.settings import JobPlace
from cos_migrate.exit_codes import INCOMPLETE, MISUSE, OK
from cos_migrate.safe_files import open_safely
from cos_migrate.sources import registry
from cos_migrate.sources.recipe import SourceRecipe
from cos_migrate.state import formats
from cos_migrate.state.opening import open_store
from cos_migrate.state.store import RecordStore
from cos_migrate.text import one_line

T = TypeVar("T")

_KEY, _FILE = "QUERY_REQUESTID_KEY", "DUMP_REQUESTID_FILE"
_VARIABLES = {"QUERY_REQUESTID": _KEY, "DUMP_REQUESTID": _FILE}


def query_request_ids(mode: str, config: Config, environ: Mapping[str, str], file_mode: int) -> int:
    """Carry out a `RUN_MODE` of request ids; return the exit code.

    `file_mode`: of a new file. Raises ConfigError and StateError.
    """
    argument = environ.get(_VARIABLES[mode])
    if not argument:
        print(f"env {_VARIABLES[mode]} is null", file=sys.stderr)
        return MISUSE
    if mode == "DUMP_REQUESTID":
        return _dump(argument, config, environ, file_mode)
    answers = _query_databases(
        config, environ, lambda state: [formats.query_request_id(state, argument)]
    )
    found = next((answer for answer in answers if answer is not None), "Null")
    print(f"query requestid, [key: {argument}], [requestid: {found}]")
    return OK


def _dump(file_name: str, config: Config, environ: Mapping[str, str], file_mode: int) -> int:
    try:
        descriptor = open_safely(file_name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, file_mode)
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            pairs = _query_databases(config, environ, formats.dump_request_ids)
            file.writelines(f"{one_line(path)} \t {request_id}\n" for path, request_id in pairs)
    except OSError as error:
        print(
            f"cannot write {_FILE} {file_name}: {error.strerror}; name a file in a folder that "
            "exists and may be written",
            file=sys.stderr,
        )
        return INCOMPLETE
    return OK


def _query_databases(
    config: Config, environ: Mapping[str, str], query: Callable[[RecordStore], Iterable[T]]
) -> Iterator[T]:
    """Yield the answers from the databases of all jobs that have one."""
    source_type = registry.find(config.migrate_type)
    folders = []
    for task in batch.tasks(config, environ):
        if task.config is not None:
            source = SourceRecipe.of(source_type, task.config.source, task.config.common).build()
            folders.append(JobPlace.of(Path.cwd(), source, shard=task.config.common.shard).database)
    for folder in dict.fromkeys(folders):
        # An interrupted take-over may have left the database under another name.
        present = folder.parent.glob(f"{folder.name}*")
        if any(path.suffix != ".lock" for path in present):
            with open_store(folder) as state:
                for notice in state.notices:
                    print(f"warning: {notice}", file=sys.stderr)
                yield from query(state)
