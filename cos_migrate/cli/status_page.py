"""The status page of one start: its server, and the token that pauses transfers."""

from __future__ import annotations

import contextlib
import re
import secrets
from pathlib import Path

from cos_migrate.config.common import Common
from cos_migrate.config.watching import StatusAddress
from cos_migrate.language import Language
from cos_migrate.report.console import Console
from cos_migrate.report.logs import Logs
from cos_migrate.report.status.board import Board
from cos_migrate.report.status.server import StatusServer
from cos_migrate.safe_files import PrivateFolder

_TOKEN_FILE = "token"  # noqa: S105 - a file's name
_TOKEN_BYTES = 32


class StatusPage:
    """The page at `statusAddress`, from the start of the tool to its end."""

    def __init__(self, address: StatusAddress, language: Language) -> None:
        """Take the address; `language`: of the page. Raises OSError."""
        self.board = Board()
        self._token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._server = StatusServer(address, self.board, self._token, language)
        self._address = address._replace(port=self._server.port)
        self._folder: PrivateFolder | None = None

    @classmethod
    def begin(cls, common: Common, console: Console, logs: Logs) -> StatusPage | None:
        """Serve the page and print its address; None: there is none, or it cannot be served."""
        address = common.status_address
        if address is None:
            return None
        try:
            page = cls(address, console.language)
            page._server.start()
        except (OSError, RuntimeError) as error:
            why = getattr(error, "strerror", "") or str(error)
            _warn(console, logs, f"statusAddress={address}: {why}; there is no status page")
            return None
        page._announce(common, console, logs)
        return page

    def _announce(self, common: Common, console: Console, logs: Logs) -> None:
        """Print where the page and its token are; the logs do not get the token."""
        line = f"status page: http://{self._address}/"
        logs.info(line)
        # The part behind # never leaves the browser.
        console.print_error(f"{line}#{self._token}")
        if not self._address.is_loopback:
            _warn(
                console,
                logs,
                f"statusAddress={common.status_address}: other machines reach the status page, "
                "unencrypted; every request needs the token",
            )
        try:
            line = f"token of the status page: {self._write_token(Path(common.tmp_folder))}"
        except OSError as error:
            _warn(console, logs, f"the token of the status page is in no file: {error.strerror}")
            return
        console.print_error(line)
        logs.info(line)

    def _write_token(self, tmp_folder: Path) -> Path:
        """Write the token for programs; return the file. Raises OSError."""
        name = re.sub(r"[^0-9a-z]+", "-", str(self._address).strip("["))
        folder = PrivateFolder.make_or_open(tmp_folder / f"status-{name}")
        self._folder = folder
        with open(folder.create(_TOKEN_FILE), "w", encoding="ascii") as file:
            file.write(f"{self._token}\n")
        return folder.path / _TOKEN_FILE

    def close(self) -> None:
        """End the server, and remove the token."""
        self._server.close()
        folder, self._folder = self._folder, None
        if folder:
            with contextlib.suppress(OSError):
                folder.remove(_TOKEN_FILE)
                folder.path.rmdir()
            folder.close()


def _warn(console: Console, logs: Logs, text: str) -> None:
    console.warn(text)
    logs.warning(text)
