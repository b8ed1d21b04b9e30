"""`--demo`: migrates sample files into an embedded COS, without network and account.

Runs the tool twice, in processes of their own, then compares the stored objects with the files. All
files are in `tmp/demo`. Each step is announced before it begins.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from cos_migrate import signals
from cos_migrate.cli.command_line import SCRIPT_PROGRAM
from cos_migrate.cli.home import VARIABLE as HOME_VARIABLE
from cos_migrate.config.given_values import Override
from cos_migrate.cos.crc64 import crc64
from cos_migrate.cos.requests import Access
from cos_migrate.cos.settings import CosSettings
from cos_migrate.emulator import EmbeddedCos
from cos_migrate.errors import MigrateError, StateError
from cos_migrate.http.connection import Connection
from cos_migrate.language import Say
from cos_migrate.lock import FileLock
from cos_migrate.model import Credentials
from cos_migrate.safe_files import make_private_folder, write_safely

_BUCKET = "demo-1250000000"
_REGION = "ap-guangzhou"
_ID, _KEY = "demo-secret-id", "demo-secret-key"
_MIB = 1 << 20
_FILES = 2_000
_SMALL_MOST = 4_000
_BIG = (5 * _MIB, 6 * _MIB + 1)
"""Objects in one part, and in two."""
_PACE = "6M"
"""Bytes a second on a terminal, where the display is to be followed."""
_STEPS = 6
_NAMES = (
    "with blanks in it.txt",
    "100% sure+more.txt",
    "fragezeichen?&=#.html",
    "이전 작업.txt",
    "迁移工具.json",
    "emoji 🚚.png",
    "UPPER.JPG",
    ".hidden",
    "no extension",
)


def run_demo(folder: Path, program: str, say: Say = str, overrides: Sequence[Override] = ()) -> int:
    """Run the demo in the home of the tool; return its exit code.

    `program`: the words that start the tool; `say` translates; `overrides` are those of the command
    line, for both runs. Raises StateError when another demo
    runs there, MigrateError when the folder is not writable, and SystemExit with the exit code of a
    signal.
    """
    handler = _SignalHandler()
    signals.install(handler)
    try:
        return _run_alone(folder, program, say, overrides, handler)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise MigrateError(
            f"the demo cannot use {folder / 'tmp'} ({error.strerror or error}): let the user of "
            "this tool write there, or free space on the disk"
        ) from error


class _SignalHandler:
    """Ends the demo by raising SystemExit."""

    def __init__(self) -> None:
        self._number = 0
        self._held = False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        self._number = number
        if not self._held:
            raise SystemExit(signals.exit_code(number))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Delay signals until the end of a block."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._number:
            raise SystemExit(signals.exit_code(self._number))


def _run_alone(
    folder: Path, program: str, say: Say, overrides: Sequence[Override], handler: _SignalHandler
) -> int:
    place = folder / "tmp" / "demo"
    place.parent.mkdir(exist_ok=True)
    lock = FileLock(folder / "tmp" / "demo.lock")
    if not lock.acquire():
        raise StateError("another demo is running in this folder")
    try:
        return _Demo(folder, place, program, say, overrides, handler).run()
    finally:
        lock.release()


class _Demo:
    def __init__(
        self,
        home: Path,
        place: Path,
        program: str,
        say: Say,
        overrides: Sequence[Override],
        handler: _SignalHandler,
    ) -> None:
        self._signals = handler
        self._say = say
        self._home = home
        self._place = place
        self._program = program
        self._overrides = [
            f"-D{each.section}.{each.key}={each.value}" for each in overrides if each.section
        ]
        self._files = place / "files"
        self._config = place / "conf" / "config.ini"
        self._step = 0

    def run(self) -> int:
        make_private_folder(self._place)  # refuses a link, whose target must not be emptied
        shutil.rmtree(self._place, ignore_errors=True)
        make_private_folder(self._place)
        for name in ("conf", "db", "log", "tmp", "cos"):
            (self._place / name).mkdir()
        self._print(
            "The demo migrates sample files into an embedded COS, a server on this machine that "
            "speaks\nCOS's protocol. It needs no account and no network."
        )
        self._announce(f"making about {_FILES} sample files in {self._shown(self._files)}")
        make_sample_tree(self._files)
        cos = EmbeddedCos(self._place / "cos", secret_id=_ID, secret_key=_KEY)
        with cos:
            self._announce(f"the embedded COS listens on http://127.0.0.1:{cos.port}")
            self._announce(f"writing the configuration {self._shown(self._config)}:")
            print(self._write_config(cos.port), end="", flush=True)
            for title in (
                f"first run, in {self._shown(self._place)}: everything is new, and is sent",
                "second run: nothing has changed, and all of it is skipped",
            ):
                self._announce(title)
                code = self._migrate()
                if code:
                    self._print(f"the migration ended with exit code {code}: see the lines above")
                    return code
            self._announce("reading every object back, and comparing it with its file")
            wrong = list(self._compare(cos.port))
        return self._conclude(wrong)

    def _announce(self, title: str) -> None:
        self._step += 1
        print(f"\n[{self._step}/{_STEPS}] {self._say(title)}", flush=True)

    def _print(self, text: str) -> None:
        print(self._say(text), flush=True)

    def _conclude(self, wrong: list[str]) -> int:
        for line in wrong:
            print(line)
        count = sum(1 for _ in _walk(self._files))
        if wrong:
            self._print(f"{len(wrong)} of {count} objects differ from the files that were sent.")
            return 1
        demo = self._shown(self._place)
        log = self._place / "log"
        remove = "rmdir /s /q" if os.name == "nt" else "rm -r"
        self._print(
            f"All {count} objects are byte for byte the files that were sent.\n\n"
            f"Look at  {self._shown(self._place / 'cos' / _BUCKET)} (the objects), "
            f"{self._shown(log / 'info.log')},\n"
            f"         {self._shown(log / 'report')} (a page about each run that sent something)\n"
            f"Remove   {remove} {demo}   frees {_megabytes(self._place)} MB"
        )
        environment = self._home / ".venv"
        if Path(sys.prefix).resolve() == environment.resolve():
            self._print(
                f"         .venv ({_megabytes(environment)} MB) is the tool itself: it stays for "
                "real runs, and goes with the tool's folder"
            )
        self._print(f"Next     {self._program} --init   asks for your bucket, keys and source")
        return 0

    def _write_config(self, port: int) -> str:
        """Write the configuration; return its text."""
        local = str(self._files.resolve()).replace("\\", "\\\\")
        text = (
            "[migrateType]\ntype=migrateLocal\n"
            f"[common]\nsecretId={_ID}\nsecretKey={_KEY}\nbucketName={_BUCKET}\n"
            f"region={_REGION}\nendPointSuffix=localhost:{port}\ncosPath=/demo/\n"
            f"[migrateLocal]\nlocalPath={local}\n"
        )
        write_safely(self._config, text.encode())
        return text

    def _migrate(self) -> int:
        """Run the tool as a user does, with the demo's folder as its home; return the exit code."""
        paths = [_path_of_package(self._place), os.environ.get("PYTHONPATH")]
        environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            HOME_VARIABLE: str(self._place),
        }
        for name in ("COS_SECRETID", "COS_SECRETKEY", "COS_TOKEN", "RUN_MODE"):
            environ.pop(name, None)
        # On a terminal all is shown as in a real run; elsewhere it would be a line a file.
        more = [f"-Dcommon.bandwidthLimit={_PACE}"] if sys.stdout.isatty() else ["--quiet"]
        words = [sys.executable, "-m", "cos_migrate", *more, *self._overrides]
        child = None
        try:
            with self._signals.held():  # a half-started process cannot be terminated
                child = subprocess.Popen(words, cwd=self._place, env=environ)
            return child.wait()
        except SystemExit:
            if child:
                child.terminate()
            raise
        finally:
            if child:
                child.wait()

    def _compare(self, port: int) -> Iterator[str]:
        """Read every object back; yield a line for each that differs."""
        settings = CosSettings(_BUCKET, _REGION, Credentials(_ID, _KEY), suffix=f"localhost:{port}")
        access = Access(settings)
        route = access.routes[0]
        connection: Connection | None = None
        for path in _walk(self._files):
            cos_path = "/demo/" + path.relative_to(self._files).as_posix()
            if connection is None or not connection.reusable:
                connection = access.network.connect(route)
            answer = connection.stream(access.head(route, "GET", cos_path, (), ()))
            data = path.read_bytes()
            body = answer.read_all(len(data) + 1)
            if answer.status != 200:  # noqa: PLR2004 - HTTP
                yield f"{cos_path}: the server answers {answer.status}"
            elif len(body) != len(data) or crc64(body) != crc64(data):
                yield f"{cos_path}: differs from {path}"
        if connection:
            connection.close()

    def _shown(self, path: Path) -> str:
        """Return a path as it holds where the tool was started: a package may be anywhere."""
        if self._program == SCRIPT_PROGRAM and path.is_relative_to(self._home):
            return str(path.relative_to(self._home))
        return str(path)


def _path_of_package(folder: Path) -> str:
    """Return where Python finds this package, relative: the path may contain its separator."""
    place = Path(__file__).resolve().parents[2]
    try:
        return os.path.relpath(place, folder.resolve())
    except ValueError:  # another drive of Windows
        return str(place)


def _megabytes(folder: Path) -> int:
    """Return how much disk the files below a folder take."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                found = os.lstat(os.path.join(place, name))
                size += getattr(found, "st_blocks", 0) * 512 or found.st_size
    return max(1, size // 1_000_000)


def make_sample_tree(root: Path) -> None:
    """Make a folder of sample files of all kinds, with the same content in each call."""
    chance = random.Random(2026)  # noqa: S311 - sample data
    folders = [root / "docs" / f"chapter {n}" / "pages" for n in range(4)]
    folders += [root / "photos" / f"{year}" for year in range(2020, 2030)]
    folders += [root.joinpath("deep", *"abcdefghij"), root / "ordner mit ümlaut"]
    for folder in folders:
        folder.mkdir(parents=True)
    for name in _NAMES:
        with suppress(OSError):  # Windows allows no ? in a name
            (root / name).write_bytes(name.encode())
    (root / "empty").write_bytes(b"")
    for number, size in enumerate(_BIG):
        (root / f"big {number}.bin").write_bytes(chance.randbytes(size))
    made = sum(1 for _ in _walk(root))
    for number in range(_FILES - made - 1):
        size = 0 if number % 97 == 0 else chance.randrange(1, _SMALL_MOST)
        folder = folders[number % len(folders)]
        (folder / f"file {number:04d}.dat").write_bytes(chance.randbytes(size))
    try:
        (root / "link to a folder").symlink_to(folders[-1], target_is_directory=True)
    except OSError:  # Windows without the permission to make links
        (root / "no link here").write_bytes(b"")


def _walk(root: Path) -> Iterator[Path]:
    """Yield every file below `root`, following links."""
    for folder, _, names in os.walk(root, followlinks=True):
        for name in names:
            yield Path(folder) / name
