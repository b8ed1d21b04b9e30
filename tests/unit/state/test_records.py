"""Record keys and values, and the save points made of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.checksums import Check
from cos_migrate.model import Envelope, Fingerprint, PartRecord, SavePoint
from cos_migrate.state import formats
from cos_migrate.state.save_points import SavePoints
from tests.unit.pairs_in_memory import PairsInMemory

BUCKET = "examplebucket-1250000000"
# Names as file systems and clouds have them, surrogates of undecodable bytes included.
names = st.text() | st.text(alphabet="]/, [:\n{}é\udc80", min_size=1) | st.just("a], [key: /b")
ids = st.text(min_size=1) | st.sampled_from(["A", "A] [number: 00001", "A] [number: 00001]", "AB"])
counts = st.integers(0, 10**18)
parts = st.builds(
    PartRecord,
    number=st.integers(1, 10_000),
    offset=counts,
    size=counts,
    etag=names,
    crc64=st.integers(-1, 2**64 - 1),
    content_crc64=st.integers(-1, 2**64 - 1),
    other_crc=st.integers(-1, 2**64 - 1),
)
save_points = st.builds(
    SavePoint,
    upload_id=ids,
    cos_path=names,
    name=names,
    fingerprint=st.builds(Fingerprint, counts, st.integers(-1, 10**19), names),
    part_size=st.integers(1, 5 << 30),
    threshold=counts,
    parts=st.just(()),
    envelope=st.none() | st.builds(Envelope, names, names),
    source_check=st.none() | st.builds(Check, names, names),
)


def a_save_point(**changes: Any) -> SavePoint:
    fingerprint = Fingerprint(12_000_000, 1_700_000_000_123_456_789, "")
    first = SavePoint("1700abc", "/x/a b", "/data/a b", fingerprint, 5 << 20, 5 << 20)
    return first._replace(**changes)


def test_java_keys_are_spelt_as_java_spells_them() -> None:
    assert formats.request_id_key("/x/é") == "x-cos-requestId-/x/é".encode()
    key = formats.save_point_key(BUCKET, "/x/a", "/data/a", 1700000000123, 5242880, 6000000)
    assert key == (
        b"[task_kind: upload_savepoint] [bucket: examplebucket-1250000000], [key: /x/a], "
        b"[localPath: /data/a], [mtime: 1700000000123], [partSize: 5242880], "
        b"[mutlipartUploadThreshold: 6000000]"
    )


def test_our_keys_have_a_beginning_of_their_own() -> None:
    ours = [
        formats.upload_key("/x"),
        formats.part_key("id", 1),
        formats.failed_key("[taskType: migrateLocal] [bucket: b], [localPath: /a], [cosPath: /x]"),
    ]
    assert all(key.startswith(b"[cosmigrate ") for key in ours)
    assert len(set(ours)) == 3
    assert ours[0].startswith(formats.upload_prefix())
    assert ours[2].startswith(formats.failed_prefix())


@given(save_points)
def test_an_upload_survives_the_round_trip(save_point: SavePoint) -> None:
    assert formats.parse_upload(formats.upload_value(save_point)) == save_point


@given(parts)
def test_a_part_survives_the_round_trip(part: PartRecord) -> None:
    assert formats.parse_part(formats.part_value(part)) == part


@given(names, names)
def test_different_names_have_different_keys(one: str, other: str) -> None:
    makers = (formats.upload_key, formats.request_id_key, formats.failed_key)
    assert all((make(one) == make(other)) == (one == other) for make in makers)


@given(st.binary())
def test_no_value_is_too_odd_to_be_read(value: bytes) -> None:
    formats.parse_upload(value)
    formats.parse_part(value)
    formats.parse_upload_id(value)


@pytest.mark.parametrize(
    "change",
    [
        {"uploadId": ""},
        {"uploadId": None},
        {"size": "12"},
        {"size": 1.5},
        {"size": True},
        {"partSize": 0},
        {"mtimeNs": float("inf")},
        {"etag": []},
        {"envelope": ["key"]},
        {"sourceCheck": ["kind"]},
        {"sourceCheck": "kind"},
        {"envelope": ["key", 1]},
        {"envelope": "ks"},
        {"envelope": 1},
        {"envelope": {"key": "k", "start": "s"}},
    ],
)
def test_a_value_with_one_wrong_field_is_no_upload(change: dict[str, Any]) -> None:
    fields = json.loads(formats.upload_value(a_save_point()))
    assert formats.parse_upload(json.dumps(fields | change).encode()) is None


@pytest.mark.parametrize(
    "value",
    [b"", b"null", b"[]", b'"x"', b"{}", b"\xff", b"[" * 200_000, b'{"uploadId":' * 50_000],
)
def test_what_is_no_upload_is_none(value: bytes) -> None:
    assert formats.parse_upload(value) is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"1 2 3",
        b"0 0 5 6 etag",
        b"10001 0 5 6 etag",
        b"-1 0 5 6 etag",
        b"1 -2 5 6 etag",
        b"1_0 0 5 6 etag",
        b"\xd9\xa1 0 5 6 etag",
        b"1 0 5 18446744073709551616 etag",
        b"1 0 5 6/18446744073709551616 etag",
        b"1 0 5 6/-2 etag",
        b"1 0 5 6/ etag",
        b"1 " + b"9" * 5000 + b" 5 6 etag",
        b"\xff 0 5 6 etag",
    ],
)
def test_what_is_no_part_is_none(value: bytes) -> None:
    assert formats.parse_part(value) is None


@pytest.mark.parametrize("value", [b"", b"  ", b"a\nb", b"\xff", "é".encode()])
def test_what_cannot_be_an_upload_id_is_none(value: bytes) -> None:
    assert formats.parse_upload_id(value) is None


def test_request_ids_are_found_and_dumped_and_nothing_else() -> None:
    state = PairsInMemory()
    state.pairs = {
        formats.request_id_key("/x/é"): b"NjRh",
        formats.request_id_key("/x/a"): b"\xff",
        b"x-cos-requestIe": b"beyond",
        b"[taskType: migrateLocal]": b"other",
    }
    assert formats.query_request_id(state, "/x/é") == "NjRh"
    assert formats.query_request_id(state, "/x/none") is None
    assert formats.query_request_id(state, "/x/\udcff") is None
    assert list(formats.dump_request_ids(state)) == [("/x/a", "\ufffd"), ("/x/é", "NjRh")]


@given(st.lists(save_points, max_size=4, unique_by=(lambda s: s.cos_path, lambda s: s.upload_id)))
def test_save_points_are_found_with_their_own_parts_and_forgotten(wanted: list[SavePoint]) -> None:
    state = PairsInMemory()
    points = SavePoints(state, BUCKET)
    wanted = [point for point in wanted if point.upload_id.isprintable()]
    full = []
    for point in wanted:
        done = tuple(PartRecord(n, n * 5, 5, f"{point.upload_id} {n}", n) for n in (1, 2, 10_000))
        state.pairs.update(points.upload_pairs(point))
        for part in reversed(done):
            state.pairs.update(points.part_pairs(point, part))
        full.append(point._replace(parts=done))
    assert [points.find(point.cos_path) for point in wanted[1:]] == full[1:]
    assert list(points.untouched()) == full[:1]
    assert [points.find(point.cos_path) for point in wanted] == full
    assert sorted(points.all(), key=repr) == sorted(full, key=repr)
    while full:
        gone = full.pop()
        for key in points.upload_keys(gone):
            state.pairs.pop(key, None)  # it may have been known under one time or two
        assert points.find(gone.cos_path) is None
        assert [points.find(point.cos_path) for point in full] == full
    assert state.pairs == {}


def test_the_java_tool_finds_our_uploads_and_we_find_its() -> None:
    state = PairsInMemory()
    points = SavePoints(state, BUCKET)
    point = a_save_point()
    state.pairs.update(points.upload_pairs(point))
    asked = (point.cos_path, point.name, 1700000000123, point.part_size, point.threshold)
    assert state.pairs[formats.save_point_key(BUCKET, *asked)] == b"1700abc"
    assert points.find_java_upload_id(*asked) == "1700abc"
    assert points.find_java_upload_id("/other", *asked[1:]) is None


def test_the_java_tool_does_not_find_what_is_encrypted() -> None:
    state = PairsInMemory()
    points = SavePoints(state, BUCKET)
    point = a_save_point(envelope=Envelope("key", "start"))
    state.pairs.update(points.upload_pairs(point))
    asked = (point.cos_path, point.name, 1700000000123, point.part_size, point.threshold)
    assert points.find_java_upload_id(*asked) is None
    assert points.find(point.cos_path) == point
    assert formats.save_point_key(BUCKET, *asked) in points.upload_keys(point)


def test_an_upload_of_the_java_tool_under_jdk_8_is_found_and_forgotten() -> None:
    state = PairsInMemory()
    points = SavePoints(state, BUCKET)
    point = a_save_point()
    whole = (point.cos_path, point.name, 1700000000000, point.part_size, point.threshold)
    state.pairs[formats.save_point_key(BUCKET, *whole)] = b"java's"
    assert points.find_java_upload_id(*whole[:2], 1700000000123, *whole[3:]) == "java's"
    assert points.find_java_upload_id(*whole[:2], 1700000001000, *whole[3:]) is None
    assert formats.save_point_key(BUCKET, *whole) in points.upload_keys(point)


def test_what_somebody_else_wrote_under_our_keys_is_absent() -> None:
    state = PairsInMemory()
    points = SavePoints(state, BUCKET)
    point = a_save_point()
    state.pairs.update(points.upload_pairs(point))
    state.pairs[formats.upload_key("/elsewhere")] = formats.upload_value(point)
    state.pairs[formats.upload_key("/junk")] = b"\x00"
    state.pairs[formats.part_key(point.upload_id, 1)] = b"junk"
    state.pairs[formats.part_key(point.upload_id, 2)] = formats.part_value(
        PartRecord(3, 0, 5, "etag", 7)
    )
    assert list(points.all()) == [point]
    assert points.find("/elsewhere") is None
    assert points.find("/junk") is None
    assert formats.part_key(point.upload_id, 1) in points.upload_keys(point)
