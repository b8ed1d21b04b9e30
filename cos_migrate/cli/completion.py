"""`--completion`: prints the script with which bash or zsh complete words on Tab."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from cos_migrate.cli.command_line import SHELLS
from cos_migrate.config.common import Common, MigrateType
from cos_migrate.config.options import declared_options
from cos_migrate.exit_codes import OK
from cos_migrate.sources import registry
from cos_migrate.sources.registry import SECTIONS

if TYPE_CHECKING:
    from cos_migrate.cli.flags import Flag

_BASH = """\
# Completes the words of cos-migrate in bash; source it in ~/.bashrc:
#   source <(cos-migrate --completion bash)
_cos_migrate() {{
    local line=${{COMP_LINE:0:COMP_POINT}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
    local word=${{line##*[[:blank:]]}} value known=
    value=${{word#*=}}
    case $word in
        -DmigrateType.type=*) known={types} ;;
        -D*=*) ;;
        -D*) known={keys}; compopt -o nospace ;;
        -*) known={options} ;;
        *) [ "$previous" = --completion ] && known={shells} ;;
    esac
    COMPREPLY=()
    if [ -z "$known" ]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$value")
    elif [[ $word == -DmigrateType.type=* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$known" -- "$value")
    else
        mapfile -t COMPREPLY < <(compgen -W "$known" -- "$word")
        # bash replaces only what stands behind the last "=".
        [[ $word == *=* ]] && COMPREPLY=("${{COMPREPLY[@]#"${{word%=*}}="}}")
    fi
}}
complete -F _cos_migrate cos-migrate start_migrate.sh
"""
_ZSH = """\
#compdef cos-migrate start_migrate.sh
# Completes the words of cos-migrate in zsh; in ~/.zshrc, behind compinit:
#   source <(cos-migrate --completion zsh)
_cos_migrate() {{
    local -a options keys types shells
    options=({options})
    keys=({keys})
    types=({types})
    shells=({shells})
    if [[ $PREFIX == -D*=* ]]; then
        local name=$PREFIX
        compset -P '*='
        if [[ $name == -DmigrateType.type=* ]]; then compadd -a types; else _files; fi
    elif [[ $PREFIX == -D* ]]; then
        _describe -o key keys -S ''
    elif [[ $PREFIX == -* ]]; then
        _describe -o option options
    elif [[ $words[CURRENT-1] == --completion ]]; then
        compadd -a shells
    else
        _files
    fi
}}
if [[ $funcstack[1] == _cos_migrate ]]; then _cos_migrate "$@"
else compdef _cos_migrate cos-migrate start_migrate.sh
fi
"""


def print_completion(shell: str, flags: Mapping[str, Flag]) -> int:
    """Print the script for a shell; return the exit code."""
    print(_bash(flags) if shell == "bash" else _zsh(flags), end="")
    return OK


def _bash(flags: Mapping[str, Flag]) -> str:
    return _BASH.format(
        options=_as_words(name for name, _ in _options(flags)),
        keys=_as_words(name for name, _ in _keys()),
        types=_as_words(registry.source_types()),
        shells=_as_words(SHELLS),
    )


def _zsh(flags: Mapping[str, Flag]) -> str:
    return _ZSH.format(
        options=_described(_options(flags)),
        keys=_described(_keys()),
        types=" ".join(registry.source_types()),
        shells=" ".join(SHELLS),
    )


def _options(flags: Mapping[str, Flag]) -> Iterator[tuple[str, str]]:
    """Yield the options and their help."""
    for name, flag in flags.items():
        yield name, flag.help
        if flag.short:
            yield flag.short, flag.help


def _keys() -> Iterator[tuple[str, str]]:
    """Yield the beginnings of words that override a key, and the key's help.

    Secrets are left out: every user of the machine can read a command line.
    """
    for name, section in (("migrateType", MigrateType), ("common", Common), *SECTIONS.items()):
        for one in declared_options(section):
            if not one.option.secret:
                yield f"-D{name}.{one.option.key}=", one.option.help


def _as_words(names: Iterable[str]) -> str:
    return shlex.quote(" ".join(names))


def _described(entries: Iterator[tuple[str, str]]) -> str:
    """Return words of zsh: a name and a description each, with a colon between."""
    return " ".join(shlex.quote(f"{name}:{text}") for name, text in entries)
