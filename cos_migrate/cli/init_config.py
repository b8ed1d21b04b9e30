"""`--init`: asks for what a configuration needs, tries it, and writes conf/config.ini."""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from types import FrameType
from typing import NoReturn

from cos_migrate import signals
from cos_migrate.cli.check_config import checks_of
from cos_migrate.cli.command_line import CommandLine
from cos_migrate.cli.languages import language_of_line
from cos_migrate.config.common import Common
from cos_migrate.config.loader import load
from cos_migrate.config.options import REQUIRED, DeclaredOption, Section, declared_options
from cos_migrate.errors import ConfigError
from cos_migrate.exit_codes import INTERRUPTED, MISUSE, OK
from cos_migrate.language import Say
from cos_migrate.safe_files import PRIVATE_FILE, open_safely
from cos_migrate.sources import registry
from cos_migrate.sources.registry import SECTIONS
from cos_migrate.text import printable

SHIPPED = "shipped.ini"
"""The configuration as it is shipped, in the package `config`."""
_ASKED = ("cosPath",)
"""Keys of [common] that are asked for although they have a default."""
_CHAINED = (
    "accessKeyId",
    "accessKeySecret",
    "secretId",
    "secretKey",
    "srcSecretId",
    "srcSecretKey",
)
"""Keys that may be blank: credentials are then looked for elsewhere."""
Values = Mapping[tuple[str, str], str]
"""Section and key -> text of the value."""


def run_init(line: CommandLine) -> int:
    """Ask, try, and write the configuration file; return the exit code. Raises ConfigError."""
    path = Path(line.config_path)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(
            [f"--init asks questions and needs a terminal: start it in one, or edit {path}"]
        )
    say = language_of_line(line, os.environ).say
    try:
        with signals.handled(_interrupt):
            return _init(line, path, say)
    except EOFError:
        code = INTERRUPTED
    except _Interrupted as ended:
        code = ended.exit_code
    print(file=sys.stderr)
    _say_unchanged(path, say)
    return code


def _say_unchanged(path: Path, say: Say) -> None:
    print(say(f"{path} is not changed"), file=sys.stderr)


class _Interrupted(BaseException):
    """A signal ends the questions; not an Exception, so that no handler of errors takes it."""

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    raise _Interrupted(signals.exit_code(number))


def _init(line: CommandLine, path: Path, say: Say) -> int:
    shipped = shipped_config()
    if _is_of_user(path, shipped) and not _agreed(say(f"{path} exists: write it anew?")):
        _say_unchanged(path, say)
        return OK
    question = say("Where does the data come from?")
    migrate_type = _choose(question, registry.source_types(), say)
    values = {("migrateType", "type"): migrate_type, ("common", "https"): "on"}
    for section, options in needed_options(migrate_type):
        for one in options:
            text = _ask(section, one, say)
            if text:
                values[section, one.option.key] = text
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        _write(fresh, filled_in(shipped, values))
        anyway = say("Some checks failed. Write it anyway?")
        if not _is_good(line, fresh, say) and not _agreed(anyway):
            _say_unchanged(path, say)
            return MISUSE
        os.replace(fresh, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
    print(say(f"{path} is written; start with: {line.program}"), file=sys.stderr)
    return OK


def shipped_config() -> str:
    """Return the configuration file as it is shipped."""
    place = resources.files("cos_migrate.config").joinpath(SHIPPED)
    return place.read_text(encoding="utf-8")


def _is_of_user(path: Path, shipped: str) -> bool:
    """Return whether a file is there, and is not the untouched shipped one."""
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigError([f"{path} cannot be read: {error.strerror}"]) from error
    return text.replace("\r\n", "\n") != shipped.replace("\r\n", "\n")


def needed_options(migrate_type: str) -> Iterator[tuple[str, Sequence[DeclaredOption]]]:
    """Yield the sections of a configuration with the options that are asked for."""
    yield "common", _needed(Common, _ASKED)
    yield migrate_type, _needed(registry.find(migrate_type).Config, ())


def _needed(section: type[Section], more: tuple[str, ...]) -> list[DeclaredOption]:
    """Return the options that a configuration needs, and `more`."""
    return [
        one
        for one in declared_options(section)
        if one.default is REQUIRED or one.option.key in {*more, *_CHAINED} or one.option.batch
    ]


def _ask(section: str, one: DeclaredOption, say: Say) -> str:
    """Return a legal text for a key; empty: it keeps its default."""
    known = one.option
    may_be_blank = one.default is not REQUIRED or known.key in _CHAINED
    legal = f" ({say(known.legal)})" if known.legal else ""
    print(f"\n[{section}] {known.key}: {say(known.help)}{legal}", file=sys.stderr)
    if known.secret:
        blank = say("; blank: it is looked for elsewhere") if may_be_blank else ""
        hidden = say("hidden while you type; ${NAME} reads the environment variable NAME")
        print(f"  {hidden}{blank}", file=sys.stderr)
    elif may_be_blank and one.default is not REQUIRED and one.default:
        print(say(f"  blank: {one.default}"), file=sys.stderr)
    ask: Callable[[str], str] = getpass.getpass if known.secret else _input
    while True:
        text = ask("> ").strip()
        if not text and may_be_blank:
            return ""
        try:
            if not text:
                raise ValueError("a value is needed")
            if not (known.secret and text.startswith("${")):
                known.parse(text)
        except ValueError as error:
            shown = "it is refused" if known.secret else str(error)
            problem = f"{printable(shown)}; legal: {known.legal or 'a text'}"
            print(say(problem), file=sys.stderr)
            continue
        # A backslash is written twice: one before certain letters would be another character.
        return text.replace("\\", "\\\\")


def _input(prompt: str) -> str:
    """Ask on stderr, as for secrets: stdout may lead elsewhere."""
    print(prompt, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def _choose(question: str, choices: tuple[str, ...], say: Say) -> str:
    print(question, file=sys.stderr)
    for number, choice in enumerate(choices, start=1):
        print(f"  {number}  {choice}", file=sys.stderr)
    while True:
        text = _input("> ").strip()
        found = [each for each in choices if each.lower() == text.lower()]
        if text.isdecimal() and 0 < int(text) <= len(choices):
            found = [choices[int(text) - 1]]
        if found:
            return found[0]
        print(say(f"legal: 1 to {len(choices)}, or one of these words"), file=sys.stderr)


def _agreed(question: str) -> bool:
    return _input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


def filled_in(shipped: str, values: Values) -> str:
    """Return the shipped configuration with other values; its placeholders become blank."""
    placeholders = {
        (name, one.option.key): one.option.placeholders
        for name, section in (("common", Common), *SECTIONS.items())
        for one in declared_options(section)
    }
    section, lines, left = "", [], dict(values)
    for line in shipped.splitlines():
        header = re.fullmatch(r"\[(\w+)\]\s*", line)
        if header:
            section = header[1]
        key, equals, value = line.partition("=")
        place = (section, key.strip())
        if equals and not line.startswith(("#", ";")):
            if place in left:
                line = f"{key}={left.pop(place)}"  # noqa: PLW2901 - rewritten
            elif value.strip() in placeholders.get(place, ()):
                line = f"{key}="  # noqa: PLW2901 - as above
        lines.append(line)
    for (name, key), value in left.items():  # a section is continued where it appears again
        lines += [f"[{name}]", f"{key}={value}"]
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = open_safely(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
    except OSError as error:
        raise ConfigError([f"{path} cannot be written: {error.strerror or error}"]) from error


def _is_good(line: CommandLine, path: Path, say: Say) -> bool:
    """Load the new file and try what it says, printing a line for each check."""
    try:
        loaded = load(str(path), line.overrides, SECTIONS, environ=os.environ)
    except ConfigError as error:
        for problem in error.problems:
            print(printable(say(problem)), file=sys.stderr)
        return False
    passed = True
    for check in checks_of(loaded.config):
        print(check.line(say), file=sys.stderr)
        passed = passed and check.passed
    return passed
