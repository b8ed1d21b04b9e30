"""The choice of a language, and texts that no template fits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cos_migrate.language import ENGLISH, language_of, system_code

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("environ", "code"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW.utf8"}, "zh"),
        ({"LANG": "ko"}, "ko"),
        ({"LANG": "ko_KR.UTF-8@modifier"}, "ko"),
        ({"LANG": "ko-KR"}, "ko"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({"LANG": "zh_CN.GB18030"}, "en"),
        ({"LANG": "ko_KR.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ({"LC_MESSAGES": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": ""}, "ko"),
    ],
)
def test_the_language_of_the_system(environ: dict[str, str], code: str) -> None:
    assert system_code(environ) == code


def test_an_unknown_language_is_english() -> None:
    assert language_of("fr") is language_of("en") is ENGLISH


@pytest.mark.parametrize(
    "text",
    [
        "/data/photos of 2024 to keep",
        "[ok] [requestid: 1], task_info: [taskType: migrateLocal]",
        "a foreign message: it says nothing that is known",
        "",
        "\n\n",
        "{0} {1}",
    ],
)
def test_what_no_template_fits_stays(text: str) -> None:
    assert language_of("zh").say(text) == text


def test_texts_within_texts_and_names_within_them() -> None:
    say = language_of("zh").say
    assert say("  time: objects; sent \n") == "  time: objects; sent \n", "names, it seems"
    assert say("403 AccessDenied: it changed after it was listed") == (
        "403 AccessDenied: 列出之后它发生了变化"
    )
    assert say("failed: failed") == "failed: failed"
    assert say("size cannot be read: status") == "size 无法读取：status"


def test_english_loads_no_catalogue() -> None:
    code = (
        "import sys; import cos_migrate.cli.session; from cos_migrate.language import language_of;"
        "language_of('en').say('x'); print(*sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert not set(answer.stdout.decode().split()) & {"gettext", "cos_migrate.language.catalogue"}
