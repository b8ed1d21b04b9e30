"""Add what the READMEs, docs/keys.md and conf/config.ini lack of declared sources and keys.

Run `tests/.venv/bin/python -m tests.key_documents` after adding a source. Text that is
there stays as it is. The comment of a key is its `help`, in both languages (`English / 中文`), or
that of the section it is inherited from.
"""

from __future__ import annotations

import re
from pathlib import Path

from cos_migrate.config.display import spell_value
from cos_migrate.config.options import REQUIRED, DeclaredOption, Section, declared_options
from cos_migrate.sources.registry import SECTIONS

ROOT = Path(__file__).resolve().parents[1]
READMES = tuple(sorted(ROOT.glob("README*.md")))
KEYS = ROOT / "docs/keys.md"
CONFIG = ROOT / "conf/config.ini"
_RULE = f"# {'-' * 93}\n"


def main() -> None:
    """Complete the files."""
    readmes = [(path, complete_readme) for path in READMES]
    for path, complete in (*readmes, (KEYS, complete_keys), (CONFIG, complete_config)):
        text = path.read_text(encoding="utf-8")
        path.write_text(complete(text), encoding="utf-8", newline="\n")


def complete_readme(text: str) -> str:
    """Return the README, in any language, with a row for every source."""
    for name, section in SECTIONS.items():
        if f"\n| `{name}` |" not in text:
            page = f"docs/sources/{name.removeprefix('migrate').lower()}.md"
            last = re.findall("^\\| `migrate\\w+` \\|.*\\) \\|\n", text, re.MULTILINE)[-1]
            text = text.replace(last, f"{last}| `{name}` | {_title(section)} | [page]({page}) |\n")
    return text


def complete_keys(text: str) -> str:
    """Return the page of all keys with a table for every section."""
    for name, section in SECTIONS.items():
        if not re.search(rf"^## .*`\[{name}\]`", text, re.MULTILINE):
            rows = "".join(map(_row, declared_options(section)))
            head = f"## `[{name}]`\n\n| key | default | legal | meaning |\n|---|---|---|---|\n"
            text = f"{text.rstrip()}\n\n{head}{rows}"
    return text


def complete_config(text: str) -> str:
    """Return the configuration with a section for every source."""
    for name, section in SECTIONS.items():
        if f"\n[{name}]\n" in text:
            continue
        last = re.findall("^#   migrate\\w+ .*\n", text, re.MULTILINE)[-1]
        text = text.replace(last, f"{last}#   {name:18} {_title(section)}\n")
        keys = "".join(f"{_comment(text, one)}{_line(one)}\n" for one in declared_options(section))
        text = f"{text.rstrip()}\n\n\n{_RULE}# {_title(section)}\n{_RULE}[{name}]\n{keys}"
    return text


def _title(section: type[Section]) -> str:
    return (section.__doc__ or "").partition("\n")[0].removesuffix(".")


def _row(one: DeclaredOption) -> str:
    default = "required" if one.default is REQUIRED else _default(one)
    legal, meaning = one.option.legal, one.option.help.partition(" / ")[0]
    return f"| `{one.option.key}` | {default} | {legal} | {meaning} |\n".replace("|  |", "| |")


def _comment(text: str, one: DeclaredOption) -> str:
    """Return the comment that another section has for the same declaration, else the help."""
    for name, section in SECTIONS.items():
        _, mark, keys = text.partition(f"\n[{name}]\n")
        if mark and any(other == one for other in declared_options(section)):
            found = re.search(f"((?:^#.*\n)+){one.option.key}=", keys, re.MULTILINE)
            if found:
                return found[1]
    help_ = one.option.help
    return f"# {help_[:1].upper()}{help_[1:]}\n"


def _line(one: DeclaredOption) -> str:
    key, stand_ins = one.option.key, (*one.option.placeholders, f"<{one.option.key}>")
    return f"{key}={stand_ins[0] if one.default is REQUIRED else _default(one)}"


def _default(one: DeclaredOption) -> str:
    """Return a default as it can be written down; empty where it cannot."""
    text = spell_value(one.default, one.option)
    try:
        return text if one.option.parse(text) == one.default else ""
    except ValueError:
        return ""


if __name__ == "__main__":
    main()
