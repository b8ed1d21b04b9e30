"""Results as plain data: nothing is lost on the way, and nothing else is let in."""

from __future__ import annotations

import pickle

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.checksums import Check
from cos_migrate.errors import Side
from cos_migrate.http.pacing import LANES, QUANTITIES, Units
from cos_migrate.model import Described, Failure, Fingerprint, RestoreState
from cos_migrate.pools import results
from cos_migrate.pools.plain_results import decode, encode
from cos_migrate.pools.results import Content, Result, ResultKind

CHECK = Check("MD5", "00")
FINGERPRINT = Fingerprint(5, 1_700_000_000_123_456_789, "e\udc80")
DESCRIBED = Described(FINGERPRINT, {"content-type": "a/b"}, "00", (1 << 64) - 1, (CHECK,), ("w",))
CONTENTS: list[Content] = [
    ("id", "", (1 << 64) - 1, 5, -1, "etag", "cos"),
    None,
    Failure("PutObject", "\udcff", 403, "AccessDenied", "id", "", True, False, Side.COS),
    results.TargetExists(is_newer=True),
    7,
    0.5,
    "a warning",
    Side.SOURCE,
    results.Latency(3, 0.25, big=True),
    results.CredentialsEnded(Side.COS, 2),
    results.Requested("HeadObject", 404),
    results.Spooled("/tmp/x", FINGERPRINT),
    DESCRIBED,
    results.Digested("00", DESCRIBED),
    results.Digested("00", None),
    results.Initiated("u", 5, (CHECK,), is_likely=True),
    results.ListedParts([(1, "e", 5)]),
    results.PartStored("e", 1, -1, results.AGREES, 3),
    results.Completed("id", "", "e"),
    FINGERPRINT,
    results.SourceHead(FINGERPRINT, "STANDARD"),
    results.Comparison(5, -1, False, 5, 1, "id", "e"),
    RestoreState(readable=False, pending=True, storage_class="GLACIER", requested=True),
    results.Deleted((("/a", "AccessDenied"),)),
]


@pytest.mark.parametrize("content", CONTENTS, ids=lambda each: type(each).__name__)
def test_every_content(content: Content) -> None:
    sent: list[Result] = [(1 << 40, int(ResultKind.DONE), content)]
    received = decode(encode(sent))
    assert received == sent
    assert isinstance(received, list)
    assert type(received[0][2]) is type(content)


def test_heartbeats_and_units() -> None:
    assert decode(encode(None)) is None
    units = Units(tuple(range(QUANTITIES)), tuple(range(QUANTITIES * LANES)))
    assert decode(encode(units)) == units


class Harm:
    """Raises KeyboardInterrupt where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise KeyboardInterrupt",)


@pytest.mark.parametrize(
    "plain",
    [
        *(1, "a", [], [1], [0, 1, 2], [2, []], [0, [[], []]], [0, [[1] * 9, [1] * 9]]),
        *(
            [1, [[1, 0, 0]]],
            [1, [[1, 0, 99, None]]],
            [1, [[1, 99, 1, None]]],
            [1, [["1", 0, 1, 0]]],
        ),
        *([1, [[1, 0, 0, ["a"]]]], [1, [[1, 0, 0, ["", "", "", 1, 2, "", ""]]]]),
        *([1, [[1, 0, 1, "x"]]], [1, [[True, 0, 1, None]]], [1, [[1, 0, 7, "nowhere"]]]),
        {"a": 1},
    ],
    ids=str,
)
def test_other_values_are_refused(plain: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(msgpack.packb(plain))


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(data: bytes) -> None:
    try:
        decode(data)
    except ValueError:
        pass


def test_nothing_is_unpickled() -> None:
    with pytest.raises(ValueError, match="frame"):
        decode(pickle.dumps(Harm()))
