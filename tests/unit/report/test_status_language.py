"""The status page in another language, beside data that no language changes."""

from __future__ import annotations

import json
import re

import pytest

from cos_migrate.language import language_of
from cos_migrate.report.status.board import Board
from cos_migrate.report.status.page_texts import SCRIPT, texts_of_page
from cos_migrate.report.status.server import Answers


@pytest.fixture
def board() -> Board:
    board = Board()
    board.warn("its tags are not carried over: COS refuses them (AccessDenied)")
    return board


def body(board: Board, code: str, path: str) -> str:
    return Answers(board, language_of(code)).pages[path]().body.decode()


def test_the_page_and_its_script(board: Board) -> None:
    page = body(board, "ko", "/")
    assert '<html lang="ko">' in page
    assert "일시 중지</button>" in page
    assert [text for text in texts_of_page() if f">{text}<" in page and " " in text] == []
    texts = body(board, "ko", "/texts.js")
    said = json.loads(texts.removeprefix("const TEXTS = ").removesuffix(";\n"))
    assert said["{0} of {1} objects"] == "객체 {0}/{1}개"
    assert body(board, "en", "/texts.js") == "const TEXTS = {};\n"


def test_only_the_page_gets_translated_data(board: Board) -> None:
    shown = json.loads(body(board, "zh", "/page.json"))["warnings"][0]["message"]
    assert shown == "其标签没有保留：COS 拒绝（AccessDenied）"
    assert "its tags are not carried over" in body(board, "zh", "/status.json")


def test_the_script_says_no_text_without_translating_it() -> None:
    script = SCRIPT.read_text(encoding="utf-8")
    assert '"/page.json"' in script
    assert re.findall(r"textContent = [\"`][A-Za-z]", script) == []
    assert re.findall(r"setState\([\"`]", script) == []
