"""The catalogues are complete and fresh, and each translation is found by its English text."""

from __future__ import annotations

import re

import pytest

from cos_migrate.language import CODES, ENGLISH_CODE, language_of
from cos_migrate.language.catalogue import VALUE
from tests import catalogues

pytestmark = pytest.mark.xdist_group("texts")  # the package is searched for them once
TRANSLATED = [code for code in CODES if code != ENGLISH_CODE]
HOW = "run `python -m tests.catalogues`, fill in the empty translations, and run it again"
QUOTED = (
    "config key miss. section: ",
    "config {0} not exist or readable!",
    "section {0} miss! you mustn't delete it",
    "invalid config. section:{0}, key:type",
    "init db error, may be another process with same config is running ",
)
"""Texts of the Java tool, for which scripts look; they begin each translation."""


def samples(template: str) -> str:
    """Return a template with values that no translation holds."""
    return VALUE.sub(lambda found: f"1{found[1]}0{found[1]}7", template)


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_text_is_translated_and_no_other(code: str) -> None:
    known = catalogues.read(catalogues.FOLDER / f"{code}.po")
    wanted = {one.template for one in catalogues.texts()}
    assert not wanted - {text for text, said in known.items() if said}, HOW
    assert not known.keys() - wanted, HOW


def test_a_text_stands_once() -> None:
    assert catalogues.repeated() == [], "make it a constant or a function in the room that owns it"


def test_the_texts_that_stay_english_exist() -> None:
    assert catalogues.unused_kept() == [], "remove these from tests/data/kept_english.txt"


@pytest.mark.parametrize("code", TRANSLATED)
def test_the_compiled_catalogue_is_fresh(code: str) -> None:
    path = catalogues.FOLDER / f"{code}.po"
    assert path.with_suffix(".mo").read_bytes() == catalogues.compiled(catalogues.read(path)), HOW


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_translation_has_the_values_of_its_text(code: str) -> None:
    for text, said in catalogues.read(catalogues.FOLDER / f"{code}.po").items():
        assert set(VALUE.findall(text)) == set(VALUE.findall(said)), text
        for own in (r"\[common\]", r"\$\{\w+\}", r"--[a-z-]+", r"\b[a-z]+[A-Z]\w+=?"):
            assert set(re.findall(own, text)) <= set(re.findall(own, said, re.ASCII)), text


@pytest.mark.parametrize("code", TRANSLATED)
def test_each_text_is_recognised(code: str) -> None:
    say = language_of(code).say
    known = catalogues.read(catalogues.FOLDER / f"{code}.po")
    wrong = [text for text, said in known.items() if say(samples(text)) != samples(said)]
    assert wrong == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_what_scripts_look_for_stays(code: str) -> None:
    known = catalogues.read(catalogues.FOLDER / f"{code}.po")
    for quoted in QUOTED:
        found = [said for text, said in known.items() if text.startswith(quoted.strip())]
        assert found, quoted
        assert all(said.startswith(quoted) for said in found), quoted
