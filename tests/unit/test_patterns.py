from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cos_migrate.patterns import PatternError, Patterns, split_patterns


def matches(pattern: str, path: str) -> bool:
    return Patterns([pattern]).match(path)


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("*.jpg", ["a.jpg", "x/a.jpg", "x.jpg/a", ".jpg"], ["a.jpgx", "a.JPG", "jpg"]),
        ("foo", ["foo", "x/foo", "foo/x", "x/foo/", "x/foo/y/z"], ["xfoo", "foox", "x/fo"]),
        ("foo/", ["foo/", "foo/x", "x/foo/y"], ["foo", "x/foo", "xfoo/y"]),
        ("a/b", ["a/b", "a/b/c", "a/b/"], ["x/a/b", "a/bc", "a"]),
        ("/a", ["a", "a/x", "a/"], ["x/a", "ab"]),
        ("**/a/b", ["a/b", "x/a/b", "x/y/a/b/c"], ["xa/b", "a/x/b"]),
        ("a/**", ["a/b", "a/b/c", "a/.x"], ["a", "a/", "x/a/b"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b", "a/x/b/c"], ["ab", "a/xb", "a/bx"]),
        ("a/*", ["a/x", "a/x/y", "a/.x", "a//x"], ["a/", "a", "x/a/y"]),
        ("a/*/c", ["a/b/c", "a/b/c/d"], ["a/c", "a/b/b/c"]),
        ("a?c", ["abc", "x/a.c"], ["ac", "a/c", "abbc"]),
        ("a**b", ["ab", "axxb", "x/a.b"], ["a/b"]),
        ("**", ["a", "a/b"], []),
        ("[a-c]x", ["ax", "y/cx"], ["dx", "x"]),
        ("[!a-c]x", ["dx", "-x"], ["ax", "x"]),
        ("a[!b]c", ["axc"], ["a/c", "abc"]),
        ("[]a]x", ["]x", "ax"], ["bx"]),
        ("[a\\]]x", ["]x", "ax"], ["\\x"]),
        ("{a,b/c}", ["a", "x/a", "b/c", "b/c/d"], ["x/b/c", "c"]),
        ("*.{jpg,pn{g,m}}", ["a.jpg", "a.png", "a.pnm"], ["a.pn", "a.gif"]),
        ("{a}{", ["{a}{", "x/{a}{"], ["a"]),
        ("[{,}]x", ["{x", ",x"], ["x"]),
        ("\\{a,b\\}", ["{a,b}"], ["a", "b"]),
        ("\\*", ["*", "x/*"], ["a"]),
        ("\\!a", ["!a"], ["a"]),
        ("a$.^(b)+|", ["a$.^(b)+|"], ["a"]),
        ("a\nb", ["a\nb"], ["ab"]),
        ("a*", ["a\n", "ab\n"], ["\na"]),
        ("ä/ö*", ["ä/öx"], ["ä/o"]),
    ],
)
def test_what_a_pattern_matches(pattern: str, taken: list[str], left: list[str]) -> None:
    assert [path for path in taken if not matches(pattern, path)] == []
    assert [path for path in left if matches(pattern, path)] == []


def test_split() -> None:
    assert split_patterns(" *.a ; b\\;c;; d e ;") == ("*.a", "b\\;c", "d e")
    assert split_patterns("a\\ ;b") == ("a\\ ", "b")
    assert split_patterns("") == ()


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("!a", "only a filterFile"),
        ("a[b", "not closed"),
        ("a\\", "single `\\`"),
        ("[[:alpha:]]", "named classes"),
        ("[z-a]", "range z-a"),
        ("a//b", "has no name"),
        ("/", "has no name"),
        ("{a,b}" * 12, "more than 1000"),
    ],
)
def test_what_cannot_be_read(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError, match=re.escape(reason)):
        Patterns([pattern])


@pytest.mark.parametrize(
    ("pattern", "open_", "closed"),
    [
        ("docs/*.md", ["docs/", "docs/x.md/"], ["src/", "docsx/", "docs/x/"]),
        ("a/*/c/x", ["a/", "a/b/", "a/b/c/"], ["b/", "a/b/d/"]),
        ("a/**/c", ["a/", "a/x/", "a/x/y/"], ["b/"]),
        ("*.md", ["src/", "a/b/c/"], []),
        ("a/b", ["a/", "a/b/", "a/b/c/"], ["a/c/"]),
    ],
)
def test_folders_that_may_hold_a_match(pattern: str, open_: list[str], closed: list[str]) -> None:
    patterns = Patterns([pattern])
    assert [folder for folder in open_ if not patterns.may_match_below(folder)] == []
    assert [folder for folder in closed if patterns.may_match_below(folder)] == []


# An independent matcher: character by character, by recursion, without regular expressions.


def slow_match(pattern: str, path: str) -> bool:
    return any(_slow_one(each, path) for each in _slow_expand(pattern))


def _slow_expand(pattern: str) -> list[str]:
    depth, begin = 0, -1
    for at, character in enumerate(pattern):
        if character == "{":
            depth, begin = depth + 1, at
        elif character == "}" and depth:
            inner = pattern[begin + 1 : at]
            if "," in inner:
                return [
                    done
                    for text in inner.split(",")
                    for done in _slow_expand(pattern[:begin] + text + pattern[at + 1 :])
                ]
            return (
                [pattern[: at + 1] + rest for rest in _slow_expand(pattern[at + 1 :])]
                if "{" in pattern[at + 1 :]
                else [pattern]
            )
    return [pattern]


def _slow_one(pattern: str, path: str) -> bool:
    only_folders = pattern.endswith("/")
    pattern = pattern.rstrip("/") if only_folders else pattern
    from_top = "/" in pattern
    wanted = pattern.lstrip("/").split("/")
    if not from_top:
        wanted = ["**", *wanted]
    is_folder = path.endswith("/")
    names = path.rstrip("/").split("/")
    for length in range(1, len(names) + 1):
        folder = length < len(names) or is_folder
        if (folder or not only_folders) and _slow_names(wanted, names[:length]):
            return True
    return False


def _slow_names(wanted: list[str], names: list[str]) -> bool:
    if not wanted:
        return not names
    if wanted[0] == "**":
        if len(wanted) == 1:
            return bool(names)
        return any(_slow_names(wanted[1:], names[skip:]) for skip in range(len(names) + 1))
    return bool(names) and _slow_text(wanted[0], names[0]) and _slow_names(wanted[1:], names[1:])


def _slow_text(wanted: str, name: str) -> bool:
    if not wanted:
        return not name
    if wanted[0] == "*":
        return _slow_text(wanted[1:], name) or (bool(name) and _slow_text(wanted, name[1:]))
    if not name:
        return False
    return (wanted[0] == "?" or wanted[0] == name[0]) and _slow_text(wanted[1:], name[1:])


names = st.text("ab.", min_size=1, max_size=3)
paths = st.builds(
    lambda parts, folder: "/".join(parts) + ("/" if folder else ""),
    st.lists(names, min_size=1, max_size=4),
    st.booleans(),
)
pieces = st.one_of(st.just("**"), st.text("ab.*?", min_size=1, max_size=3))
simple_patterns = st.builds(
    lambda top, parts, folder: top + "/".join(parts) + folder,
    st.sampled_from(["", "/"]),
    st.lists(pieces, min_size=1, max_size=4),
    st.sampled_from(["", "", "/"]),
)
braced = st.builds(
    lambda one, other, end: "{" + one.strip("/") + "," + other.strip("/") + "}" + end,
    simple_patterns,
    simple_patterns,
    st.sampled_from(["", "a", "/b", "/"]),
)
any_pattern = st.one_of(simple_patterns, simple_patterns, braced)


@settings(max_examples=300, deadline=None)
@given(st.lists(any_pattern, min_size=4, max_size=8), st.lists(paths, min_size=8, max_size=16))
def test_the_same_as_an_independent_matcher(patterns: list[str], some_paths: list[str]) -> None:
    """Each pattern alone, and all together, against each path: more than 20,000 comparisons."""
    found = dict.fromkeys(some_paths, False)
    for pattern in patterns:
        alone = Patterns([pattern])
        for path in some_paths:
            expected = slow_match(pattern, path)
            assert alone.match(path) == expected, (pattern, path)
            found[path] |= expected
    compiled = Patterns(patterns)
    assert {path: compiled.match(path) for path in some_paths} == found, patterns


@settings(max_examples=500, deadline=None)
@given(st.lists(any_pattern, min_size=1, max_size=3), paths)
def test_no_folder_is_closed_that_holds_a_match(patterns: list[str], path: str) -> None:
    compiled = Patterns(patterns)
    if compiled.match(path):
        parts = path.rstrip("/").split("/")
        for folder in itertools.accumulate(parts[:-1], lambda one, two: one + "/" + two):
            assert compiled.may_match_below(folder + "/")


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_the_same_as_git(tmp_path: Path) -> None:
    git = shutil.which("git")
    assert git
    subprocess.run([git, "init", "-q", tmp_path], check=True)
    parts = ["a", "b", "ab", "a.b", ".a"]
    files = [
        "/".join(each) for depth in (1, 2, 3) for each in itertools.product(parts, repeat=depth)
    ]
    for pattern in [
        *("a", "a/", "/a", "a/b", "*.b", "a*", "?b", "[!a]*", "**/b", "a/**", "a/**/b", "**/a/b/"),
        *("*/b", "/*/b", "**/", "a/*", ".*", "a**", "**b", "\\a", "[ab]", "[a-]b", "a.?"),
    ]:
        (tmp_path / ".gitignore").write_text(pattern + "\n")
        done = subprocess.run(
            [git, "-C", tmp_path, "check-ignore", "--no-index", "--stdin", "-z"],
            input="\0".join(files).encode(),
            capture_output=True,
            check=False,
        )
        ignored = set(done.stdout.decode().split("\0")) - {""}
        compiled = Patterns([pattern])
        assert {path for path in files if compiled.match(path)} == ignored, pattern
