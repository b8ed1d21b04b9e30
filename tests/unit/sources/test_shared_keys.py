"""Which names would become one key on COS: held to where objects really go."""

from __future__ import annotations

import pytest

from cos_migrate.engine.rules import cos_path_of
from cos_migrate.model import Fingerprint, SourceObject, Target
from cos_migrate.sources.shared_keys import names_with_same_key

NAMES = ["a", "/a", "//a", "///a", "p/a", "p//a", "p///a", "/", "p/", "p//", "/p/a", "//p/a"]


@pytest.mark.parametrize("cos_path", ["/", "/x/"])
@pytest.mark.parametrize("base", ["", "p/"])
def test_all_names_of_fewer_slashes_with_the_same_key_and_no_others(
    cos_path: str, base: str
) -> None:
    target = Target("b-1", "r", cos_path)
    listed = [
        SourceObject(name, name.removeprefix(base), Fingerprint(1))
        for name in NAMES
        if name.startswith(base)
    ]
    for obj in listed:
        same = {
            other.name
            for other in listed
            if cos_path_of(target, other) == cos_path_of(target, obj) != "/"
            and len(other.name) < len(obj.name)
        }
        assert set(names_with_same_key(target, obj)) == same, obj
