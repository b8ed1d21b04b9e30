"""All runs of a configuration: the rounds of daemon mode, each of one or more tasks."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cos_migrate.cli.command_line import CommandLine
from cos_migrate.cli.stop import StopSignal
from cos_migrate.config import batch
from cos_migrate.config.batch import BatchTask
from cos_migrate.config.clear_text import clear_text_warnings
from cos_migrate.config.common import Common
from cos_migrate.config.credential_keys import ineffective_chain_keys
from cos_migrate.config.live import LiveConfig, LiveValues, Stamp
from cos_migrate.config.loader import Config, Loaded, load
from cos_migrate.cos.envelope import EncryptionSettings
from cos_migrate.engine.credential_keeper import CredentialKeeper
from cos_migrate.engine.delete_rules import conflicts
from cos_migrate.engine.exposure import exposed_files
from cos_migrate.engine.options import RunWords
from cos_migrate.engine.providers import find_credentials, section_of
from cos_migrate.engine.settings import encryption_of, ineffective_keys
from cos_migrate.engine.wiring import Run, header_of
from cos_migrate.errors import ConfigError, CredentialsError, Side, StateError
from cos_migrate.exit_codes import MISUSE, UNUSABLE
from cos_migrate.model import Credentials
from cos_migrate.processes.launcher import Launcher
from cos_migrate.report.console import Console
from cos_migrate.report.logs import PATIENCE, Logs
from cos_migrate.report.summary import Summary
from cos_migrate.safe_files import PUBLIC_FILE
from cos_migrate.scan.walk_starter import WalkStarter
from cos_migrate.sources import registry
from cos_migrate.sources.registry import SECTIONS
from cos_migrate.text import describe_error

if TYPE_CHECKING:
    from cos_migrate.cli.status_page import StatusPage
    from cos_migrate.pools.cluster.members import Place

_LOOK_EVERY = 1.0
"""Seconds between two looks at the configuration while no run goes on."""


class Session:
    """Runs a configuration in the current folder: once, or in daemon mode again and again."""

    def __init__(
        self,
        line: CommandLine,
        loaded: Loaded,
        console: Console,
        launcher: Launcher,
        walk_starter: WalkStarter,
        *,
        file_mode: int = PUBLIC_FILE,
        stamp: Stamp = None,
        cluster: Place | None = None,
    ) -> None:
        """`loaded`: the configuration named by `line`.

        `launcher` and `walk_starter` may hold processes.
        `file_mode`: of new files that hold no secrets. `stamp`: of the file when it was loaded.
        `cluster`: where workers run; None: as processes of this machine.
        """
        self._line = line
        self._loaded = loaded
        self._console = console
        self._launcher = launcher
        self._walk_starter = walk_starter
        self._cluster = cluster
        self._file_mode = file_mode
        self._live = LiveConfig(
            LiveValues.of(loaded.config.common), line.config_path, self._read_common, stamp
        )
        self._folder = Path.cwd()
        self._words = RunWords(
            line.dry_run, line.retry_failed, line.compares, line.compare_content, line.forget
        )
        self._source_type = registry.find(loaded.config.migrate_type)
        self._logs = Logs(self._folder / "log", debug=line.debug, mode=file_mode)
        self._stop = StopSignal(self._interrupt)
        self._run: Run | None = None
        self._encryption: EncryptionSettings | None = None
        self._statuses: list[str] = []
        """Of the runs of this round."""
        self._status_page: StatusPage | None = None

    def run(self) -> int:
        """Run one round or, in daemon mode, one after the other until a signal arrives.

        Return the exit code. Raises ConfigError and StateError.
        """
        common, logs, stop = self._loaded.config.common, self._logs, self._stop
        repeats = common.daemon_mode and not any(self._words)
        config = self._loaded.config
        problems = [*conflicts(common, config.source, config.migrate_type)]
        if problems:
            raise ConfigError(problems)
        self._encryption = encryption_of(common)
        self._begin()
        try:
            self._status_page = self._begin_status_page()
            with stop.handled(logs.note_end):
                while True:
                    code = self._run_round()
                    noted = stop.number
                    logs.note_end(self._ending(code))
                    if repeats and not stop.number:
                        self._sleep(common.daemon_mode_inter_val)
                    if stop.number or not repeats:
                        if stop.number != noted:
                            logs.note_end(self._ending(code))
                        return stop.exit_code or code
        except BaseException as error:
            logs.note_end(f"error: {describe_error(error)}")
            raise
        finally:
            if self._status_page:
                self._status_page.close()
            self._console.close()
            logs.close(0 if stop.number else PATIENCE)

    def _sleep(self, seconds: float) -> None:
        """Sleep until a signal arrives, or for `seconds`; follow the file meanwhile."""
        until = time.monotonic() + seconds
        while not self._stop.number and (now := time.monotonic()) < until:
            self._stop.wait(min(_LOOK_EVERY, until - now))
            news = self._live.look(time.monotonic())
            for line in news.warnings:
                self._console.warn(line)
                self._logs.warning(line)
            for line in news.notices:
                self._console.notice(line)
                self._logs.info(line)

    def _read_common(self) -> Common:
        """Read `[common]` again. Raises ConfigError."""
        line = self._line
        loaded = load(line.config_path, line.overrides, SECTIONS, environ=os.environ)
        return loaded.config.common

    def _begin(self) -> None:
        """Print and log the header and the warnings of the configuration."""
        line, loaded, console = self._line, self._loaded, self._console
        common, source_type = loaded.config.common, self._source_type
        if common.token:
            console.announce("Use temporary token to put object")
        announcement = loaded.config.source.announcement()
        if announcement:
            console.announce(announcement)
        self._logs.begin("\n".join(header_of(line.config_path, loaded.shown)))
        pointless = (
            *ineffective_keys(common, source_type),
            *ineffective_chain_keys(loaded.config.migrate_type, loaded.config.source),
        )
        exposed = exposed_files(line.config_path, loaded)
        in_clear = clear_text_warnings(common, source_type.migrate_type, loaded.config.source)
        for warning in (*line.warnings, *loaded.warnings, *exposed, *pointless, *in_clear):
            console.warn(warning)
            self._logs.warning(warning)

    def _begin_status_page(self) -> StatusPage | None:
        """Serve the status page of all runs, where there is to be one."""
        if self._loaded.config.common.status_address is None:
            return None
        from cos_migrate.cli.status_page import StatusPage  # noqa: PLC0415 - rarely used

        return StatusPage.begin(self._loaded.config.common, self._console, self._logs)

    def _ending(self, code: int) -> str:
        """Return in words how a round ended; `code`: its exit code without a signal."""
        if self._stop.number:
            return f"{self._stop.name}, exit code {self._stop.exit_code}"
        status = ", ".join(dict.fromkeys(self._statuses)) or "error"
        return f"{status}, exit code {code}"

    def _run_round(self) -> int:
        """Run every task once; return the highest exit code."""
        config = self._loaded.config
        codes = []
        self._statuses.clear()
        try:
            for task in batch.tasks(config, os.environ):
                codes.append(self._run_task(task))
                if self._stop.number:
                    break
            if not codes:
                raise ConfigError([f"{config.common.batch_task_path} holds no task"])
        except ConfigError as error:
            self._print_error(str(error))  # the next round of daemon mode may find it mended
            codes.append(MISUSE)
        return max(codes)

    def _run_task(self, task: BatchTask) -> int:
        """Run one task; return its exit code."""
        if task.config is None:
            line = f"task:{task.number} invalid"
            self._console.announce(line)
            self._print_error(f"{line}: {task.problem}")
            return MISUSE
        header = header_of(self._line.config_path, self._loaded.shown)
        if task.number:
            header.append(f"batchTaskPath line {task.number}: {task.shown}")
        try:
            self._run = self._make_run(task, task.config, header)
            if self._stop.number:
                self._run.interrupt(self._stop.exit_code)
            summaries = self._run.execute()
        except StateError as error:
            self._print_error(str(error))  # other tasks and later rounds may succeed
            return UNUSABLE
        except CredentialsError as error:
            self._print_error(str(error))  # as above
            return MISUSE
        self._statuses += [summary.status for summary in summaries]
        if summaries[0].found_nothing and not self._words.retry_failed:
            line = "nothing was found to migrate"
            self._console.announce(line)
            self._logs.info(line)
        for summary in summaries:
            self._call_finish_command(summary)
        return max(summary.exit_code for summary in summaries)

    def _call_finish_command(self, summary: Summary) -> None:
        """Run the command of onFinish, if there is one, for a run that has ended."""
        command = self._loaded.config.common.on_finish
        if not command or summary.mode != "run":
            return
        from cos_migrate.cli.finish_command import FinishCommand  # noqa: PLC0415 - rarely used

        call = FinishCommand(command, self._launcher.environ, lambda: bool(self._stop.number))
        finished = call.run(summary)
        if finished.output:
            self._logs.info(f"onFinish ({call.name}) wrote: {finished.output}")
        if finished.problem:
            warning = f"onFinish ({call.name}): {finished.problem}"
            self._console.warn(warning)
            self._logs.warning(warning)

    def _make_run(self, task: BatchTask, config: Config, header: list[str]) -> Run:
        return Run(
            config,
            self._source_type,
            folder=self._folder,
            console=self._console,
            logs=self._logs,
            header=header,
            launcher=self._launcher,
            walk_starter=self._walk_starter,
            credentials=self._keep_credentials(task.number, config),
            words=self._words,
            encryption=self._encryption,
            task=task.name,
            file_mode=self._file_mode,
            board=self._status_page.board if self._status_page else None,
            live=self._live,
            cluster=self._cluster,
        )

    def _keep_credentials(self, number: int, config: Config) -> CredentialKeeper:
        """Return the credentials of a task. Raises CredentialsError."""

        def read_again(side: Side) -> Credentials | None:
            fresh = self._reload(number)
            return fresh and section_of(fresh, side).own_credentials

        return find_credentials(config, self._source_type, read_again, os.environ)

    def _reload(self, number: int) -> Config | None:
        """Read the configuration of a task again; None: it cannot be read."""
        line = self._line
        try:
            loaded = load(line.config_path, line.overrides, SECTIONS, environ=os.environ)
            tasks = batch.tasks(loaded.config, os.environ)
            return next(task.config for task in tasks if task.number == number)
        except (ConfigError, StopIteration):
            return None

    def _interrupt(self) -> None:
        if self._run:
            self._run.interrupt(self._stop.exit_code)

    def _print_error(self, text: str) -> None:
        self._console.print_error(text)
        self._logs.error(text)
