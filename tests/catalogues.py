"""Keeps the catalogues of translations complete: cos_migrate/language/*.po and *.mo.

Run `tests/.venv/bin/python -m tests.catalogues` after adding or changing a text for people. It adds
the new texts with empty translations to zh.po and ko.po, removes those that are gone, and compiles
both. Then fill in the empty translations, and run it again. A text that must stay English (an event
line, a record, what scripts read) is a line of tests/data/kept_english.txt instead.

A text is found by its look: two words, or a word beside a value, in a string of the package that is
no docstring; besides what is passed to `say`. The values of an f-string are numbered, such as `{0}
is not a file`.
"""

from __future__ import annotations

import ast
import collections
import functools
import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cos_migrate.cli.init_config import needed_options
from cos_migrate.language.catalogue import VALUE, edges
from cos_migrate.report.status import page_texts
from cos_migrate.sources.registry import SECTIONS

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "cos_migrate"
FOLDER = PACKAGE / "language"
KEPT = ROOT / "tests" / "data" / "kept_english.txt"
TRANSLATED = ("zh", "ko")
_PROSE = re.compile(r"[a-z]{2,}[,:;)]? \(?[a-zA-Z]*[a-z]{2,}")
_WORD = re.compile(r"[a-z]{3,}[,:;]? | [a-z]{3,}\b")
"""A word beside a blank, which is prose where it stands beside a value."""
_PLAIN_WORD = re.compile(r"(?<!\w)[A-Za-z]?[a-z]+(?!\w)")
_SENTENCE_LEAST = 4
_NO_PROSE = re.compile(r"</|<!|^:root|[a-z]=\"|\r\n|\\\[|charset=")
"""In markup, style sheets, headers and regular expressions."""
_SAYING = frozenset({"say", "_say", "ConfigCheck"})
"""Functions that get texts for people, single words among them."""
_OPTIONS = re.compile(r"(\w+_)?option")
"""Functions that declare keys; `--init` alone shows their help."""
_HEADER = """\
# Texts of cos-migrate in {name}. Values are numbered: {{0}}.
# `python -m tests.catalogues` adds and removes texts, and compiles this file.
msgid ""
msgstr ""
"Project-Id-Version: cos-migrate\\n"
"Language: {code}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""
_NAMES = {"zh": "simplified Chinese", "ko": "Korean"}


class Text(NamedTuple):
    """A text for people in the source."""

    template: str
    place: str
    """The file that it was first found in."""


def main() -> None:
    """Bring all catalogues up to date, and print what they lack."""
    wanted = texts()
    for code in TRANSLATED:
        path = FOLDER / f"{code}.po"
        known = read(path)
        path.write_text(_spelled(code, wanted, known), encoding="utf-8", newline="\n")
        path.with_suffix(".mo").write_bytes(compiled(read(path)))
        missing = [one for one in wanted if not known.get(one.template)]
        print(f"{path.name}: {len(wanted)} texts, {len(missing)} without a translation")
        for one in missing:
            print(f"  {one.place}: {json.dumps(one.template, ensure_ascii=False)}")


@functools.cache
def texts() -> list[Text]:
    """Return every text that is to be translated, in the order of files."""
    kept = set(kept_english())
    found: dict[str, Text] = {}
    for template, place in _all_texts():
        if template not in kept:
            found.setdefault(template, Text(template, place))
    return list(found.values())


def kept_english() -> list[str]:
    """Return the templates that stay English."""
    return [json.loads(line) for line in KEPT.read_text(encoding="utf-8").splitlines()]


def unused_kept() -> list[str]:
    """Return the templates of the list that the source does not have any more."""
    found = {template for template, _ in _all_texts()}
    return [one for one in kept_english() if one not in found]


def repeated() -> list[str]:
    """Return the sentences that stand more than once in the package's modules."""
    modules = [each for each in _all_texts() if each[1].endswith(".py")]
    counts = collections.Counter(template for template, _ in modules)
    return [text for text, count in counts.items() if count > 1 and _is_sentence(text)]


def _is_sentence(template: str) -> bool:
    """Return whether a text has four words or more, names of keys aside."""
    return len(_PLAIN_WORD.findall(VALUE.sub("", template))) >= _SENTENCE_LEAST


@functools.cache
def _all_texts() -> tuple[tuple[str, str], ...]:
    return tuple(_found_texts())


def _found_texts() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        if place.startswith("emulator/"):
            continue
        for node in _strings(ast.parse(path.read_text(encoding="utf-8"))):
            template = _template(node.node)
            if re.search("[a-z]", VALUE.sub("", template)) and (
                node.is_said or _is_prose(template)
            ):
                yield edges(template)[1], place
    for name in SECTIONS:
        for section, options in needed_options(name):
            for one in options:
                yield one.option.help, f"[{section}]"
    for text in page_texts.texts_of_page():
        yield edges(text)[1], "report/status/page.html"
    for text in page_texts.texts_of_script():
        yield edges(text)[1], "report/status/page.js"


def _is_prose(template: str) -> bool:
    if _NO_PROSE.search(template):
        return False
    bare = VALUE.sub("*", template)
    return bool(_PROSE.search(bare) or ("*" in bare and _WORD.search(bare)))


class _String(NamedTuple):
    node: ast.Constant | ast.JoinedStr
    is_said: bool = False
    """Whether it is passed to `say`."""


def _strings(node: ast.AST, *, is_said: bool = False) -> Iterator[_String]:
    """Yield all strings below a node but docstrings and the help of keys."""
    if isinstance(node, ast.JoinedStr):
        yield _String(node, is_said)
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                yield from _strings(value.value)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield _String(node, is_said)
    elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        called = _called(node)
        is_said = called in _SAYING or (is_said and isinstance(node, ast.IfExp))
        for child in ast.iter_child_nodes(node):
            if not (_OPTIONS.fullmatch(called) and _is_help(node, child)):
                yield from _strings(child, is_said=is_said)


def _called(node: ast.AST) -> str:
    """Return the name of the function that a node calls; empty: it calls none."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return getattr(function, "attr", "") or getattr(function, "id", "")


def _is_help(call: ast.AST, child: ast.AST) -> bool:
    """Return whether an argument of a declaration is its help."""
    if isinstance(child, ast.keyword):
        return child.arg == "help"
    return isinstance(call, ast.Call) and child in call.args[1:2]


def _template(node: ast.Constant | ast.JoinedStr) -> str:
    """Return a string with numbers in place of its values."""
    count = 0
    text = ""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    for part in parts:
        if isinstance(part, ast.Constant):
            for piece in re.split(r"(\{\})", str(part.value)):  # as for str.format
                text += f"{{{count}}}" if piece == "{}" else piece
                count += piece == "{}"
        else:
            text += f"{{{count}}}"
            count += 1
    return text


def read(path: Path) -> dict[str, str]:
    """Return the translations of a catalogue, by template."""
    known: dict[str, str] = {}
    source = ""
    lines = path.read_text(encoding="utf-8") if path.exists() else ""
    for kind, strings in re.findall(r'^(msgid|msgstr) ((?:".*"\n)+)', lines, re.MULTILINE):
        text = "".join(json.loads(each) for each in strings.splitlines())
        if kind == "msgid":
            source = text
        elif source:
            known[source] = text
    return known


def _spelled(code: str, wanted: list[Text], known: dict[str, str]) -> str:
    """Return a catalogue as text."""
    entries = [_HEADER.format(code=code, name=_NAMES[code])]
    for one in wanted:
        said = known.get(one.template, "")
        entries.append(f"\n#: {one.place}\nmsgid {_quoted(one.template)}msgstr {_quoted(said)}")
    return "".join(entries)


def _quoted(text: str) -> str:
    lines = text.splitlines(keepends=True) or [""]
    if len(lines) > 1:
        lines.insert(0, "")
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)


def compiled(known: dict[str, str]) -> bytes:
    """Return a catalogue as gettext reads it; texts without a translation are left out."""
    header = "Content-Type: text/plain; charset=UTF-8\n"
    pairs = [("", header), *((text, said) for text, said in known.items() if said)]
    data = [tuple(text.encode() for text in pair) for pair in sorted(pairs)]
    count, start = len(data), 28
    at = start + 16 * count
    tables: list[bytes] = []
    for column in (0, 1):
        for pair in data:
            tables.append(struct.pack("<II", len(pair[column]), at))
            at += len(pair[column]) + 1
    texts_of = [b"".join(pair[column] + b"\0" for pair in data) for column in (0, 1)]
    head = struct.pack("<7I", 0x950412DE, 0, count, start, start + 8 * count, 0, at)
    return head + b"".join(tables) + b"".join(texts_of)


if __name__ == "__main__":
    main()
