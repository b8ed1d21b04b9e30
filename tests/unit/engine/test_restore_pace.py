"""How many objects are restored ahead: as many as can be moved while they are readable."""

from __future__ import annotations

from cos_migrate.engine.restore_pace import RestorePace

GIB = 1 << 30


def restored_ahead(pace: RestorePace, size: int) -> int:
    """Return how many objects of one size fit."""
    count = 0
    while count < 10_000 and pace.has_room(size):
        pace.add(size)
        count += 1
    return count


def test_before_anything_is_measured() -> None:
    assert restored_ahead(RestorePace(1), 10 * GIB) == 42  # half a day at 10 MiB/s
    assert restored_ahead(RestorePace(2), 10 * GIB) == 84
    assert restored_ahead(RestorePace(1), 0) == 10_000


def test_the_measured_rate_counts_and_idle_time_does_not() -> None:
    pace = RestorePace(1)
    pace.note_sent(100.0, 0, 0, busy=True)
    pace.note_sent(200.0, 100, 100 << 20, busy=True)  # 1 MiB/s
    pace.note_sent(9000.0, 100, 100 << 20, busy=False)
    assert restored_ahead(pace, 10 * GIB) == 4
    pace.remove(10 * GIB)
    assert pace.has_room(10 * GIB)


def test_one_always_fits() -> None:
    assert restored_ahead(RestorePace(1), 1 << 50) == 1
