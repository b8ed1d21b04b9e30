"""The status page in a language: its markup, and the texts of its script."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

from cos_migrate.language import Language

PAGE, SCRIPT = (Path(__file__).with_name(name) for name in ("page.html", "page.js"))
_BETWEEN_TAGS = re.compile(r">([^<>]*[a-z][^<>]*)<")
_SAID = re.compile(r"\bsay\((\"[^\"\n]*\")")
"""A text that the script translates: the first argument, a string with values as `{0}`."""


def texts_of_page() -> list[str]:
    """Return the texts in the markup of the status page, to be translated."""
    return _BETWEEN_TAGS.findall(PAGE.read_text(encoding="utf-8"))


def texts_of_script() -> list[str]:
    """Return the texts in the script of the status page, to be translated."""
    found = _SAID.findall(SCRIPT.read_text(encoding="utf-8"))
    return list(dict.fromkeys(map(json.loads, found)))


def page(language: Language) -> bytes:
    """Return the markup of the status page in a language."""

    def translate(found: re.Match[str]) -> str:
        return f">{html.escape(language.say(found[1]), quote=False)}<"

    text = PAGE.read_text(encoding="utf-8")
    text = text.replace('<html lang="en">', f'<html lang="{language.code}">')
    return _BETWEEN_TAGS.sub(translate, text).encode()


def script_texts(language: Language) -> bytes:
    """Return a script with translations of the texts in `page.js`; there are none in English."""
    texts = {text: language.say(text) for text in texts_of_script()}
    changed = {text: said for text, said in texts.items() if said != text}
    return f"const TEXTS = {json.dumps(changed, ensure_ascii=False)};\n".encode()
