"""Suggestions for misspelt sections and keys: the known name that was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from cos_migrate.config.options import Option, Section, declared_options

Options = Mapping[str, Mapping[str, Option]]
"""Section -> every spelling of its keys -> the option."""

_CLOSE_SECTION = 0.8
_CLOSE_SECTION_WITH_OUR_KEY = 0.55
_CLOSE_KEY = 0.6


class LazyOptions(Mapping[str, Mapping[str, Option]]):
    """The options of every section, read from each dataclass when first used."""

    def __init__(self, sections: Mapping[str, type[Section]]) -> None:
        """`sections`: name -> dataclass, looked up only when needed: that may load a source."""
        self._sections = sections
        self._names = tuple(sections)
        self._made: dict[str, Mapping[str, Option]] = {}

    def __getitem__(self, section: str) -> Mapping[str, Option]:
        if section not in self._made:
            self._made[section] = _spelled(self._sections[section])
        return self._made[section]

    def __contains__(self, section: object) -> bool:
        return section in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _spelled(section: type[Section]) -> Mapping[str, Option]:
    """Return the options of a section by every spelling of their keys."""
    return {
        spelling: field.option
        for field in declared_options(section)
        for spelling in (field.option.key, *field.option.aliases)
    }


def near_misses(key: str, known: Mapping[str, Option]) -> list[Option]:
    """Return the options whose key differs from `key` only by case, by one letter or by marks.

    One letter may be missing, added, replaced or swapped with its neighbour. Marks are those that
    other formats write around a key: `"key"`, `- key`, `export key`.
    """
    key = re.sub(r"^(?:export|set)\s|\W", "", key)
    found = [known[spelling] for spelling in known if _nearly_equal(key.lower(), spelling.lower())]
    return list(dict.fromkeys(found))


def _nearly_equal(one: str, other: str) -> bool:
    pairs = zip(one, other, strict=False)
    start = next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
    left, right = one[start:], other[start:]
    return (
        left[1:] == right[1:]
        or left[1:] == right
        or left == right[1:]
        or (left[:2] == right[1::-1] and left[2:] == right[2:])
    )


def override_problem(section: str, key: str, options: Options) -> str:
    """Return the problem with `-Dsection.key`; empty when it is meant for Java.

    Java has many such arguments (`-Dfile.encoding`, `-Dhttp.proxyHost`), so an argument that is
    not similar to a section of ours counts as one of them.
    """
    if section in options:
        return f"unknown key -D{section}.{key}{nearest_key(section, key, options)}"
    if not section:
        homes = [name for name, keys in options.items() if key in keys]
        ways = " or ".join(f"-D{home}.{key}=value" for home in homes)
        return f"-D{key} names no section; legal: {ways}" if homes else ""
    close = _closest(section, options, _CLOSE_SECTION)
    if not close:
        homes = [name for name, keys in options.items() if key in keys]
        close = _closest(section, homes, _CLOSE_SECTION_WITH_OUR_KEY)
    if not close:
        return ""
    return f"unknown section -D{section}.{key}; the nearest is -D{close}.{key}"


def nearest_section(section: str, options: Options) -> str:
    """Return the known section that was probably meant; empty: none is similar."""
    return _closest(section, options, _CLOSE_SECTION)


def nearest_key(section: str, key: str, options: Options) -> str:
    """Return `; the nearest known key is ...`, or the section of the key, or where to look."""
    homes = [name for name, keys in options.items() if key in keys]
    close = _closest(key, options[section], _CLOSE_KEY)
    nearest = f"; the nearest known key is {close}" if close else ""
    if homes:
        elsewhere = f"; {key} is a key of {' and '.join(f'[{home}]' for home in homes)}"
        return elsewhere + (nearest if near_misses(key, options[section]) else "")
    if nearest:
        return nearest
    return f"; the shipped conf/config.ini explains every key of [{section}]"


def _closest(name: str, known: Iterable[str], cutoff: float) -> str:
    by_lower = {one.lower(): one for one in known}
    import difflib  # noqa: PLC0415 - needed only for misspelt names

    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[close[0]] if close else ""
