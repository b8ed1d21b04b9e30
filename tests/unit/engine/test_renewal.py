"""When credentials are renewed, and what a run does while there are no new ones."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import pytest

from cos_migrate.cos.settings import CosSettings
from cos_migrate.credentials.provider import Found, SectionKeys
from cos_migrate.emulator import EmbeddedCos
from cos_migrate.emulator.signature import Account
from cos_migrate.engine.renewal import Renewal, RenewalStep
from cos_migrate.engine.spot_check import SpotCheck, SpotCheckResult
from cos_migrate.errors import CredentialsError, Side
from cos_migrate.http.credential_gate import CredentialGate
from cos_migrate.model import Credentials

HOUR = 3600.0


class Metadata:
    """A provider whose answers a test sets; it counts how often it is asked."""

    section = "migrateAws"

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.keys = Credentials("id1", "key", "token", self.now + HOUR)
        self.problem = ""
        self.fetched = 0

    def fetch(self) -> Found:
        self.fetched += 1
        if self.problem:
            raise CredentialsError(self.problem)
        return Found(self.keys, "profile backup")

    def issue(self, name: str, life: float = HOUR) -> None:
        self.keys = Credentials(name, "key", "token", self.now + life)

    def renewal(self) -> Renewal:
        renewal = Renewal(
            Side.SOURCE,
            self,
            Found(self.keys, "profile backup"),
            clock=lambda: self.now,
            timer=lambda: self.now,
        )
        self.woken = threading.Event()
        renewal.wake = self.woken.set
        return renewal

    def step(self, renewal: Renewal) -> RenewalStep | None:
        """Look, and look again behind the fetch that this began, if it did."""
        fetched, step = self.fetched, renewal.look()
        assert step is None
        if not renewal._fetching:
            assert self.fetched == fetched
            return None
        assert self.woken.wait(60)
        self.woken.clear()
        return renewal.look()


@pytest.mark.parametrize(("life", "early"), [(HOUR, 300.0), (20.0, 5.0)])
def test_they_are_renewed_before_they_end(life: float, early: float) -> None:
    clock = Metadata()
    clock.issue("old", life)
    renewal = clock.renewal()
    clock.issue("new", life)
    clock.now += life - early - 0.1
    assert clock.step(renewal) is None
    assert not clock.fetched
    clock.now += 0.2
    clock.issue("new", life)
    step = clock.step(renewal)
    assert step
    assert step.credentials == renewal.current
    assert renewal.current[:3] == ("new", "key", "token")
    assert renewal.current.number == 1
    assert step.note.startswith("credentials: [migrateAws] profile backup, until ")
    assert "token" not in step.note
    assert clock.step(renewal) is None


def test_they_are_renewed_at_once_when_a_server_refuses_them() -> None:
    clock = Metadata()
    renewal = clock.renewal()
    clock.issue("new")
    renewal.ask(7)  # others, which are replaced by now
    assert clock.step(renewal) is None
    renewal.ask(0)
    renewal.ask(0)
    step = clock.step(renewal)
    assert step
    assert step.credentials
    assert clock.fetched == 1
    renewal.ask(0)  # by a request that was under way
    assert clock.step(renewal) is None


def test_a_provider_that_is_down_ends_nothing_before_they_have_ended() -> None:
    clock = Metadata()
    renewal = clock.renewal()
    clock.problem = "the metadata service does not answer"
    clock.now += HOUR - 299
    steps = []
    for _ in range(200):
        clock.now += 1
        step = clock.step(renewal)
        if step:
            assert not step.credentials
            assert not step.refused
            steps.append(step.warning)
    assert len(steps) == 3  # once a minute, and not for the first failure
    assert 5 < clock.fetched < 15
    assert all("cannot be renewed" in text and clock.problem in text for text in steps)
    clock.problem = ""
    clock.issue("new")
    clock.now += 60
    renewed = clock.step(renewal)
    assert renewed
    assert renewed.credentials


def test_the_run_pauses_when_they_have_ended() -> None:
    clock = Metadata()
    renewal = clock.renewal()
    clock.problem = "the metadata service does not answer"
    renewal.ask(0)
    paused = clock.step(renewal)
    assert paused
    assert paused.warning.startswith("the run pauses: the credentials of [migrateAws] have ended")
    warnings = 0
    for _ in range(600):
        clock.now += 1
        step = clock.step(renewal)
        warnings += bool(step and step.warning)
        assert not (step and step.refused)
    assert 9 <= warnings <= 10
    assert 55 <= clock.fetched <= 75
    clock.problem = ""
    clock.issue("new")
    clock.now += 10
    renewed = clock.step(renewal)
    assert renewed
    assert renewed.credentials


def test_a_provider_that_issues_new_ones_late_is_no_matter_for_a_warning() -> None:
    """Nor do requests wait while no server refuses the old ones, whatever this clock says."""
    clock = Metadata()
    renewal = clock.renewal()
    clock.now += HOUR - 299
    for _ in range(298):
        clock.now += 1
        assert clock.step(renewal) is None
    assert 5 < clock.fetched < 30
    warnings = []
    for _ in range(100):
        clock.now += 1
        step = clock.step(renewal)
        warnings += [step.warning] if step else []
    assert len(warnings) == 2
    assert all("cannot be renewed: its provider still" in text for text in warnings)


def test_ended_ones_that_the_provider_still_returns_are_waited_for() -> None:
    clock = Metadata()
    renewal = clock.renewal()
    clock.now += HOUR + 1
    renewal.ask(0)
    for _ in range(100):
        clock.now += 1
        step = clock.step(renewal)
        assert not (step and step.refused)
    clock.issue("new")
    clock.now += 10
    step = clock.step(renewal)
    assert step
    assert step.credentials


def test_the_same_ones_that_have_not_ended_are_given_up() -> None:
    clock = Metadata()
    renewal = clock.renewal()
    renewal.ask(0)
    found = []
    for _ in range(20):
        step = clock.step(renewal)
        found.append(bool(step and step.refused))
        clock.now += 1
    assert found.count(True) == 1
    assert clock.fetched == 3


def test_keys_of_the_section_are_read_again_when_they_are_refused() -> None:
    now: list[Credentials | None] = [Credentials("id", "key")]
    assert now[0]
    keys = SectionKeys("common", now[0], lambda: now[0])
    renewal = Renewal(Side.COS, keys, Found(now[0], ""))
    clock = Metadata()
    clock.woken = threading.Event()
    renewal.wake = clock.woken.set
    assert renewal.describe() == ""
    for content in (now[0], None):  # as before; unreadable
        now[0] = content
        renewal.ask(0)
        step = clock.step(renewal)
        assert step == RenewalStep(refused=True)
    now[0] = Credentials("id2", "key2")
    renewal.ask(0)
    step = clock.step(renewal)
    assert step
    assert step.credentials == Credentials("id2", "key2", number=1)
    assert step.credentials.until == math.inf
    assert step.note == "the credentials of [common] were read again"


def test_a_spot_check_waits_for_new_ones(tmp_path: Path) -> None:
    """The answer to HEAD has no code: that a token has ended is learnt by another request."""
    with EmbeddedCos(tmp_path, secret_id="id", secret_key="key", token="ended") as cos:
        cos.accounts = {
            "id": Account("id", "key", "ended", expired=True),
            "id2": Account("id2", "key2", "new"),
        }
        old, new = Credentials("id", "key", "ended"), Credentials("id2", "key2", "new", number=1)
        asked: list[tuple[Side, int]] = []

        def ask(side: Side, number: int) -> None:
            asked.append((side, number))
            gate.replace(side, new)

        gate = CredentialGate(ask)
        settings = CosSettings(
            "examplebucket-1250000000", "ap-guangzhou", old, suffix=f"localhost:{cos.port}"
        )
        results: list[SpotCheckResult] = []
        check = SpotCheck(settings, ["/a"], results.append, gate)
        check.start()
        check._thread.join(60)
        assert results == [SpotCheckResult(missing=("/a",))]
        assert asked == [(Side.COS, 0)]
