"""What a report knows of a run: rates over time, sizes, the slowest objects."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.model import Outcome, Status
from cos_migrate.report.history import SentObjects, Throughput, Totals


def sent(size: int, seconds: float = 0.0, path: str = "/a") -> Outcome:
    return Outcome(Status.NEW, path, path, size, "", seconds=seconds)


@given(
    st.lists(st.tuples(st.floats(0, 5000), st.integers(0, 100), st.integers(0, 10**9)), min_size=1)
)
def test_intervals_are_few_and_their_rates_add_up(steps: list[tuple[float, int, int]]) -> None:
    throughput, now, totals = Throughput(), 0.0, Totals()
    for seconds, objects, size in steps:
        now += seconds
        totals = Totals(totals.objects + objects, totals.size + size, totals.failed + 1)
        throughput.note(now, totals)
    rates, each = throughput.rates(), throughput.seconds_each
    assert len(rates) <= 240
    assert (len(rates) - 1) * each <= now < len(rates) * each
    assert round(sum(rate.objects for rate in rates) * each) == totals.objects
    assert abs(sum(rate.size for rate in rates) * each - totals.size) <= 1 + totals.size * 1e-9
    assert sum(rate.failed for rate in rates) == totals.failed


def test_a_pause_is_an_interval_without_objects() -> None:
    throughput = Throughput()
    for now, objects in ((0.5, 10), (0.9, 10), (1.5, 10), (1.75, 20)):
        throughput.note(now, Totals(objects, 10 * objects))
    assert [rate.objects for rate in throughput.rates()] == [20, 0, 0, 20]


def test_what_is_sent_between_two_looks_is_spread_over_their_time() -> None:
    throughput = Throughput()
    throughput.note(0.25, Totals(10, 100, 1))
    throughput.note(1.25, Totals(50, 500, 2))
    rates = throughput.rates()
    assert [rate.size for rate in rates] == [400, 400, 200]
    assert [rate.objects for rate in rates] == [40, 40, 20]
    assert [rate.failed for rate in rates] == [1, 0, 1], "failures count when they are seen"


def test_sizes_fall_into_the_class_of_their_bounds() -> None:
    objects = SentObjects()
    objects.add([sent(0), sent(1), sent(4095), sent(4096), sent(65536), sent(5 << 30)])
    classes = {(each.least, each.below): each.objects for each in objects.size_classes()}
    assert classes == {
        (0, 1): 1,
        (1, 4096): 2,
        (4096, 65536): 1,
        (65536, 1 << 20): 1,
        (1 << 20, 16 << 20): 0,
        (16 << 20, 256 << 20): 0,
        (256 << 20, 4 << 30): 0,
        (4 << 30, 0): 1,
    }
    assert sum(each.size for each in objects.size_classes()) == 1 + 4095 + 4096 + 65536 + (5 << 30)


def test_the_twenty_slowest_objects_are_kept() -> None:
    objects = SentObjects()
    for number in range(100):
        seconds = (number * 37 % 100) / 10
        objects.add([sent(number, seconds, f"/{number}")])
    slowest = objects.slowest()
    assert [slow.seconds for slow in slowest] == [number / 10 for number in range(99, 79, -1)]
    assert slowest[0].cos_path == f"/{slowest[0].size}"
