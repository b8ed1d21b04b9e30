"""The connections to a Dask cluster read plain data alone, whatever the other end sends."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from distributed import Security as DaskSecurity
from distributed.comm.core import listen
from distributed.protocol.serialize import ToPickle, to_serialize

from cos_migrate.model import Failure
from cos_migrate.pools.cluster import wire
from cos_migrate.pools.cluster.checks import Proof, SeatCheck
from cos_migrate.pools.results import DONE, FAILED, PROGRESS, Digested
from cos_migrate.pools.tasks import RequestListing
from tests.unit.pools.cluster.test_plain_results import Harm

CHECKS = (
    SeatCheck(RequestListing(), "no COS"),
    SeatCheck(RequestListing(), "no folder", is_answer=False, md5="00"),
)


def asked(question: Callable[[Any], Any], answer: Any) -> Any:
    """Return the result of a question to a peer that sends an answer of Dask."""

    async def serve(comm: Any) -> None:
        await comm.read()
        await comm.write(answer)

    async def ask() -> Any:
        security = DaskSecurity(require_encryption=False)
        listener = listen("tcp://127.0.0.1:0", serve, **security.get_listen_args("worker"))
        await listener.start()
        comm = await wire.connect(listener.contact_address, wire.Security())
        try:
            return await question(comm)
        finally:
            comm.abort()
            listener.stop()

    return asyncio.run(ask())


async def greet(comm: Any) -> Any:
    await comm.write("hello")
    return await comm.read()


@pytest.mark.parametrize("wrap", [to_serialize, ToPickle])
def test_nothing_is_unpickled(wrap: Callable[[object], object]) -> None:
    received = asked(greet, {"status": "OK", "result": wrap(Harm())})
    assert received["status"] == "OK"
    assert not isinstance(received["result"], Harm)


def test_a_pickle_among_plain_data_stays_bytes() -> None:
    harm = pickle.dumps(Harm())
    assert asked(greet, (0, harm)) == (0, harm)


def test_workers_are_found() -> None:
    workers = {"tcp://10.0.0.1:1": {"name": "one"}, "tcp://10.0.0.1:2": {"name": 2}}
    found = asked(wire.find_workers, {"workers": workers})
    assert found == {"tcp://10.0.0.1:1": "one", "tcp://10.0.0.1:2": "2"}


@pytest.mark.parametrize("answer", ["OK", {}, {"workers": 5}])
def test_what_is_no_scheduler(answer: object) -> None:
    with pytest.raises(wire.Refused, match="no Dask scheduler"):
        asked(wire.find_workers, answer)


def test_errors_of_a_worker_are_told_by_their_text() -> None:
    answer = {"status": "error", "exception": to_serialize(Harm()), "exception_text": "Odd('x')"}
    with pytest.raises(wire.Refused, match="Odd"):
        asked(lambda comm: wire.run(comm, print), answer)


def failed(status: int = 0) -> Failure:
    return Failure("x", "why", status)


def test_proofs() -> None:
    proof = Proof(CHECKS)
    assert [number for number, _, _ in proof.tasks] == [-1, -2]
    proof.note((-1, PROGRESS, 5))
    proof.note((7, DONE, None))
    assert not proof.is_complete
    proof.note((-1, FAILED, failed(403)))  # a refusal is an answer
    assert (proof.is_complete, proof.problem) == (False, "")
    proof.note((-2, DONE, Digested("00", None)))
    assert (proof.is_complete, proof.problem) == (True, "")


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ((-1, FAILED, failed()), "no COS: why"),
        ((-2, FAILED, failed(404)), "no folder: why"),
        ((-2, DONE, Digested("01", None)), "no folder: the content that it reads differs"),
    ],
)
def test_failed_proofs(result: Any, problem: str) -> None:
    proof = Proof(CHECKS)
    proof.note(result)
    assert (proof.is_complete, proof.problem) == (True, problem)
