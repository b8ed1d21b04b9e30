"""Reads the lines of `--json`, each compared with docs/events.schema.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCHEMA = json.loads(
    (Path(__file__).parents[1] / "docs" / "events.schema.json").read_text(encoding="utf-8")
)
Event = dict[str, Any]
_TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
}
_WORDS = {"description", "title", "$schema"}


def events(text: str) -> list[Event]:
    """Return the lines of an output, all of which must be events."""
    found = []
    for line in text.splitlines():
        event = json.loads(line)
        line.encode("ascii")
        json.dumps(event, ensure_ascii=False).encode()  # no half of a character
        problem = problem_of(event, SCHEMA)
        assert not problem, f"{problem}: {line}"
        found.append(event)
    return found


def named(found: list[Event], name: str, **values: object) -> list[Event]:
    """Return the events of a name that have certain values."""
    return [each for each in found if each["event"] == name and values.items() <= each.items()]


def problem_of(value: Any, schema: Mapping[str, Any]) -> str:
    """Return how a value differs from a JSON schema, of which it knows what ours uses."""
    for word, wanted in schema.items():
        problem = "" if word in _WORDS else _problem(word, wanted, value, schema)
        if problem:
            return problem
    return ""


def _problem(word: str, wanted: Any, value: Any, schema: Mapping[str, Any]) -> str:
    match word:
        case "const":
            return "" if value == wanted else f"{value!r} is not {wanted!r}"
        case "enum":
            return "" if value in wanted else f"{value!r} is none of {wanted}"
        case "minimum":
            return "" if value >= wanted else f"{value!r} is below {wanted}"
        case "type":
            right = isinstance(value, _TYPES[wanted])  # type: ignore[arg-type]
            is_bool = isinstance(value, bool) and wanted != "boolean"
            return "" if right and not is_bool else f"{value!r} is no {wanted}"
        case "required":
            missing = set(wanted) - set(value)
            return f"{missing} are missing" if missing else ""
        case "additionalProperties":
            more = set(value) - set(schema["properties"])
            return f"{more} are not described" if more else ""
        case "properties":
            of_each = (problem_of(value[name], wanted[name]) for name in wanted if name in value)
            return next(filter(None, of_each), "")
        case "items":
            return next(filter(None, (problem_of(each, wanted) for each in value)), "")
        case "oneOf":
            problems = [problem_of(value, each) for each in wanted]
            return "" if problems.count("") == 1 else f"matches not one, but: {problems}"
    raise AssertionError(f"the schema uses {word}, which is not compared")
