"""Connections to a Dask scheduler and its workers, over which nothing is unpickled.

Source of the protocol: `distributed`, modules `core` (operations), `comm.tcp` and `protocol.core`
(messages). Its own client would unpickle what a worker sends, so only its connections are used,
with a `read` that takes plain data alone.
"""

from __future__ import annotations

import logging
import pickle
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import distributed
import msgpack
from distributed.comm import tcp
from distributed.protocol.utils import unpack_frames
from tornado.iostream import StreamClosedError

CONNECT_SECONDS = 10.0
"""The longest wait for a connection."""
_LENGTH = struct.Struct("Q")
_MESSAGE_MOST = 64 << 20
"""Bytes of a message; results of a worker take some KiB."""


class Security(NamedTuple):
    """Certificates of all parts of a cluster, as paths or as texts in PEM format."""

    cert: str = ""
    """Empty: there is no encryption."""
    key: str = ""
    ca: str = ""

    def __repr__(self) -> str:
        return "Security(***)"

    def of_dask(self) -> distributed.Security:
        """Return it as Dask takes it, for each of its parts."""
        if not self.cert:
            return distributed.Security(require_encryption=False)
        parts = ("client", "scheduler", "worker")
        files = {f"tls_{part}_cert": self.cert for part in parts}
        files |= {f"tls_{part}_key": self.key for part in parts}
        return distributed.Security(require_encryption=True, tls_ca_file=self.ca, **files)


def temporary_security() -> Security:
    """Return certificates that exist in the memory of this process only."""
    made = distributed.Security.temporary()
    return Security(made.tls_client_cert, made.tls_client_key, made.tls_ca_file)


def keep_quiet() -> None:
    """Let Dask write nothing to the standard streams of this process."""
    logger = logging.getLogger("distributed")
    logger.handlers[:] = [logging.NullHandler()]
    logger.propagate = False


def _check_size(size: int) -> None:
    if size > _MESSAGE_MOST:
        raise ValueError(f"a message of {size} bytes")


class _PlainRead:
    """Reads messages of plain data."""

    stream: Any

    async def read(self, deserializers: object = None) -> Any:  # noqa: ARG002 - as in Dask
        """Return the next message. Raises OSError when the other end is gone, or sends no data."""
        if self.stream is None:
            raise ConnectionError("the connection is closed")
        try:
            (size,) = _LENGTH.unpack(await self.stream.read_bytes(_LENGTH.size))
            _check_size(size)
            frames, missing = unpack_frames(await self.stream.read_bytes(size), partial=True)
            for more in missing:
                _check_size(more)
                await self.stream.read_bytes(more)
            # Without hooks: what Dask would deserialise stays a number, see protocol.core.loads.
            return msgpack.unpackb(frames[0], use_list=False, strict_map_key=False)
        except BaseException as error:
            self.abort()
            if isinstance(error, (StreamClosedError, ValueError, msgpack.UnpackException)):
                raise ConnectionError(str(error)) from None
            raise

    def abort(self) -> None:
        """Close the connection at once."""
        raise NotImplementedError


class _PlainTcp(_PlainRead, tcp.TCP):
    abort = tcp.TCP.abort


class _PlainTls(_PlainRead, tcp.TLS):
    abort = tcp.TLS.abort


class _TcpConnector(tcp.TCPConnector):
    comm_class = _PlainTcp


class _TlsConnector(tcp.TLSConnector):
    comm_class = _PlainTls


class Refused(Exception):
    """The other end has answered with an error; its text can be printed."""


async def connect(address: str, security: Security) -> Any:
    """Return a connection to a scheduler or worker, as Dask has them. Raises OSError."""
    scheme, _, place = address.partition("://")
    connector: Any = _TlsConnector() if scheme == "tls" else _TcpConnector()
    args = security.of_dask().get_connection_args("client")
    comm = await connector.connect(place, deserialize=False, **args)
    try:
        await comm.write(comm.handshake_info())
        handshake = await comm.read()
        if not isinstance(handshake, dict):
            raise ConnectionError("it is no part of a Dask cluster")
        comm.local_info = comm.handshake_info() | {"address": comm.local_address}
        comm.remote_info = handshake | {"address": comm.peer_address}
        comm.handshake_options = {"pickle-protocol": pickle.HIGHEST_PROTOCOL, "compression": None}
    except BaseException:
        comm.abort()
        raise
    return comm


async def find_workers(comm: Any) -> dict[str, str]:
    """Return the workers that a scheduler has: address and name. Raises OSError and Refused."""
    await comm.write({"op": "identity", "reply": True})
    answer = await comm.read()
    workers = answer.get("workers") if isinstance(answer, dict) else None
    if not isinstance(workers, dict):
        raise Refused("it is no Dask scheduler")
    return {
        str(address): str(each.get("name", address)) if isinstance(each, dict) else str(address)
        for address, each in workers.items()
    }


async def run(comm: Any, function: Callable[..., object], *words: str) -> None:
    """Call a function inside a worker, which may take `dask_worker`; its result is lost.

    Raises OSError, and Refused with the text of an exception.
    """
    packed = {"function": pickle.dumps(function), "args": pickle.dumps(words)}
    await comm.write({"op": "run", "reply": True, "wait": True, "kwargs": None, **packed})
    answer = await comm.read()
    if not isinstance(answer, dict) or answer.get("status") != "OK":
        text = answer.get("exception_text") if isinstance(answer, dict) else None
        raise Refused(str(text or "it gave no answer"))
