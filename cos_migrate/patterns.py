r"""Patterns over paths, as gitignore reads them, with braces besides.

`*` and `?` match within one folder, `**` any number of folders, `[a-z]` and `[!a]` one character,
`{a,b}` either text; `\` makes the next character plain. A pattern without `/`, but at its end,
matches at any depth, any other from the top. One that ends in `/` matches folders alone. A pattern
that matches a folder matches everything below it.

Source: gitignore(5), PATTERN FORMAT.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

_ANY_DEPTH = "**"
_EXPANDED_MOST = 1000
"""Limit of patterns that the braces of one may expand to."""
_FOLDERS_MOST = 10_000
"""Folders whose match is remembered."""


class PatternError(ValueError):
    """A pattern that cannot be read; the text has the reason."""


def split_patterns(text: str) -> tuple[str, ...]:
    """Return the patterns of a list that is separated by `;`, without the blanks around them."""
    found: list[str] = []
    start = 0
    for match in re.finditer(r"\\.|;", text, re.DOTALL):
        if match[0] == ";":
            found.append(text[start : match.start()])
            start = match.end()
    found.append(text[start:])
    return tuple(pattern for pattern in map(_trimmed, found) if pattern)


def _trimmed(pattern: str) -> str:
    left = pattern.strip()
    if left.endswith("\\") and pattern.rstrip() != pattern:
        return left + " "  # an escaped blank
    return left


class _Parsed(NamedTuple):
    """One pattern without braces."""

    segments: tuple[str, ...]
    from_top: bool
    only_folders: bool


class Patterns:
    """A set of patterns, compiled; a path matches when any of them does.

    Paths have no leading `/`; those of folders end in `/`. Raises PatternError.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        """Compile patterns."""
        parsed = [_parse(each) for pattern in patterns for each in _without_braces(pattern)]
        names: set[str] = set()
        suffixes: list[str] = []
        tops: list[str] = []
        from_top: list[str] = []
        any_depth: list[str] = []
        below: list[str] = []
        single: list[str] = []
        deep: list[str] = []
        for one in parsed:
            literal = _literal(one)
            if literal is None:
                regex = _regex(one)
                (from_top if one.from_top else any_depth).append(regex)
                if one.segments[-1] == _ANY_DEPTH:
                    below.append(("" if one.from_top else "(?:.*/)?") + regex)
                elif not one.only_folders and not one.from_top:
                    is_name = len(one.segments) == 2  # noqa: PLR2004 - `**` and one name
                    (single if is_name else deep).append(regex)
            elif literal.startswith("*"):
                suffixes.append(literal[1:])
            elif one.from_top:
                tops.append(literal)
            else:
                names.add(literal)
        self._names = frozenset(names)
        self._suffixes = tuple(suffixes)
        self._folder_suffixes = _compiled("", [re.escape(suffix) + "/" for suffix in suffixes])
        self._tops = frozenset(tops)
        self._below_tops = tuple(top + "/" for top in tops)
        self._from_top = _compiled("", from_top)
        self._any_depth = _compiled("/", any_depth)
        self._below = _compiled("", below)
        """For patterns that end in `**`: they match everything in a folder."""
        self._single = _compiled("", single)
        """For patterns that match one name at any depth."""
        self._deep = _compiled("/", deep)
        self._folders: dict[str, bool] = {}
        """Whether all that a folder holds matches."""
        self._all_from_top = all(one.from_top for one in parsed)
        self._anchored = [
            [None if each == _ANY_DEPTH else re.compile(_segment(each)) for each in one.segments]
            for one in parsed
        ]

    def __bool__(self) -> bool:
        return bool(self._anchored)

    def match(self, path: str) -> bool:
        """Return whether a path, or a folder above it, matches."""
        folder, _, name = path.rpartition("/")
        if not folder or not name:
            return self._match_whole(path)
        holds = self._folders.get(folder)
        if holds is None:
            holds = self._look_at_folder(folder)
        return (
            holds
            or name.endswith(self._suffixes)
            or name in self._names
            or path in self._tops
            or (self._single is not None and self._single.match(name) is not None)
            or (self._from_top is not None and self._from_top.match(path) is not None)
            or (self._deep is not None and self._deep.search("/" + path) is not None)
        )

    def _look_at_folder(self, folder: str) -> bool:
        """Return, and remember, whether all that a folder holds matches."""
        holds = self._match_whole(folder + "/")
        if not holds and self._below is not None:
            holds = self._below.match(folder + "/x") is not None  # whatever the name
        if len(self._folders) >= _FOLDERS_MOST:
            self._folders.clear()
        self._folders[folder] = holds
        return holds

    def _match_whole(self, path: str) -> bool:
        """Do what `match` does, without what is known of folders."""
        if self._suffixes and (
            path.endswith(self._suffixes)
            or (self._folder_suffixes is not None and self._folder_suffixes.search(path))
        ):
            return True
        if self._names and not self._names.isdisjoint(path.split("/")):
            return True
        if self._tops and (path.startswith(self._below_tops) or path in self._tops):
            return True
        if self._from_top is not None and self._from_top.match(path):
            return True
        return self._any_depth is not None and self._any_depth.search("/" + path) is not None

    def may_match_below(self, folder: str) -> bool:
        """Return whether something below a folder, which ends in `/`, could match."""
        if not self._all_from_top or self.match(folder):
            return True
        names = folder.split("/")[:-1]
        return any(_may_continue(segments, names) for segments in self._anchored)


class IgnoreFile:
    """A file in the syntax of gitignore, with `!` and comments; paths as for Patterns."""

    def __init__(self, path: str) -> None:
        """Read it. Raises PatternError, and OSError."""
        from pathspec import GitIgnoreSpec  # noqa: PLC0415 - most runs have no such file

        try:
            text = Path(path).read_bytes().decode("utf-8-sig")
            self._spec = GitIgnoreSpec.from_lines(text.splitlines())
        except UnicodeDecodeError as error:
            raise PatternError("it is not UTF-8 text") from error
        except ValueError as error:
            raise PatternError(str(error)) from error
        self._folders: dict[str, bool] = {}

    def match(self, path: str) -> bool:
        """Return whether a path, or a folder above it, is ignored."""
        folder, _, _ = path.rstrip("/").rpartition("/")
        return self._ignores_folder(folder) or self._spec.match_file(path)

    def _ignores_folder(self, folder: str) -> bool:
        """Return whether a folder, or one above it, is ignored, and with it everything below."""
        if not folder:
            return False
        known = self._folders.get(folder)
        if known is None:
            known = self.match(folder + "/")
            if len(self._folders) >= _FOLDERS_MOST:
                self._folders.clear()
            self._folders[folder] = known
        return known


def _may_continue(segments: list[re.Pattern[str] | None], names: list[str]) -> bool:
    for segment, name in zip(segments, names, strict=False):
        if segment is None:
            return True
        if not segment.fullmatch(name):
            return False
    return len(segments) > len(names)


def _compiled(begin: str, alternatives: list[str]) -> re.Pattern[str] | None:
    if not alternatives:
        return None
    return re.compile(f"{begin}(?:{'|'.join(alternatives)})", re.DOTALL)


def _without_braces(pattern: str) -> list[str]:
    """Return the patterns to which a pattern with braces expands."""
    found = [pattern]
    done: list[str] = []
    while found:
        one = found.pop(0)
        braces = _first_braces(one)
        if braces is None:
            done.append(one)
            continue
        start, end, commas = braces
        edges = [start, *commas, end]
        texts = [one[a + 1 : b] for a, b in itertools.pairwise(edges)]
        found[:0] = [one[:start] + text + one[end + 1 :] for text in texts]
        if len(found) + len(done) > _EXPANDED_MOST:
            msg = f"its braces stand for more than {_EXPANDED_MOST} patterns"
            raise PatternError(msg)
    return done


def _first_braces(pattern: str) -> tuple[int, int, list[int]] | None:
    """Return the places of the first pair of braces with commas, and of those commas."""
    opened: list[tuple[int, list[int]]] = []
    complete: list[tuple[int, int, list[int]]] = []
    for at, character in _plain_characters(pattern):
        if character == "{":
            opened.append((at, []))
        elif character == "," and opened:
            opened[-1][1].append(at)
        elif character == "}" and opened:
            start, commas = opened.pop()
            if commas:
                complete.append((start, at, commas))
    return min(complete, default=None)


def _plain_characters(pattern: str) -> Iterator[tuple[int, str]]:
    """Yield the characters that are neither escaped nor inside of brackets."""
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\":
            at += 2
            continue
        if pattern[at] == "[":
            at = _end_of_class(pattern, at)
            continue
        yield at, pattern[at]
        at += 1


def _parse(pattern: str) -> _Parsed:
    if pattern.startswith("!"):
        msg = "it begins with `!`, which only a filterFile supports; write `\\!` for the character"
        raise PatternError(msg)
    only_folders = pattern.endswith("/") and not _is_escaped(pattern, len(pattern) - 1)
    text = pattern[:-1] if only_folders else pattern
    from_top = any(character == "/" for _, character in _plain_characters(text))
    segments = _segments(text.removeprefix("/"))
    if not all(segments):
        msg = "a folder in it has no name"
        raise PatternError(msg)
    if not from_top:
        segments = [_ANY_DEPTH, *segments]
    return _Parsed(tuple(segments), from_top and segments[0] != _ANY_DEPTH, only_folders)


def _is_escaped(pattern: str, at: int) -> bool:
    before = pattern[:at]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _segments(text: str) -> list[str]:
    cuts = [at for at, character in _plain_characters(text) if character == "/"]
    edges = [-1, *cuts, len(text)]
    return [text[a + 1 : b] for a, b in itertools.pairwise(edges)]


_MAGIC = frozenset("*?[\\")


def _literal(one: _Parsed) -> str | None:
    """Return the plain text of a pattern that needs no regular expression, else None.

    One that means names that end in a text is returned with a leading `*`.
    """
    if one.only_folders:
        return None
    if one.from_top:
        plain = all(_MAGIC.isdisjoint(segment) for segment in one.segments)
        return "/".join(one.segments) if plain else None
    if len(one.segments) != 2:  # noqa: PLR2004 - `**` and one name
        return None
    name = one.segments[1]
    text = name.removeprefix("*")
    return name if text and _MAGIC.isdisjoint(text) else None


def _regex(one: _Parsed) -> str:
    """Return the expression for a path from its top, or from the begin of any of its names."""
    segments = list(one.segments)
    while segments[0] == _ANY_DEPTH and len(segments) > 1:
        del segments[0]
    parts: list[str] = []
    last = len(segments) - 1
    for index, segment in enumerate(segments):
        if segment != _ANY_DEPTH:
            parts.append(_segment(segment) + ("/" if index < last else ""))
        elif index < last:
            parts.append("(?:[^/]*/)*")
        else:
            parts.append(r"(?!\Z)[^/]*")
    parts.append("/" if one.only_folders else r"(?:/|\Z)")
    return "".join(parts)


def _segment(segment: str) -> str:
    """Return the expression for the name of one folder or file."""
    parts = [r"(?!\Z)"] if segment.startswith("*") else []
    at = 0
    while at < len(segment):
        character = segment[at]
        if character == "*":
            while at + 1 < len(segment) and segment[at + 1] == "*":
                at += 1
            parts.append("[^/]*")
        elif character == "?":
            parts.append("[^/]")
        elif character == "[":
            end = _end_of_class(segment, at)
            parts.append(_class(segment[at + 1 : end - 1]))
            at = end - 1
        elif character == "\\":
            at += 1
            if at == len(segment):
                msg = "it ends in a single `\\`"
                raise PatternError(msg)
            parts.append(re.escape(segment[at]))
        else:
            parts.append(re.escape(character))
        at += 1
    return "".join(parts)


def _end_of_class(pattern: str, start: int) -> int:
    """Return the place behind the `]` that closes the bracket at `start`."""
    at = start + 1
    if at < len(pattern) and pattern[at] in "!^":
        at += 1
    first = at
    while at < len(pattern):
        if pattern[at] == "]" and at > first:
            return at + 1
        if pattern.startswith("[:", at):
            msg = "named classes such as [:alpha:] are unknown; write the letters, as in [a-z]"
            raise PatternError(msg)
        at += 2 if pattern[at] == "\\" else 1
    msg = "a `[` in it is not closed by `]`; write `\\[` for the character"
    raise PatternError(msg)


def _class(inside: str) -> str:
    negated = inside[:1] in {"!", "^"}
    items: list[str] = []
    at = 1 if negated else 0
    while at < len(inside):
        low, at = _class_character(inside, at)
        if inside[at : at + 1] == "-" and at + 1 < len(inside):
            high, at = _class_character(inside, at + 1)
            if high < low:
                msg = f"the range {low}-{high} in it is empty"
                raise PatternError(msg)
            items.append(f"{_in_class(low)}-{_in_class(high)}")
        else:
            items.append(_in_class(low))
    return f"(?!/)[{'^' if negated else ''}{''.join(items)}]"


def _class_character(inside: str, at: int) -> tuple[str, int]:
    if inside[at] == "\\":
        at += 1
    return inside[at], at + 1


def _in_class(character: str) -> str:
    return f"\\x{ord(character):02x}" if ord(character) < 0x80 else character  # noqa: PLR2004
