"""The form of `--help`: argparse's, in any language, with lines as wide as they look."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterable
from typing import Any

from cos_migrate.language import Say
from cos_migrate.report.spelling import width_of

_NEVER_FIRST = "\uff0c\u3002\uff1b\uff1a\u3001\uff09,.;:)"
"""Characters that begin no line."""


class HelpForm(RawDescriptionHelpFormatter):
    """Lays out `--help`: headings translated, lines folded by the columns of their characters."""

    def __init__(self, prog: str, *, say: Say) -> None:
        super().__init__(prog)
        self._say = say

    def start_section(self, heading: str | None) -> None:
        """Begin a section with its heading."""
        say = self._say
        titles = {"positional arguments": say("positional arguments"), "options": say("options")}
        super().start_section(titles.get(heading or "", heading))

    def add_usage(
        self, usage: str | None, actions: Iterable[Any], groups: Iterable[Any], prefix: Any = None
    ) -> None:
        """Add the usage, with a translated heading."""
        super().add_usage(usage, actions, groups, prefix or self._say("usage") + ": ")

    def _split_lines(self, text: str, width: int) -> list[str]:
        """Fold the help of an option."""
        if text.isascii():
            return super()._split_lines(text, width)
        lines = [""]
        for word in _words(text):
            if lines[-1] and width_of((lines[-1] + word).rstrip()) > width:
                lines.append("")
            lines[-1] += word if lines[-1] else word.lstrip()
        return [line.rstrip() for line in lines]


def _words(text: str) -> list[str]:
    """Return the parts of a text between which a line may end: words, and ideographs."""
    words = [""]
    for char in text:
        follows_one = _is_ideograph(words[-1][-1:]) and char not in _NEVER_FIRST
        if char == " " or _is_ideograph(char) or follows_one:
            words.append("")
        words[-1] += char
    return words


def _is_ideograph(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"
