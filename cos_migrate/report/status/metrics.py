"""The metrics of a start, in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cos_migrate.report.status.board import Board, Counters, RunView

CONTENT_TYPE = CONTENT_TYPE_LATEST
_PREFIX = "cos_migrate_"


def metrics_text(board: Board) -> bytes:
    """Return the metrics as they are now."""
    registry = CollectorRegistry()
    registry.register(_Collector(board))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        board = self._board
        yield from _counters(board.counters)
        yield _gauge("paused", "Whether the tool is paused.", board.paused)
        yield _gauge("started", "When the tool was started, in seconds since 1970.", board.started)
        yield _gauge("runs_kept", "Ended runs of this start, 50 at most.", len(board.ended))
        run = board.run
        yield _gauge("running", "Whether a run goes on.", run is not None)
        if run:
            yield from _of_run(run)


def _counters(counters: Counters) -> Iterator[Metric]:
    """Yield what all runs of this start have done."""
    objects = CounterMetricFamily(
        f"{_PREFIX}objects", "Objects by outcome, over all runs of this start.", labels=["outcome"]
    )
    for outcome, count in counters.objects.items():
        objects.add_metric([outcome], count)
    yield objects
    failures = CounterMetricFamily(
        f"{_PREFIX}failures", "Failed objects by cause.", labels=["status", "code"]
    )
    for cause, count in counters.failures.items():
        failures.add_metric(cause, count)
    yield failures
    requests = CounterMetricFamily(
        f"{_PREFIX}requests",
        "Requests to COS that transfer and look, each try for itself; status none: no answer.",
        labels=["operation", "status"],
    )
    for request, count in counters.requests.items():
        requests.add_metric(request, count)
    yield requests
    yield CounterMetricFamily(
        f"{_PREFIX}bytes_sent",
        "Bytes of objects that were sent to COS, those of parts included.",
        value=counters.bytes_sent,
    )
    yield CounterMetricFamily(
        f"{_PREFIX}bytes_read",
        "Bytes of these objects that were read from a cloud source; COS copies without reading.",
        value=counters.bytes_read,
    )


def _of_run(run: RunView) -> Iterator[Metric]:
    """Yield the state of the current run."""
    under_way = GaugeMetricFamily(f"{_PREFIX}transfers", "Transfers under way.", labels=["pool"])
    limit = GaugeMetricFamily(
        f"{_PREFIX}transfer_limit", "Transfers that may be under way at once.", labels=["pool"]
    )
    for pool, use in (("small", run.small_pool), ("big", run.big_pool)):
        under_way.add_metric([pool], use.under_way)
        limit.add_metric([pool], use.limit)
    yield under_way
    yield limit
    progress = run.progress
    yield _gauge("known_objects", "Objects that the present run has found.", progress.known)
    yield _gauge("done_objects", "Objects of the present run with an outcome.", progress.done)
    yield _gauge("list_finished", "Whether all objects of it are found.", progress.complete)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}{name}", text, value=value)
