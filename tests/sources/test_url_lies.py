"""Web servers that tell untruths: what is stored is what they have, or nothing is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cos_migrate.errors import MigrateError, SourceChanged, SourceError
from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.sources.url_list.source import UrlListSource
from tests.fakes.messages import Answer, Request
from tests.fakes.scripted import Script, reply, scripted
from tests.sources.contract import content
from tests.sources.url_lists import only_in, source_of

BODY = b"0123456789"
DATE = "Wed, 01 Jan 2025 00:00:00 GMT"


def asking(
    tmp_path: Path, script: Script, ask: Callable[[UrlListSource, SourceObject], None]
) -> list[Request]:
    """Have the one URL of a list asked for; return all requests that came."""
    with scripted(script) as server:
        path = tmp_path / "urls"
        path.write_text(f"{server.url}/a\n", encoding="utf-8")
        source = source_of(path)
        ask(source, only_in(source))
        return server.asked_for


@pytest.mark.parametrize(
    "refusal",
    [
        *(reply(status=status) for status in (204, 400, 403, 404, 405, 406, 410, 415, 501)),
        *(reply(status=status) for status in (302, 500, 502, 503, 504)),
        reply(headers={"Content-Length": "0"}),
        None,
    ],
    ids=lambda refusal: str(refusal.status) if refusal else "broken off",
)
def test_a_head_that_is_answered_otherwise_than_a_get(
    tmp_path: Path, refusal: Answer | None
) -> None:
    def script(asked: Request) -> Answer | None:
        return refusal if asked.method == "HEAD" else reply(BODY)

    def ask(source: UrlListSource, obj: SourceObject) -> None:
        assert obj.fingerprint.size == len(BODY)
        assert content(source, obj) == BODY

    assert [asked.method for asked in asking(tmp_path, script, ask)] == ["HEAD", "GET", "GET"]


@pytest.mark.parametrize(("status", "retryable"), [(500, True), (503, True), (403, False)])
def test_what_get_is_refused_too(tmp_path: Path, status: int, retryable: bool) -> None:
    with pytest.raises(SourceError, match=f"answered {status}") as caught:
        asking(tmp_path, lambda _: reply(status=status), lambda *_: None)
    assert caught.value.retryable is retryable


@pytest.mark.parametrize("told", [4, 400])
def test_a_head_that_tells_another_length(tmp_path: Path, told: int) -> None:
    """What it tells twice although it is not so is asked of GET."""

    def script(asked: Request) -> Answer:
        length = {"Content-Length": str(told)} if asked.method == "HEAD" else {}
        return reply(BODY, headers=length)

    def ask(source: UrlListSource, obj: SourceObject) -> None:
        assert obj.fingerprint.size == told
        with pytest.raises(SourceChanged):
            content(source, obj)
        again = source.stat(obj)
        assert again.fingerprint.size == len(BODY)
        assert content(source, again) == BODY

    asking(tmp_path, script, ask)


def ranged(asked: Request, **headers: str) -> Answer:
    """Answer as asked, with more headers; a range is `bytes=a-b`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if "range" not in asked.headers:
        return reply(BODY, headers=named)
    first, last = map(int, asked.headers["range"].partition("=")[2].split("-"))
    told = {"Content-Range": f"bytes {first}-{last}/{len(BODY)}"}
    return reply(BODY[first : last + 1], 206, told | named)


def part(source: UrlListSource, obj: SourceObject, start: int, size: int) -> bytes:
    with source.open(obj, start, size) as reader:
        data = b""
        while piece := reader.read(100):
            data += piece
        reader.check_unchanged()
        return data


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ("bytes 3-5/10", "RangeIgnored"),
        ("bytes */10", "RangeIgnored"),
        ("items 2-5/10", "RangeIgnored"),
        ("", "RangeIgnored"),
        ("bytes 2-5/11", "ContradictoryAnswer"),
    ],
)
def test_a_range_that_is_another_one(tmp_path: Path, told: str, code: str) -> None:
    def ask(source: UrlListSource, obj: SourceObject) -> None:
        with pytest.raises(SourceError) as caught:
            part(source, obj, 2, 4)
        assert caught.value.code == code

    def script(asked: Request) -> Answer:
        says = ranged(asked, Last_Modified=DATE)
        if says.status == 206:
            return replace(says, headers={**says.headers, "Content-Range": told})
        return says

    asking(tmp_path, script, ask)


@pytest.mark.parametrize("more", [-1, 1])
def test_a_range_of_another_length(tmp_path: Path, more: int) -> None:
    def script(asked: Request) -> Answer:
        says = ranged(asked, Last_Modified=DATE)
        if says.status == 206:
            return replace(says, body=(says.body + b"!")[: 4 + more])
        return says

    def ask(source: UrlListSource, obj: SourceObject) -> None:
        with pytest.raises(MigrateError) as caught:
            part(source, obj, 2, 4)
        assert caught.value.retryable

    asking(tmp_path, script, ask)


def test_parts_that_nothing_tells_the_version_of(tmp_path: Path) -> None:
    """They could be of two contents: such a URL is read in one go."""

    def ask(source: UrlListSource, obj: SourceObject) -> None:
        with pytest.raises(SourceError) as caught:
            part(source, obj, 2, 4)
        assert caught.value.code == "RangeIgnored"
        assert content(source, obj) == BODY

    asking(tmp_path, ranged, ask)


def test_a_weak_tag_tells_versions_apart_where_nothing_else_does(tmp_path: Path) -> None:
    tag = 'W/"v1"'

    def script(asked: Request) -> Answer:
        assert "if-match" not in asked.headers
        return ranged(asked, ETag=tag)

    def ask(source: UrlListSource, obj: SourceObject) -> None:
        nonlocal tag
        assert obj.fingerprint == Fingerprint(len(BODY), -1, 'W/"v1"')
        assert part(source, obj, 2, 4) == BODY[2:6]
        tag = '"v1"'  # a strong one that names the same
        assert part(source, obj, 2, 4) == BODY[2:6]
        tag = 'W/"v2"'
        with pytest.raises(SourceChanged):
            part(source, obj, 6, 4)
        with pytest.raises(SourceChanged):
            content(source, obj)

    asking(tmp_path, script, ask)


def test_a_strong_tag_that_becomes_another_or_weak(tmp_path: Path) -> None:
    tag = '"v1"'

    def ask(source: UrlListSource, obj: SourceObject) -> None:
        nonlocal tag
        tag = 'W/"v1"'
        assert part(source, obj, 2, 4) == BODY[2:6]
        tag = '"v2"'
        with pytest.raises(SourceChanged):
            part(source, obj, 2, 4)

    asking(tmp_path, lambda asked: ranged(asked, ETag=tag), ask)


def test_a_body_that_ends_before_its_length(tmp_path: Path) -> None:
    def script(asked: Request) -> Answer:
        return reply(BODY, cut=4 if asked.method == "GET" else -1)

    def ask(source: UrlListSource, obj: SourceObject) -> None:
        with pytest.raises(MigrateError) as caught:
            content(source, obj)
        assert caught.value.retryable

    asking(tmp_path, script, ask)


@pytest.mark.parametrize("page", [b"<html>a </html>"[:10], b"<html>"], ids=["its size", "another"])
def test_a_page_of_another_type_than_head_tells(tmp_path: Path, page: bytes) -> None:
    """A GET without the time that HEAD tells is believed only where all else is the same."""

    def script(asked: Request) -> Answer:
        if asked.method == "HEAD":
            return reply(BODY, headers={"Last-Modified": DATE, "Content-Type": "image/png"})
        return reply(page, headers={"Content-Type": "text/html"})

    def ask(source: UrlListSource, obj: SourceObject) -> None:
        with pytest.raises(SourceError) as caught:
            content(source, obj)
        assert caught.value.code == "ContradictoryAnswer"
        assert caught.value.retryable

    asking(tmp_path, script, ask)


def test_a_range_that_is_refused_although_it_is_there(tmp_path: Path) -> None:
    """Then the object is read in one go; it has changed only where HEAD says so."""
    tag = '"v1"'

    def script(asked: Request) -> Answer:
        refused = asked.method == "GET" and "range" in asked.headers
        return reply(status=416) if refused else reply(BODY, headers={"ETag": tag})

    def ask(source: UrlListSource, obj: SourceObject) -> None:
        nonlocal tag
        with pytest.raises(SourceError) as caught:
            part(source, obj, 2, 4)
        assert caught.value.code == "RangeIgnored"
        tag = '"v2"'
        with pytest.raises(SourceChanged):
            part(source, obj, 2, 4)

    asking(tmp_path, script, ask)
