"""One start of the tool: configuration, signals, the rounds of daemon mode, request-id queries."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from cos_migrate import records
from cos_migrate.command_line import CommandLine
from cos_migrate.config import Config, Loaded, load
from cos_migrate.console import Console
from cos_migrate.cos.access import Credentials
from cos_migrate.errors import ConfigError, StateError
from cos_migrate.keys import printable
from cos_migrate.logs import Logs
from cos_migrate.run import (
    JobPlace,
    Run,
    credentials_of,
    encryption_of,
    header_of,
    source_options,
    target_of,
)
from cos_migrate.sources import registry
from cos_migrate.sources.base import Source
from cos_migrate.sources.sections import SECTIONS
from cos_migrate.state import State

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Session:
    """Runs what the command line asks for, in the current folder."""

    def __init__(self, line: CommandLine, environ: Mapping[str, str] = os.environ) -> None:
        self._line = line
        self._environ = environ
        self._folder = Path.cwd()
        self._console = Console(quiet=line.quiet, progress=line.progress)
        self._signal = 0
        self._wake = threading.Event()
        self._run: Run | None = None
        self._credentials: Credentials | None = None

    def run(self) -> int:
        """Return the exit code. Raises ConfigError and StateError."""
        self._console.say(f"cos migrate tool config path:{self._line.config_path}")
        loaded = self._load()
        config = loaded.config
        source_type = registry.find(config.migrate_type)
        if source_type is None:
            legal = ", ".join(registry.available())
            problem = (
                f"{self._line.config_path}: [migrateType] type={config.migrate_type} is not "
                f"supported by this version; legal: {legal}"
            )
            raise ConfigError([problem])
        _refuse_unsupported(self._line.config_path, config)
        mode = self._environ.get("RUN_MODE", "").upper()
        if mode in {"DUMP_REQUESTID", "QUERY_REQUESTID"}:
            return self._request_ids(mode, config, source_type)
        return self._migrate(loaded, source_type)

    def _load(self) -> Loaded:
        line = self._line
        return load(line.config_path, line.overrides, SECTIONS, environ=self._environ)

    def _migrate(self, loaded: Loaded, source_type: type[Source]) -> int:
        config, line = loaded.config, self._line
        encryption = encryption_of(config.common)
        logs = Logs(self._folder / "log", debug=line.debug)
        console = self._console
        self._credentials = credentials_of(config.common)
        if self._credentials.token:
            console.say("Use temporary token to put object")
        announcement = source_type.announcement(config.source)
        if announcement:
            console.say(announcement)
        header = header_of(line.config_path, loaded.shown)
        logs.begin("\n".join(header))
        for warning in (*line.warnings, *loaded.warnings):
            console.complain(f"warning: {warning}")
            logs.warning(warning)
        try:
            with self._signals():
                while True:
                    self._run = Run(
                        config,
                        source_type,
                        folder=self._folder,
                        console=console,
                        logs=logs,
                        header=header,
                        reload_credentials=self._reload_credentials,
                        encryption=encryption,
                    )
                    if self._stop_code():
                        self._run.interrupt()
                    daemon = config.common.daemon_mode
                    code = self._round(self._run, console, logs)
                    if daemon and not self._stop_code():
                        self._wake.wait(config.common.daemon_mode_inter_val)
                    if self._stop_code() or not daemon:
                        return self._stop_code() or code
        finally:
            console.close()
            logs.close()

    def _stop_code(self) -> int:
        """Return the exit code for the signal that came, 0 when none did."""
        return 128 + self._signal if self._signal else 0

    def _round(self, run: Run, console: Console, logs: Logs) -> int:
        """Run once; return the exit code of it."""
        try:
            summary = run.execute()
        except StateError as error:
            # In daemon mode the next round may find it usable again.
            console.complain(str(error))
            logs.error(str(error))
            return 3
        if not summary.scanned:
            console.say("nothing was found to migrate")
        return summary.exit_code

    def _reload_credentials(self) -> Credentials | None:
        """Read the credentials again; None when they are the ones that have expired."""
        try:
            fresh = credentials_of(self._load().config.common)
        except ConfigError:
            return None
        if fresh == self._credentials:
            return None
        self._credentials = fresh
        return fresh

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """End the run in good order on the first signal, at once on the second."""
        before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._signal:
            os._exit(128 + number)
        self._signal = number
        os.write(2, b"\nstopping: what is in flight is being finished; once more ends at once\n")
        self._wake.set()
        if self._run:
            self._run.interrupt()

    def _request_ids(self, mode: str, config: Config, source_type: type[Source]) -> int:
        """Answer a query about recorded request ids; nothing is migrated."""
        variable = f"{mode}_FILE" if mode == "DUMP_REQUESTID" else f"{mode}_KEY"
        wanted = self._environ.get(variable)
        if wanted is None:
            print(f"env {variable} is null", file=sys.stderr)
            return 2
        common = config.common
        source = source_type(config.source, target_of(common), source_options(common))
        place = JobPlace.of(self._folder, source)
        with State.open(place.database) as state:
            for notice in state.notices:
                print(f"warning: {notice}", file=sys.stderr)
            if mode == "QUERY_REQUESTID":
                found = records.query_request_id(state, wanted) or "Null"
                print(f"query requestid, [key: {wanted}], [requestid: {found}]")
                return 0
            try:
                with Path(wanted).open("w", encoding="utf-8") as file:
                    pairs = records.dump_request_ids(state)
                    file.writelines(f"{printable(path)} \t {said}\n" for path, said in pairs)
            except OSError as error:
                raise StateError(f"cannot write {wanted}: {error.strerror}") from error
        return 0


def _refuse_unsupported(path: str, config: Config) -> None:
    """Refuse what would be read and ignored. Raises ConfigError."""
    common = config.common
    asked = {
        "check=on": common.check,
        f"batchTaskPath={common.batch_task_path}": bool(common.batch_task_path),
    }
    problems = [
        f"{path}: [common] {words} is not supported by this version; remove the key"
        for words, wanted in asked.items()
        if wanted
    ]
    if problems:
        raise ConfigError(problems)
