"""Inventories: manifests of each cloud, pages of rows, damaged files."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from pathlib import Path

import pytest

from cos_migrate.errors import SourceError
from cos_migrate.model import Fingerprint
from cos_migrate.sources.inventory import Inventory, Manifest, parse_manifest
from cos_migrate.sources.inventory_tables import column_names
from cos_migrate.sources.versions import UNKNOWN

S3 = {
    "sourceBucket": "photos",
    "destinationBucket": "arn:aws:s3:::inventories",
    "version": "2016-11-30",
    "creationTimestamp": "1514944800000",
    "fileFormat": "CSV",
    "fileSchema": "Bucket, Key, Size, LastModifiedDate, ETag",
    "files": [{"key": "photos/daily/data/1.csv.gz", "size": 9, "MD5checksum": "ab"}],
}


def parsed(**changed: object) -> Manifest:
    return parse_manifest(json.dumps(S3 | changed).encode())


def test_manifests_of_each_cloud() -> None:
    manifest = parsed()
    assert manifest.bucket == "photos"
    assert manifest.files == (("photos/daily/data/1.csv.gz", "ab"),)
    assert manifest.columns == {"bucket": 0, "key": 1, "size": 2, "lastmodifieddate": 3, "etag": 4}
    # OSS writes checksums in upper case; COS names the account apart, and the checksum otherwise.
    assert parsed(files=[{"key": "a", "MD5checksum": "AB"}]).files[0].md5 == "ab"
    cos = parsed(sourceAppid="1250000000", files=[{"key": "a", "md5Checksum": "ab"}])
    assert (cos.bucket, cos.files[0].md5) == ("photos-1250000000", "ab")
    assert parsed(sourceBucket="a-125", sourceAppid="125").bucket == "a-125"


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"fileFormat": "Avro"}, "its data files are AVRO, not CSV"),
        ({"fileSchema": "Bucket, Size"}, "no column Key"),
        ({"files": None}, "no manifest of an inventory"),
        ({"files": [{"size": 1}]}, "no manifest of an inventory"),
        ({"sourceBucket": None, "fileSchema": ""}, "no column Key"),
    ],
)
def test_manifests_without_use(changed: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parsed(**changed)
    with pytest.raises(ValueError, match="no manifest"):
        parse_manifest(b"[1]")


def inventory_of(
    folder: Path, content: bytes, name: str = "1.csv.gz", **changed: object
) -> Inventory:
    packed = gzip.compress(content) if name.endswith(".gz") else content
    (folder / name).write_bytes(packed)
    files = [{"key": f"far/away/{name}"}]
    path = folder / "manifest.json"
    path.write_text(json.dumps(S3 | {"files": files} | changed), encoding="utf-8")
    return Inventory(str(path), lambda *_: b"", ("size", "etag"))


@pytest.mark.parametrize("name", ["1.csv", "1.csv.gz"])
def test_pages_go_on_behind_any_marker(tmp_path: Path, name: str) -> None:
    lines = [
        f'"b","k%2B+{number:05}","{number}","2026-01-02T03:04:05Z","e"' for number in range(2500)
    ]
    content = "\r\n".join(lines).encode()
    inventory = inventory_of(tmp_path, content, name)
    [part] = inventory.ranges()
    keys, markers = [], [""]
    while True:
        rows, page = inventory.page(part.prefix, markers[-1])
        keys += [row.key for row in rows]
        if not page.next:
            break
        markers.append(page.next)
    assert keys == [f"k+ {number:05}" for number in range(2500)]
    assert markers == ["", "1000", "2000"]
    later = inventory_of(tmp_path, content, name)  # as a run that is resumed
    rows, page = later.page(part.prefix, "1000")
    assert rows[0] == ("k+ 01000", Fingerprint(1000, 1767323045 * 10**9, "e"), "")
    assert page.next == "2000"


def test_rows_that_say_too_little_are_asked_about(tmp_path: Path) -> None:
    content = b'b,full,3,2026-01-02T03:04:05Z,"""e"""\nb,no-etag,3,,\nb,no-size,,,e\n'
    inventory = inventory_of(tmp_path, content)
    rows, _ = inventory.page("far/away/1.csv.gz", "")
    assert rows[0].fingerprint == Fingerprint(3, 1767323045 * 10**9, "e")
    assert [row.fingerprint for row in rows[1:]] == [UNKNOWN, UNKNOWN]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"b\n", "a row behind row 0"),
        (b"b,k,many,,e\n", "a row behind row 0"),
        (b"b,\xff,1,,e\n", "a row behind row 0"),
        (b"x" * (9 << 20), "longer than 1 MiB"),
    ],
)
def test_rows_that_are_none(tmp_path: Path, content: bytes, text: str) -> None:
    with pytest.raises(SourceError, match=text):
        inventory_of(tmp_path, content).page("far/away/1.csv.gz", "")


def test_columns_of_tables() -> None:
    parquet = (
        "message s3.inventory { required binary bucket (STRING); required binary key (STRING); "
        "optional boolean is_latest; optional int64 last_modified_date "
        "(TIMESTAMP(MILLIS,true)); optional binary e_tag (STRING);}"
    )
    names = ["bucket", "key", "is_latest", "last_modified_date", "e_tag"]
    assert column_names("PARQUET", parquet) == names
    orc = f"struct<{','.join(f'{name}:string' for name in names)}>"
    assert column_names("ORC", orc) == names


def test_tables_need_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cos_migrate.sources.inventory.is_readable", lambda: False)
    with pytest.raises(ValueError, match=r"need the extra inventory: start the tool"):
        parsed(fileFormat="ORC", fileSchema="struct<key:string>")


@pytest.mark.parametrize("layout", ["Parquet", "ORC"])
def test_tables(tmp_path: Path, layout: str) -> None:
    arrow = pytest.importorskip("pyarrow", reason="the extra inventory is not installed")
    import pyarrow.orc  # noqa: PLC0415 - an extra
    import pyarrow.parquet  # noqa: PLC0415 - an extra

    moment = dt.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as services write it
    rows = range(2500)
    table = arrow.table(
        {
            "bucket": ["photos"] * 2500,
            "key": [f"k%2B+\u00e9{number:05}" for number in rows],
            "is_latest": [number != 1 for number in rows],
            "is_delete_marker": [number == 2 for number in rows],
            "size": arrow.array([None if number == 3 else number for number in rows], "int64"),
            "last_modified_date": arrow.array([moment] * 2500, arrow.timestamp("ms")),
            "e_tag": ["e"] * 2500,
        }
    )
    name = f"1.{layout.lower()}"
    if layout == "ORC":
        pyarrow.orc.write_table(table, tmp_path / name)
        schema = f"struct<{','.join(f'{one}:string' for one in table.column_names)}>"
    else:
        pyarrow.parquet.write_table(table, tmp_path / name, row_group_size=900)
        schema = (
            f"message s3.inventory {{ {' '.join(f'binary {one};' for one in table.column_names)} }}"
        )
    content = (tmp_path / name).read_bytes()
    inventory = inventory_of(tmp_path, content, name, fileFormat=layout, fileSchema=schema)
    [part] = inventory.ranges()
    first, page = inventory.page(part.prefix, "")
    assert [row.key for row in first[:2]] == ["k%2B+\u00e900000", "k%2B+\u00e900003"]
    assert [row.fingerprint for row in first[:2]] == [
        Fingerprint(0, 1767323045 * 10**9, "e"),
        UNKNOWN,
    ]
    assert (len(first), page.next) == (998, "1000")
    resumed = Inventory(str(tmp_path / "manifest.json"), lambda *_: b"", ("size", "etag"))
    last, page = resumed.page(part.prefix, "2000")
    assert (last[-1].key, len(last), page.next) == ("k%2B+\u00e902499", 500, "")
    (tmp_path / name).write_bytes(content[:-100])
    with pytest.raises(SourceError, match="cannot be"):
        Inventory(str(tmp_path / "manifest.json"), lambda *_: b"", ()).page(part.prefix, "")
