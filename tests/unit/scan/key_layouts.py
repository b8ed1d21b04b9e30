"""Layouts of keys that listings meet: no folders, long prefixes, dense and empty stretches."""

from __future__ import annotations

import random
from collections.abc import Callable


def _uuids(count: int, chance: random.Random) -> list[str]:
    return [f"{chance.getrandbits(128):032x}" for _ in range(count)]


def _dates(count: int, chance: random.Random) -> list[str]:
    keys = []
    for _ in range(count):
        day = int(1500 * chance.random() ** 0.3)  # more from day to day
        stamp = f"{2020 + day // 360}-{day // 30 % 12 + 1:02}-{day % 30 + 1:02}"
        keys.append(f"logs/{stamp}T{chance.randrange(24):02}-{chance.getrandbits(40):010x}")
    return keys


def _counters(count: int, chance: random.Random) -> list[str]:  # noqa: ARG001
    return [f"backup/a/very/long/prefix/of/one/tenant/img_{n:012}.jpg" for n in range(count)]


def _pictographs(count: int, chance: random.Random) -> list[str]:
    first, last = 0x1F300, 0x1F600
    return ["".join(chr(chance.randrange(first, last)) for _ in range(8)) for _ in range(count)]


def _crowded(count: int, chance: random.Random) -> list[str]:
    """Put 90 % below one key."""
    crowd = [f"hot/{number:09}" for number in range(count * 9 // 10)]
    return crowd + [f"{chance.getrandbits(64):016x}" for _ in range(count - len(crowd))]


def _partitions(count: int, chance: random.Random) -> list[str]:
    return [
        f"dt={2020 + n % 5}-{n % 12 + 1:02}-{n % 28 + 1:02}/hour={n % 24:02}/{chance.random()}.orc"
        for n in range(count)
    ]


def _one(count: int, chance: random.Random) -> list[str]:  # noqa: ARG001
    return ["x"]


LAYOUTS: dict[str, Callable[[int, random.Random], list[str]]] = {
    "uuids": _uuids,
    "dates": _dates,
    "counters": _counters,
    "pictographs": _pictographs,
    "crowded": _crowded,
    "partitions": _partitions,
    "one": _one,
}
"""Name -> a function of the number of keys and a source of chance; they may repeat a key."""


def keys_in(layout: str, count: int, seed: int = 1) -> list[str]:
    """Return the keys of a layout in their order."""
    return sorted(set(LAYOUTS[layout](count, random.Random(seed))))
