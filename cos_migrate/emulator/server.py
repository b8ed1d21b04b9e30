"""The server: start, stop, and access to stored objects and seen requests."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cos_migrate.emulator.buckets import BucketOperations
from cos_migrate.emulator.connection import Connection
from cos_migrate.emulator.faults import Fault
from cos_migrate.emulator.objects import Stored
from cos_migrate.emulator.operations import ObjectOperations
from cos_migrate.emulator.service import Service
from cos_migrate.emulator.signature import Account
from cos_migrate.emulator.store import Store

_PATIENCE = 5.0
"""Seconds to wait in `stop` for requests under way."""


class EmbeddedCos(Service):
    """A COS on 127.0.0.1, in threads of this process.

    Tests may change `latency` (seconds) and `faults` while it serves, and read `requests`,
    `at_once` and `most_at_once` (requests under way, now and at most), `connections`
    (accepted so far) and `store`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        secret_id: str,
        secret_key: str,
        token: str = "",
        port: int = 0,
        host: str = "127.0.0.1",
        buckets: Iterable[str] | None = None,
        latency: float = 0.0,
        faults: Sequence[Fault] = (),
        tls: tuple[Path, Path] | None = None,
        min_part_size: int = 1 << 20,
        more_accounts: Sequence[Account] = (),
        clock: Callable[[], float] = time.time,
        record: bool = True,
    ) -> None:
        """Listen at once (on a free port when 0), serve after `start`.

        `buckets`: those that exist; None: every `<name>-<APPID>`. `latency`: seconds before each
        answer. `tls`: certificate and key; the port then takes both http and https.
        `min_part_size`: bytes of every part but the last. `clock`: seconds since 1970, for
        signatures. `record`: keep `requests`. Raises OSError.
        """
        self.store = Store(folder)
        self.connections = 0
        self._stopping = threading.Event()
        account = Account(secret_id, secret_key, token)
        operations = ObjectOperations(
            self.store, BucketOperations(self.store, buckets), min_part_size
        )
        self.archive = operations.archive
        """The restores of archived objects; `seconds` decides whether they need any."""
        super().__init__(
            operations,
            {known.secret_id: known for known in (account, *more_accounts)},
            latency=latency,
            faults=faults,
            clock=clock,
            record=record,
            stopping=self._stopping,
        )
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*tls)
        self._listener = socket.create_server((host, port), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self._open: dict[Connection, threading.Thread] = {}
        self._open_lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def start(self) -> None:
        """Start serving."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving, close all connections, and wait for requests under way."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)
        with self._open_lock:
            threads = list(self._open.values())
            for connection in self._open:
                connection.break_off()
        deadline = time.monotonic() + _PATIENCE
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.store.close()

    def __enter__(self) -> EmbeddedCos:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def keys(self, bucket: str) -> list[str]:
        """Return the keys of a bucket, in order."""
        return self.store.keys(bucket)

    def object_bytes(self, bucket: str, key: str) -> bytes:
        """Return an object's bytes. Raises Refusal."""
        _, file = self.store.open(bucket, key)
        with file:
            return file.read()

    def object_head(self, bucket: str, key: str) -> Stored:
        """Return the metadata of an object. Raises Refusal."""
        return self.store.get(bucket, key)

    def operations(self) -> list[str]:
        """Return the names of all requests so far, in order."""
        return [seen.operation for seen in self.requests]

    def reset(self) -> None:
        """Forget the requests seen so far."""
        self.requests.clear()
        self.most_at_once = 0

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError as error:
                if self._stopping.is_set():
                    return
                # Out of descriptors, most likely: connections must end before new ones can begin.
                print(f"cannot accept a connection: {error}", file=sys.stderr)
                self._stopping.wait(0.1)
                continue
            self.connections += 1
            connection = Connection(sock, self.connections, self, self._context)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._open_lock:
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            with self._open_lock:
                self._open.pop(connection, None)
