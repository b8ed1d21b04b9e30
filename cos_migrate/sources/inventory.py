"""Inventories of S3, OSS and COS, whose rows take the place of a listing.

A manifest in JSON names the columns and the data files: CSV with or without gzip, where keys are
URL-encoded, or Parquet and ORC (`inventory_tables`). Sources: "Locating your inventory list" in the
Amazon S3 User Guide, "Bucket inventory" of OSS, "Inventory Overview" of COS.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from cos_migrate.errors import Side, SourceError
from cos_migrate.http.s3xml import decode_key
from cos_migrate.model import Fingerprint, ListRange, Page
from cos_migrate.sources.etags import strip_etag
from cos_migrate.sources.inventory_tables import (
    EXTRA,
    ORC,
    PARQUET,
    column_names,
    is_readable,
    open_ranges,
    table_rows,
)
from cos_migrate.sources.versions import UNKNOWN
from cos_migrate.sources.xml_listing import parse_listed_time

REMOTE = "bucket://"
"""Beginning of the name of a manifest in a bucket: `bucket://<bucket>/<key>`."""
MANIFEST_MOST = 16 << 20
"""Bytes of the largest manifest: about 100,000 data files."""
_PAGE_ROWS = 1000
_PIECE = 4 << 20
"""Bytes that one request reads of a data file."""
_PART = 128 << 10
"""Bytes that are unpacked, and divided into lines, at once."""
_MOST_LINE = 1 << 20
_GZIP = 16 + zlib.MAX_WBITS
_CSV = "CSV"
_USED = frozenset(
    {
        "deletemarker",
        "etag",
        "isdelete",
        "isdeletemarker",
        "islatest",
        "key",
        "lastmodifieddate",
        "objecttype",
        "size",
        "storageclass",
    }
)
"""The columns that are read, as in `Manifest.columns`."""
_MARKERS = ("isdeletemarker", "deletemarker", "isdelete")
"""Names of the column of delete markers, as in `Manifest.columns`."""

ReadRange = Callable[[str, int, int], bytes]
"""Returns bytes of a file: (path, offset, most bytes); empty at its end. Raises SourceError."""


class DataFile(NamedTuple):
    """A file with rows of an inventory."""

    name: str
    """Its key, or its path where it lies here."""
    md5: str
    """MD5 of the file as hex in lower case; empty: not stated."""


class Manifest(NamedTuple):
    """The columns and files of an inventory."""

    bucket: str
    """The bucket that was listed; on COS with its APPID."""
    columns: Mapping[str, int]
    """Name in lower case without `_` -> index."""
    files: tuple[DataFile, ...]
    layout: str = _CSV
    """Of the data files: CSV, PARQUET or ORC."""
    names: tuple[str, ...] = ()
    """The columns in their order, as they are written."""


class Row(NamedTuple):
    """One object in an inventory, as a row names it."""

    key: str
    fingerprint: Fingerprint
    """UNKNOWN where a column is missing."""
    storage_class: str


def parse_manifest(document: bytes) -> Manifest:
    """Parse a manifest. Raises ValueError with the reason why it cannot be used."""
    try:
        data = json.loads(document)
        layout = str(data["fileFormat"]).strip().upper()
        schema = str(data["fileSchema"])
        files = tuple(
            DataFile(str(one["key"]), str(_either(one, "MD5checksum", "md5Checksum")).lower())
            for one in data["files"]
        )
        bucket, owner = str(data["sourceBucket"]), str(data.get("sourceAppid") or "")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError("it is no manifest of an inventory (manifest.json)") from error
    names = [name.strip() for name in schema.split(",")]
    if layout in {PARQUET, ORC}:
        if not is_readable():
            raise ValueError(
                f"its data files are {layout}, which need the extra inventory: {EXTRA}"
            )
        names = column_names(layout, schema)
    elif layout != _CSV:
        raise ValueError(f"its data files are {layout}, not CSV, Parquet or ORC")
    columns = {_normal(name): index for index, name in enumerate(names)}
    if "key" not in columns:
        raise ValueError("its fileSchema has no column Key")
    if owner and not bucket.endswith(f"-{owner}"):
        bucket = f"{bucket}-{owner}"
    return Manifest(bucket, columns, files, layout, tuple(names))


def _normal(name: str) -> str:
    return name.lower().replace("_", "")


def _either(data: Mapping[str, Any], *names: str) -> Any:
    return next((data[name] for name in names if data.get(name)), "")


class Inventory:
    """Reads an inventory page by page; each data file is a range. Thread-safe."""

    def __init__(self, place: str, read: ReadRange, needed: Sequence[str]) -> None:
        """`place`: path of the manifest, or `bucket://<bucket>/<key>`, whose files `read` reads.

        `needed`: columns without which an object is to be asked about.
        """
        self._place = place
        self._needed = needed
        self._is_remote = place.startswith(REMOTE)
        self._read = read if self._is_remote else _read_file
        self._lock = threading.Lock()
        self._manifest: Manifest | None = None
        self._open: dict[str, tuple[int, Iterator[list[str]]]] = {}

    def manifest(self) -> Manifest:
        """Return the manifest. Raises SourceError, and ValueError when it cannot be used."""
        with self._lock:
            if self._manifest is None:
                name = self._place
                if self._is_remote:
                    name = name.removeprefix(REMOTE).partition("/")[2]
                self._manifest = parse_manifest(self._read(name, 0, MANIFEST_MOST))
            return self._manifest

    def ranges(self) -> tuple[ListRange, ...]:
        """Return a range for each data file. Raises as `manifest` does."""
        return tuple(ListRange(file.name) for file in self.manifest().files)

    def page(self, name: str, marker: str) -> tuple[list[Row], Page]:
        """Return the rows behind `marker` of the data file `name`, and a page without objects.

        The marker is the number of rows before. Raises SourceError.
        """
        try:
            manifest = self.manifest()
        except ValueError as error:
            raise self._error(self._place, str(error)) from error
        file = next((file for file in manifest.files if file.name == name), None)
        if file is None:
            raise self._error(name, "the manifest does not name this data file")
        start = int(marker or 0)
        with self._lock:
            position, rows = self._open.pop(name, (-1, iter(())))
        if position != start:
            rows = self._rows(file, manifest)
            for _ in islice(rows, start):
                pass
        try:
            taken = list(islice(rows, _PAGE_ROWS))
            found = [row for cells in taken if (row := self._row(cells, manifest))]
        except (csv.Error, UnicodeError, ValueError, LookupError, OSError) as error:
            text = f"a row behind row {start} cannot be read: {error}"
            raise self._error(name, text) from error
        if len(taken) < _PAGE_ROWS:
            return found, Page([], "")
        following = start + len(taken)
        with self._lock:
            self._open[name] = following, rows
        return found, Page([], str(following))

    def _row(self, cells: list[str], manifest: Manifest) -> Row | None:
        """Return the object of a row; None for an old version and a delete marker."""
        columns = manifest.columns

        def cell(name: str) -> str:
            index = columns.get(name, -1)
            return cells[index].strip() if index >= 0 else ""

        if cell("islatest").lower() == "false":
            return None
        if any(cell(name).lower() == "true" for name in _MARKERS):
            return None
        values = {name: cell(name) for name in self._needed}
        fingerprint = UNKNOWN
        if all(values.values()) and cell("objecttype").lower() != "symlink":
            time = parse_listed_time(cell("lastmodifieddate"))
            fingerprint = Fingerprint(int(values["size"]), time, strip_etag(values["etag"]))
        key = cells[columns["key"]]
        if manifest.layout == _CSV:
            key = decode_key(key)
        return Row(key, fingerprint, cell("storageclass"))

    def _rows(self, file: DataFile, manifest: Manifest) -> Iterator[list[str]]:
        """Yield the rows of a data file; its checksum is compared at the end, of tables first."""
        path = file.name if self._is_remote else self._path_of(file.name)
        pieces = self._pieces(path, file)
        if manifest.layout != _CSV:
            size = sum(map(len, pieces))
            opened = open_ranges(lambda offset, most: self._read(path, offset, most), size)
            wanted = [_normal(name) in _USED for name in manifest.names]
            return table_rows(manifest.layout, opened, manifest.names, wanted)
        if file.name.endswith(".gz"):
            pieces = _unpacked(pieces, lambda text: self._error(file.name, text))
        return csv.reader(_lines(pieces))

    def _pieces(self, path: str, file: DataFile) -> Iterator[bytes]:
        digest, offset = hashlib.md5(usedforsecurity=False), 0
        while piece := self._read(path, offset, _PIECE):
            digest.update(piece)
            offset += len(piece)
            yield piece
        if file.md5 and digest.hexdigest() != file.md5:
            text = f"its MD5 is {digest.hexdigest()}, not {file.md5} as in the manifest"
            raise self._error(file.name, text, "ChecksumMismatch")

    def _path_of(self, name: str) -> str:
        """Return the path of a data file: beside the manifest, or below a folder above it."""
        folder = os.path.dirname(self._place)
        last = name.rpartition("/")[2]
        for tried in (last, name, f"data/{last}", f"../data/{last}", f"files/{last}"):
            path = os.path.join(folder, *tried.split("/"))
            if os.path.isfile(path):
                return path
        raise self._error(name, f"it does not lie beside {self._place}")

    def _error(self, name: str, text: str, code: str = "BadInventory") -> SourceError:
        side = Side.SOURCE if self._is_remote else Side.HERE
        message = f"the inventory's file {name} cannot be used: {text}"
        return SourceError(message, operation="ReadInventory", target=name, code=code, side=side)


def _read_file(path: str, offset: int, most: int) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(most)
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read: {error.strerror}",
            operation="ReadInventory",
            target=path,
            side=Side.HERE,
        ) from error


def _parts(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield bytes in parts of at most `_PART`: several data files are unpacked at once."""
    for piece in pieces:
        for at in range(0, len(piece), _PART):
            yield piece[at : at + _PART]


def _unpacked(pieces: Iterator[bytes], error: Callable[[str], SourceError]) -> Iterator[bytes]:
    """Yield the content of a gzip file of one or more members, a bounded piece at a time."""
    member = zlib.decompressobj(_GZIP)
    try:
        for part in _parts(pieces):
            rest = part
            while rest:
                if member.eof:
                    member = zlib.decompressobj(_GZIP)
                yield member.decompress(rest, _PART)
                rest = member.unused_data if member.eof else member.unconsumed_tail
    except zlib.error as problem:
        raise error(f"it is no gzip file: {problem}") from problem
    if not member.eof:
        raise error("it breaks off")


def _lines(pieces: Iterator[bytes]) -> Iterator[str]:
    """Yield the lines of a file. Raises ValueError for one that is too long, or is no UTF-8."""
    rest = b""
    for piece in _parts(pieces):
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > _MOST_LINE:
            raise ValueError(f"it is longer than {_MOST_LINE >> 20} MiB")
        for line in lines:
            yield f"{line.decode()}\n"
    if rest:
        yield rest.decode()
