"""A bucket in a process of its own that does nothing but list, quickly: buckets of a million keys.

Its entries are written once; a page is a slice of them. `python -m tests.fakes.canned_listing`
reads a `Bucket` from its stdin and prints its port. It answers as S3 and as COS.
"""

from __future__ import annotations

import bisect
import contextlib
import hashlib
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

PAGE = 1000
_FOUND = (
    b"HTTP/1.1 200 OK\r\nServer: tencent-cos\r\nx-cos-request-id: one\r\nContent-Length: 1\r\n"
    b"Date: Sat, 31 Jan 2026 12:00:01 GMT\r\n\r\n"
)


class Listed(NamedTuple):
    """What is listed of an object besides its key."""

    size: int
    etag: str


@dataclass
class Bucket:
    """The keys of a bucket in their order; size and ETag follow from them but for some."""

    keys: list[str]
    others: dict[str, Listed] = field(default_factory=dict)
    latency: float = 0.0
    """Seconds that an answer takes."""

    def listed(self, key: str) -> Listed:
        """Return size and ETag of an object."""
        return self.others.get(key) or Listed(len(key), hashlib.md5(key.encode()).hexdigest())


def _entry(bucket: Bucket, key: str) -> bytes:
    size, etag = bucket.listed(key)
    return (
        f"<Contents><Key>{quote(key)}</Key><LastModified>2026-01-31T12:00:00.000Z</LastModified>"
        f'<ETag>"{etag}"</ETag><Size>{size}</Size><Owner><ID>1250000000</ID>'
        "<DisplayName>1250000000</DisplayName></Owner><StorageClass>STANDARD</StorageClass>"
        "</Contents>"
    ).encode()


class _Server:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._keys = bucket.keys
        entries = [_entry(bucket, key) for key in bucket.keys]
        self._ends = [0, *accumulate(map(len, entries))]
        self._text = b"".join(entries)
        self.pages = 0
        self._counting = threading.Lock()

    def serve(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._answer_all, args=(connection,), daemon=True).start()

    def _answer_all(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionError):  # of a client that was killed
            rest = b""
            while True:
                while b"\r\n\r\n" not in rest:
                    data = connection.recv(65536)
                    if not data:
                        return
                    rest += data
                head, _, rest = rest.partition(b"\r\n\r\n")
                if self._bucket.latency:
                    time.sleep(self._bucket.latency)
                method, target, _ = head.split(b" ", 2)
                answer = _FOUND if method == b"HEAD" else self._answer(target.decode())
                connection.sendall(answer)

    def _answer(self, target: str) -> bytes:
        if target == "/pages":
            body = str(self.pages).encode()
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        after = query.get("start-after") or query.get("marker", "")
        prefix = query.get("prefix", "")
        first = bisect.bisect_right(self._keys, after) if after > prefix else 0
        first = max(first, bisect.bisect_left(self._keys, prefix))
        last = min(first + PAGE, len(self._keys))
        if prefix:  # U+10FFFF is in no key
            last = min(last, bisect.bisect_left(self._keys, prefix + "\U0010ffff"))
        more = last < len(self._keys) and self._keys[last].startswith(prefix)
        body = b"".join(
            (
                b"<?xml version='1.0' encoding='utf-8'?><ListBucketResult><EncodingType>url"
                b"</EncodingType><KeyCount>%d</KeyCount><IsTruncated>" % (last - first),
                b"true" if more else b"false",
                b"</IsTruncated>",
                self._text[self._ends[first] : self._ends[last]],
                b"</ListBucketResult>",
            )
        )
        with self._counting:
            self.pages += 1
        return (
            b"HTTP/1.1 200 OK\r\nServer: tencent-cos\r\nx-cos-request-id: one\r\n"
            b"Date: Sat, 31 Jan 2026 12:00:01 GMT\r\nContent-Type: application/xml\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )


@contextmanager
def serving(bucket: Bucket) -> Iterator[int]:
    """Serve a bucket; yields the port."""
    words = [sys.executable, "-m", __name__]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    given, printed = process.stdin, process.stdout
    assert given is not None
    assert printed is not None
    try:
        with given:
            pickle.dump(bucket, given)
        yield int(printed.readline())
    finally:
        process.kill()
        process.wait()
        printed.close()


def count_pages(port: int) -> int:
    """Return how many pages a server has listed."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET /pages HTTP/1.1\r\n\r\n")
        return int(connection.recv(4096).rpartition(b"\r\n")[2])


def _main() -> None:
    bucket: Bucket = pickle.load(sys.stdin.buffer)
    server = _Server(bucket)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    server.serve(listener)


if __name__ == "__main__":
    # Unpickled as a class of this module by its name.
    from tests.fakes import canned_listing

    canned_listing._main()
