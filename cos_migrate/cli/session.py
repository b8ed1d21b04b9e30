"""One start of the tool: configuration, signals, the rounds of daemon mode, request-id queries."""

from __future__ import annotations

import os
import queue
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TypeVar

from cos_migrate import signals
from cos_migrate.cli import streams
from cos_migrate.cli.arguments import CommandLine
from cos_migrate.config import batch
from cos_migrate.config.batch import BatchTask
from cos_migrate.config.loader import Config, Loaded, load
from cos_migrate.cos.envelope import EncryptionSettings
from cos_migrate.cos.requests import Credentials
from cos_migrate.engine.exposure import exposed_files
from cos_migrate.engine.wiring import (
    JobPlace,
    Run,
    credentials_of,
    encryption_of,
    header_of,
    without_effect,
)
from cos_migrate.errors import ConfigError, StateError
from cos_migrate.pools.launcher import Launcher
from cos_migrate.report.console import Console
from cos_migrate.report.logs import PATIENCE, Logs
from cos_migrate.safe_files import PUBLIC_FILE, open_named
from cos_migrate.scan.walk_process import ScanProcesses
from cos_migrate.sources import registry
from cos_migrate.sources.base import Source
from cos_migrate.sources.recipe import ScanJob
from cos_migrate.sources.registry import SECTIONS
from cos_migrate.state import keys as records
from cos_migrate.state.opening import open_store
from cos_migrate.state.store import RecordStore
from cos_migrate.text import one_line, words_of

T = TypeVar("T")

_STOPPING = b"\nstopping: what is in flight is being finished; once more ends at once\n"


class Session:
    """Runs what the command line asks for, in the current folder."""

    def __init__(
        self,
        line: CommandLine,
        loaded: Loaded,
        console: Console,
        launcher: Launcher,
        scans: ScanProcesses,
        environ: Mapping[str, str] = os.environ,
        *,
        file_mode: int = PUBLIC_FILE,
    ) -> None:
        """`loaded`: what `line` names; some processes may wait or scan already.

        `file_mode`: of new files that hold nothing secret.
        """
        self._line = line
        self._loaded = loaded
        self._launcher = launcher
        self._scans = scans
        self._environ = environ
        self._file_mode = file_mode
        self._folder = Path.cwd()
        self._console = console
        self._signal = 0
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._hard_limit: signals.HardLimit | None = None
        self._run: Run | None = None
        self._credentials: Credentials | None = None
        self._encryption: EncryptionSettings | None = None
        self._statuses: list[str] = []
        """Of the runs of this round."""

    def run(self) -> int:
        """Return the exit code. Raises ConfigError and StateError."""
        config = self._loaded.config
        source_type = registry.find(config.migrate_type)
        mode = self._environ.get("RUN_MODE", "").upper()
        if mode in {"DUMP_REQUESTID", "QUERY_REQUESTID"}:
            return self._request_ids(mode, config, source_type)
        return self._migrate(self._loaded, source_type)

    def _load(self) -> Loaded:
        line = self._line
        return load(line.config_path, line.overrides, SECTIONS, environ=self._environ)

    def _migrate(self, loaded: Loaded, source_type: type[Source]) -> int:
        common, line = loaded.config.common, self._line
        self._encryption = encryption_of(common)
        logs = Logs(self._folder / "log", debug=line.debug, mode=self._file_mode)
        console = self._console
        if common.token:
            console.announce("Use temporary token to put object")
        announcement = source_type.announcement(loaded.config.source)
        if announcement:
            console.announce(announcement)
        logs.begin("\n".join(header_of(line.config_path, loaded.shown)))
        pointless = without_effect(common, source_type)
        exposed = exposed_files(line.config_path, loaded)
        for warning in (*line.warnings, *loaded.warnings, *exposed, *pointless):
            console.warn(warning)
            logs.warning(warning)
        try:
            with self._signals(logs):
                while True:
                    code = self._round(loaded, source_type, console, logs)
                    noted = self._signal
                    logs.note_end(self._ending(code))
                    if common.daemon_mode and not self._stop_code():
                        with suppress(queue.Empty):
                            self._wake.get(timeout=common.daemon_mode_inter_val)
                    if self._stop_code() or not common.daemon_mode:
                        if self._signal != noted:
                            logs.note_end(self._ending(code))
                        return self._stop_code() or code
        except BaseException as error:
            logs.note_end(f"error: {words_of(error)}")
            raise
        finally:
            console.close()
            logs.close(0 if self._signal else PATIENCE)

    def _stop_code(self) -> int:
        """Return the exit code for the signal that came, 0 when none did."""
        return signals.exit_code(self._signal) if self._signal else 0

    def _ending(self, code: int) -> str:
        """Return in words how a run ended: `code` is what it came to without a signal."""
        if self._signal:
            return f"{signals.name_of(self._signal)}, exit code {self._stop_code()}"
        status = ", ".join(dict.fromkeys(self._statuses)) or "error"
        return f"{status}, exit code {code}"

    def _round(
        self, loaded: Loaded, source_type: type[Source], console: Console, logs: Logs
    ) -> int:
        """Run what there is to run once; return the worst exit code of it."""
        codes = []
        self._statuses.clear()
        try:
            for task in self._tasks(loaded.config):
                codes.append(self._run_task(task, loaded, source_type, console, logs))
                if self._stop_code():
                    break
            if not codes:
                raise ConfigError([f"{loaded.config.common.batch_task_path} holds no task"])
        except ConfigError as error:
            # In daemon mode the next round may find it usable again.
            console.print_error(str(error))
            logs.error(str(error))
            codes.append(2)
        return max(codes)

    def _tasks(self, config: Config) -> Iterator[BatchTask]:
        """Yield what a round consists of: one run, or the tasks of `batchTaskPath`."""
        if not config.common.batch_task_path:
            return iter((BatchTask(0, config),))
        return batch.tasks(config, self._environ)

    def _run_task(
        self,
        task: BatchTask,
        loaded: Loaded,
        source_type: type[Source],
        console: Console,
        logs: Logs,
    ) -> int:
        """Make one run; return its exit code."""
        if task.config is None:
            line = f"task:{task.number} invalid"
            why = f"{line}: {task.problem}"
            console.announce(line)
            console.print_error(why)
            logs.error(why)
            return 2
        header = header_of(self._line.config_path, loaded.shown)
        if task.number:
            header.append(f"batchTaskPath line {task.number}: {task.shown}")
        self._credentials = credentials_of(task.config.common)
        try:
            self._run = Run(
                task.config,
                source_type,
                folder=self._folder,
                console=console,
                logs=logs,
                header=header,
                launcher=self._launcher,
                scans=self._scans,
                reload_credentials=partial(self._reload_credentials, task.number),
                encryption=self._encryption,
                task=task.name,
                file_mode=self._file_mode,
            )
            if self._stop_code():
                self._run.interrupt()
            summaries = self._run.execute()
        except StateError as error:
            # Another task may be able to work, and in daemon mode the next round.
            console.print_error(str(error))
            logs.error(str(error))
            return 3
        self._statuses += [summary.status for summary in summaries]
        if summaries[0].found_nothing:
            line = "nothing was found to migrate"
            console.announce(line)
            logs.info(line)
        return max(summary.exit_code for summary in summaries)

    def _reload_credentials(self, number: int) -> Credentials | None:
        """Read the credentials of a task again; None when they are those that have expired."""
        try:
            tasks = self._tasks(self._load().config)
            config = next(task.config for task in tasks if task.number == number)
        except (ConfigError, StopIteration):
            return None
        fresh = credentials_of(config.common) if config else self._credentials
        if fresh == self._credentials:
            return None
        self._credentials = fresh
        return fresh

    @contextmanager
    def _signals(self, logs: Logs) -> Iterator[None]:
        """End the run in good order on the first signal, at once on the second."""
        self._hard_limit = signals.HardLimit(
            last_words=lambda code: logs.note_end(
                f"{signals.name_of(self._signal)}, exit code {code}, without waiting any longer"
            )
        )
        try:
            with signals.handled(self._on_signal):
                yield
        finally:
            self._hard_limit.cancel()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Note the signal first and write last: no stream may keep a run from its end.

        The main thread may hold any lock just now, so that nothing here takes one.
        """
        code = signals.exit_code(number)
        if self._signal:
            if self._hard_limit:
                self._hard_limit.begin(code)
                time.sleep(2 * signals.LAST_WORDS)  # for what it has to note
            os._exit(code)
        self._signal = number
        if self._hard_limit:
            self._hard_limit.begin(code)
        if self._run:
            self._run.interrupt()
        self._wake.put(None)
        streams.hurry()
        streams.write_at_once(2, _STOPPING)

    def _request_ids(self, mode: str, config: Config, source_type: type[Source]) -> int:
        """Answer a query about recorded request ids; nothing is migrated."""
        variable = f"{mode}_FILE" if mode == "DUMP_REQUESTID" else f"{mode}_KEY"
        wanted = self._environ.get(variable)
        if not wanted:
            print(f"env {variable} is null", file=sys.stderr)
            return 2
        if mode == "QUERY_REQUESTID":
            answers = self._look_up(
                config, source_type, lambda state: [records.query_request_id(state, wanted)]
            )
            found = next((answer for answer in answers if answer is not None), "Null")
            print(f"query requestid, [key: {wanted}], [requestid: {found}]")
            return 0
        try:
            descriptor = open_named(wanted, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, self._file_mode)
            with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                pairs = self._look_up(config, source_type, records.dump_request_ids)
                file.writelines(f"{one_line(path)} \t {request_id}\n" for path, request_id in pairs)
        except OSError as error:
            print(
                f"cannot write {variable} {wanted}: {error.strerror}; name a file in a folder that "
                "exists and may be written",
                file=sys.stderr,
            )
            return 1
        return 0

    def _look_up(
        self, config: Config, source_type: type[Source], ask: Callable[[RecordStore], Iterable[T]]
    ) -> Iterator[T]:
        """Yield what the databases of all jobs answer; one that is not there answers nothing."""
        folders = []
        for task in self._tasks(config):
            if task.config is not None:
                job = ScanJob.of(source_type, task.config.source, task.config.common)
                source = job.build()
                folders.append(JobPlace.of(self._folder, source).database)
        for folder in dict.fromkeys(folders):
            # A take-over that broke off has left it under another name for a moment.
            there = folder.parent.glob(f"{folder.name}*")
            if any(path.suffix != ".lock" for path in there):
                with open_store(folder) as state:
                    for notice in state.notices:
                        print(f"warning: {notice}", file=sys.stderr)
                    yield from ask(state)
