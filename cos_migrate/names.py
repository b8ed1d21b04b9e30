"""What was meant by a section or a key that is not known.

Pure functions over the names that `config` knows; whether a slip is an error is for `config`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cos_migrate.options import Option

Options = Mapping[str, Mapping[str, Option]]
"""Section -> every spelling of its keys -> the option."""

_CLOSE_SECTION = 0.8
_CLOSE_SECTION_WITH_OUR_KEY = 0.55
_CLOSE_KEY = 0.6


def problem_with_override(section: str, key: str, options: Options) -> str:
    """Return what is wrong with `-Dsection.key`, or nothing when it is none of our words.

    Java knows many of these (`-Dfile.encoding`, `-Dhttp.proxyHost`), so what is not near to a
    section of ours is taken for one of them.
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
    """Return `; the nearest known section is ...`, or nothing when none is near."""
    close = _closest(section, options, _CLOSE_SECTION)
    return f"; the nearest known section is [{close}]" if close else ""


def nearest_key(section: str, key: str, options: Options) -> str:
    """Return `; the nearest known key is ...`, or where the key belongs, or where to look."""
    homes = [name for name, keys in options.items() if key in keys]
    if homes:
        return f"; {key} is a key of {' and '.join(f'[{home}]' for home in homes)}"
    close = _closest(key, options[section], _CLOSE_KEY)
    if close:
        return f"; the nearest known key is {close}"
    return f"; the shipped conf/config.ini explains every key of [{section}]"


def _closest(name: str, known: Iterable[str], cutoff: float) -> str:
    by_lower = {one.lower(): one for one in known}
    import difflib  # noqa: PLC0415 - only a slip needs it

    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[close[0]] if close else ""
