"""Data files of inventories in Parquet and ORC, read by pyarrow: the extra `inventory`."""

from __future__ import annotations

import importlib.util
import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, cast

PARQUET, ORC = "PARQUET", "ORC"
EXTRA = "start the tool with --install inventory"
_ROWS = 1000
_BUFFER = 1 << 20
_COLUMN = {
    PARQUET: re.compile(r"(\w+)\s*(?:\([^;]*\))?\s*;"),  # optional binary e_tag (UTF8);
    ORC: re.compile(r"[<,]\s*(\w+)\s*:"),  # struct<bucket:string,key:string>
}


def column_names(layout: str, schema: str) -> list[str]:
    """Return the names of the columns in a manifest's schema."""
    return _COLUMN[layout].findall(schema)


def is_readable() -> bool:
    """Return whether the extra is installed."""
    return importlib.util.find_spec("pyarrow") is not None


def table_rows(
    layout: str, file: BinaryIO, names: Sequence[str], wanted: Sequence[bool]
) -> Iterator[list[str]]:
    """Yield the rows of a file as texts, with a cell for each name; empty where not `wanted`.

    Raises ValueError and OSError for a damaged file.
    """
    chosen = [name for name, is_wanted in zip(names, wanted, strict=True) if is_wanted]
    for batch in _batches(layout, file, chosen):
        rows = batch.num_rows
        columns = [
            list(map(_text, batch.column(name).to_pylist()))
            if name in batch.schema.names
            else [""] * rows
            for name in names
        ]
        yield from map(list, zip(*columns, strict=True))


def _batches(layout: str, file: BinaryIO, columns: Sequence[str]) -> Iterator[Any]:
    """Yield record batches with those of the columns that the file has."""
    if layout == PARQUET:
        from pyarrow import parquet  # noqa: PLC0415 - an extra

        table = parquet.ParquetFile(file)
        present = [name for name in columns if name in table.schema_arrow.names]
        yield from table.iter_batches(_ROWS, columns=present)
        return
    from pyarrow import orc  # noqa: PLC0415 - an extra

    stripes = orc.ORCFile(file)
    present = [name for name in columns if name in stripes.schema.names]
    for number in range(stripes.nstripes):
        stripe = stripes.read_stripe(number, columns=present)
        for first in range(0, stripe.num_rows, _ROWS):
            yield stripe.slice(first, _ROWS)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode()
    return str(value.isoformat() if hasattr(value, "isoformat") else value)


class _Ranges(io.RawIOBase):
    """A file that is read by ranges."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        self._read, self._size, self._at = read, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        data = self._read(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def open_ranges(read: Callable[[int, int], bytes], size: int) -> BinaryIO:
    """Return a file of `size` bytes; `read` returns bytes from an offset, up to a number."""
    return cast("BinaryIO", io.BufferedReader(_Ranges(read, size), _BUFFER))
