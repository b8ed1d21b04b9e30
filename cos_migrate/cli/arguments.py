"""The words behind `start_migrate.sh`: argv -> options, -D overrides and the path of config.ini.

It knows no section and no key; what an override means is for `config` to say. No message quotes
the value of a `-D`, since it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cos_migrate.config.given import Override
from cos_migrate.config.values import BLANKS
from cos_migrate.errors import ConfigError

DEFAULT_CONFIG = "conf/config.ini"

_FLAGS = {
    "--quiet": "no lines for single files on stdout; the logs stay complete",
    "--no-progress": "no progress display on a terminal",
    "--demo": "migrate sample files into an embedded COS on this machine; needs no account",
    "--debug": "write log/debug.log",
    "--help": "show this text",
    "--version": "show the version",
}
_DECRYPT = "--decrypt"
_JVM_WORD = re.compile(
    "-(X.*|server|client|d32|d64|noverify|showversion"
    "|(ea|da|esa|dsa|(enable|disable)(system)?assertions|verbose|javaagent|agentlib|agentpath)(:.*)?"
    "|-(add-(opens|exports|reads|modules)|illegal-access|enable-native-access)=.*)"
)
"""What stood before `-cp` in the Java tool's start script was for the virtual machine."""
_ASSIGNMENT = re.compile(r"[A-Za-z]+\.[A-Za-z]+=")

_USAGE = """\
usage: sh start_migrate.sh [-Dsection.key=value]... [options] [CONFIG_PATH]
       python -m cos_migrate [-Dsection.key=value]... [options] [CONFIG_PATH]

Migrate files and objects to Tencent Cloud Object Storage (COS).

CONFIG_PATH            {default} when not given
-Dsection.key=value    override one key of it, such as -Dcommon.cosPath=/backup/

options:
{flags}
--decrypt COS_PATH LOCAL_FILE
                       read one client-side encrypted object back, with the key in keyPath

Credentials need stand neither in the file nor on the command line, where every user of this
machine can read them: set the environment variables COS_SECRETID, COS_SECRETKEY and, for a
temporary credential, COS_TOKEN; or write ${{NAME}} as the value of any secret key.

exit codes: 0 all done; 1 something failed or could not be listed; 2 wrong configuration or
usage; 3 the record database is in use or unusable; 130, 143 stopped by Ctrl-C or SIGTERM
"""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What the user asked for."""

    config_path: str = DEFAULT_CONFIG
    overrides: tuple[Override, ...] = ()
    quiet: bool = False
    progress: bool = True
    demo: bool = False
    help: bool = False
    version: bool = False
    debug: bool = False
    decrypt: tuple[str, str] | None = None
    """The object to read back, and the local file that it becomes."""
    warnings: tuple[str, ...] = ()


def usage() -> str:
    """Return the text of `--help`."""
    flags = "\n".join(f"{flag:<22} {meaning}" for flag, meaning in _FLAGS.items())
    return _USAGE.format(default=DEFAULT_CONFIG, flags=flags)


def parse(words: Sequence[str]) -> CommandLine:
    """Parse argv without the program's name; raises ConfigError with every wrong word."""
    found = _Words()
    rest = iter(_rejoined(words))
    for word in rest:
        if word == "-h":
            found.flags.add("--help")
        elif word in _FLAGS:
            found.flags.add(word)
        elif word == _DECRYPT:
            found.add_decrypt(next(rest, ""), next(rest, ""))
        elif word.startswith("-D"):
            found.add_override(word, rest)
        elif _JVM_WORD.fullmatch(word):
            found.overrides.append(Override("", word, ""))
        elif word.startswith("-") or not word:
            found.problems.append(_wrong_option(word))
        else:
            found.add_path(word)
    return found.command_line()


@dataclass(slots=True)
class _Words:
    flags: set[str] = field(default_factory=set)
    overrides: list[Override] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    decrypt: tuple[str, str] | None = None

    def add_override(self, word: str, rest: Iterator[str]) -> None:
        name, equals, value = word[2:].partition("=")
        section, dot, key = name.partition(".")
        if not equals and not name:
            self.problems.append(f"{word} is not complete, write -Dsection.key=value in one word")
            next(rest, "")
        elif not equals and dot:
            self.problems.append(f"{word} has no value, write {word}=value in one word")
            next(rest, "")
        elif dot:
            self.overrides.append(Override(section, key, value.strip(BLANKS)))
        else:
            self.overrides.append(Override("", name, value.strip(BLANKS)))

    def add_decrypt(self, cos_path: str, local: str) -> None:
        if not cos_path.startswith("/") or not local or local.startswith("-"):
            self.problems.append(
                f"write {_DECRYPT} COS_PATH LOCAL_FILE, such as {_DECRYPT} /backup/a.txt ./a.txt; "
                "COS_PATH must start with /"
            )
        elif self.decrypt:
            self.problems.append(f"{_DECRYPT} is given more than once")
        self.decrypt = (cos_path, local)

    def add_path(self, word: str) -> None:
        if _ASSIGNMENT.match(word):
            name = word.partition("=")[0]
            self.problems.append(f"{name}=... lacks -D, write -D{name}=value")
        else:
            self.paths.append(word)

    def command_line(self) -> CommandLine:
        if len(self.paths) > 1:
            given = ", ".join(self.paths)
            self.problems.append(
                f"more than one config path is given: {given}; legal: [-Dsection.key=value]... "
                f"[CONFIG_PATH], options {_flag_names()}"
            )
        if self.problems:
            raise ConfigError(self.problems)
        return CommandLine(
            config_path=self.paths[0] if self.paths else DEFAULT_CONFIG,
            overrides=tuple(self.overrides),
            quiet="--quiet" in self.flags,
            progress="--no-progress" not in self.flags,
            demo="--demo" in self.flags,
            help="--help" in self.flags,
            version="--version" in self.flags,
            debug="--debug" in self.flags,
            decrypt=self.decrypt,
            warnings=tuple(self._repeated()),
        )

    def _repeated(self) -> Iterator[str]:
        seen: set[tuple[str, str]] = set()
        told: set[tuple[str, str]] = set()
        for override in self.overrides:
            name = (override.section, override.key)
            if name in seen and name not in told and override.section:
                told.add(name)
                yield f"-D{'.'.join(name)} is given more than once; the last one counts"
            seen.add(name)


def _rejoined(words: Sequence[str]) -> list[str]:
    """Undo PowerShell, which passes `-Dcommon.cosPath=/x/` as `-Dcommon` and `.cosPath=/x/`."""
    joined: list[str] = []
    for word in words:
        if joined and re.fullmatch("-D[A-Za-z]+", joined[-1]) and re.match(r"\.[A-Za-z]+=", word):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _wrong_option(word: str) -> str:
    name = word.partition("=")[0]
    if name == _DECRYPT:
        return f"write {_DECRYPT} COS_PATH LOCAL_FILE, with blanks between"
    if name in _FLAGS:
        return f"{name} takes no value; legal: {_flag_names()}"
    import difflib  # noqa: PLC0415 - only a slip needs it

    close = difflib.get_close_matches(name.lower(), (*_FLAGS, _DECRYPT), n=1, cutoff=0.7)
    nearest = f", the nearest is {close[0]}" if close else ""
    return f"`{name}` is no option{nearest}; legal: {_flag_names()}"


def _flag_names() -> str:
    return ", ".join((*_FLAGS, _DECRYPT))
