"""Translations, which recognise an English text by its template.

A template is a text whose values are numbered: `{0} is not a legal number`. A text is compared with
all of them, so that no place where a text is made, and none that passes it on, knows of languages.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

VALUE = re.compile(r"\{(\d+)\}")
"""A value in a template; other braces are part of the text."""
_EDGES = re.compile(r"([\s,;:]*)(.*?)([\s,;:]*)", re.DOTALL)
_JOINT = re.compile(r"[:;] ")
"""What two texts are joined with to one."""
_QUANTITY = re.compile(r"([0-9][0-9.,]* (%|d|h|min|s|[KMGTP]?i?B)( |$))+")
_LETTERS_LEAST = 12
"""Letters of a template whose values may be texts, unless it has brackets or colons."""
_DEPTH_MOST = 6
"""Texts within texts."""


class _Template(NamedTuple):
    """A template of the catalogue; one of few letters may look like any text."""

    parts: tuple[str, ...]
    """The text between the values."""
    longest: str
    """The longest part."""
    translation: str
    takes_words_only: bool

    @classmethod
    def of(cls, text: str, translation: str) -> _Template:
        """Return the template that a text of the catalogue is."""
        parts = tuple(VALUE.split(text)[::2])
        own = "".join(parts)
        is_vague = sum(map(str.isalpha, own)) < _LETTERS_LEAST and not set(own) & set("()[]:;")
        return cls(parts, max(parts, key=len), translation, is_vague)

    def values_in(self, text: str) -> list[str] | None:
        """Return the values of a text that was made from the template; None: it was not."""
        first, *others, last = self.parts
        end = len(text) - len(last)
        if not (text.startswith(first) and text.endswith(last)):
            return None
        values, at = [], len(first)
        for part in others:
            found = text.find(part, at, end)
            if found < 0:
                return None
            values.append(text[at:found])
            at = found + len(part)
        if at > end:
            return None
        values.append(text[at:end])
        if self.takes_words_only and not all(map(_is_word, values)):
            return None
        return values


def _is_word(value: str) -> bool:
    """Return whether a value is one word, or a quantity such as `2 h 5 min` or `45 %`."""
    is_one = " " not in value and not value.endswith((":", ";", ","))
    return is_one or bool(_QUANTITY.fullmatch(value))


class Catalogue(gettext.GNUTranslations):
    """The translations of one language."""

    def _parse(self, fp: Any) -> None:
        """Read a compiled catalogue, and sort its templates: the most specific one counts."""
        super()._parse(fp)
        known: dict[str, str] = self._catalog  # type: ignore[attr-defined]  # subclasses have it
        self._texts = {text: said for text, said in known.items() if text and said}
        made = [
            _Template.of(text, said) for text, said in self._texts.items() if VALUE.search(text)
        ]
        made.sort(key=lambda one: -sum(map(len, one.parts)))
        self._templates = [(one.longest, one) for one in made]

    def say(self, text: str) -> str:
        """Translate a text, or each of its lines; what is not known stays as it is."""
        said = self._said(text, _DEPTH_MOST)
        if said is None and "\n" in text:
            return "\n".join(map(self.say, text.split("\n")))
        return text if said is None else said

    def _said(self, text: str, depth: int) -> str | None:
        """Return the translation of a text; None: it is not known."""
        before, core, after = edges(text)
        if not core or not depth:
            return None
        said = self._said_whole(core, depth)
        if said is None:
            said = self._said_apart(core, depth)
        return None if said is None else f"{before}{said}{after}"

    def _filled_in(self, text: str, depth: int) -> str | None:
        """Return the translation of a text that was made from a template."""
        for longest, template in self._templates:
            # Most differ here; the display asks many times a second.
            values = template.values_in(text) if longest in text else None
            if values is not None:
                said = [self._said_value(each, depth - 1) for each in values]
                return _filled(template.translation, said)
        return None

    def _said_value(self, text: str, depth: int) -> str:
        """Return the translation of a value that is a text; a single word may be a name."""
        return (self._said(text, depth) if " " in text else None) or text

    def _said_whole(self, text: str, depth: int) -> str | None:
        """Return the translation of a text that is not joined from others."""
        return self._texts.get(text) or self._filled_in(text, depth)

    def _said_apart(self, text: str, depth: int) -> str | None:
        """Return the translation of joined texts if the first or the last has a translation."""
        for joint in _JOINT.finditer(text):
            left, right = text[: joint.start()], text[joint.end() :]
            said_left, said_right = (
                self._said_whole(each, depth) if " " in each else None for each in (left, right)
            )
            if said_left or said_right:
                rest = said_right or self._said(right, depth - 1) or right
                return f"{said_left or left}{joint[0]}{rest}"
        return None


def _filled(template: str, values: Sequence[str]) -> str:
    """Return a template with its values."""
    return VALUE.sub(lambda found: values[int(found[1])], template)


def edges(text: str) -> tuple[str, str, str]:
    """Return the blanks and joints in front of a text, the text, and those behind it."""
    found = _EDGES.fullmatch(text)
    return (found[1], found[2], found[3]) if found else ("", text, "")


def load(code: str) -> Catalogue:
    """Load the translations of a language."""
    with Path(__file__).with_name(f"{code}.mo").open("rb") as file:
        return Catalogue(file)
