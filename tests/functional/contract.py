"""Scenarios of whole runs that hold for every source; each stands here once.

The test file of a source inherits the contracts that fit, gives the fixture `site`, and adds what
is peculiar to the source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from tests.fakes.faults import Fault
from tests.functional.cloud_tool import counted, noise, stored
from tests.functional.options_contract import OptionsContract
from tests.functional.sites import ServerSite, Site
from tests.functional.tool import BUCKET, records
from tests.functional.waiting import HeldCos, kill_in_the_middle, wait_until

MIB = 1 << 20
Wrong = tuple[Mapping[str, str], str]
"""Changes of a source's section, and the text that names the mistake."""


class PerSource:
    """Gives each source its own mistakes and refusals."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        for name in ("wrong_access", "refused"):
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, getattr(metafunc.cls, name), ids=str)


class RunContract(OptionsContract):
    """Runs of any source."""

    def test_every_object_with_its_metadata_and_then_nothing_again(
        self, site: Site, cos: HeldCos
    ) -> None:
        site.narrow()
        tool, names = site.tool, site.unusual
        bodies = {key: noise(number * 1000, number) for number, key in enumerate(names)}
        described = {"meta/small": b"hello", "meta/big": noise(11 * MIB), "meta/empty": b""}
        for key, body in bodies.items():
            site.put(key, body)
        headers = {key: site.put_described(key, body) for key, body in described.items()}
        tool.common |= {"cosPath": "/to/", "workerProcessNum": site.processes}
        ended = tool.run()
        assert (ended.code, ended.status, ended.list_finished) == (0, "ALL_OK", True), ended.err
        every = len(bodies) + len(described)
        assert ended.counts() == counted(new=every)
        wanted = {f"to/{names[key]}": body for key, body in bodies.items()}
        wanted |= {f"to/{key}": body for key, body in described.items()}
        assert stored(cos) == wanted
        for key, expected in headers.items():
            found = cos.object_head(BUCKET, f"to/{key}").headers
            md5 = {"x-cos-meta-md5": hashlib.md5(described[key]).hexdigest()}
            assert found == found | expected | (md5 if site.attaches_md5 else {})
        assert site.downloaded() == sum(map(len, wanted.values()))  # each byte once
        record, value = site.record_of("meta/small", "/to/meta/small")
        assert records(tool.database)[record] == value
        assert f"task_info: {record}" in ended.out
        assert tool.database.name == hashlib.md5(site.job_text().encode()).hexdigest()
        assert tool.database.parents[1].name == site.database_kind
        assert "use proxy" not in ended.out

        site.forget()
        cos.reset()
        again = tool.run("--debug")
        assert (again.code, again.counts()) == (0, counted(skip=every))
        assert set(site.operations()) == site.idle
        assert [name for name in cos.operations() if name not in site.idle] == ["HeadObject"]
        logs = [tool.log(name) for name in ("info.log", "error.log", "debug.log")]
        for secret in site.secrets:
            assert secret not in "".join([ended.out, ended.err, *logs])

        site.put("meta/small", b"HELLO")
        site.put("new", b"x")
        assert tool.run().counts() == counted(new=1, update=1, skip=every - 1)
        assert stored(cos) == wanted | {"to/meta/small": b"HELLO", "to/new": b"x"}

    def test_killed_in_the_middle_and_completed(self, site: Site, cos: HeldCos) -> None:
        # Big objects are listed first: small ones, whose answers are held, keep others waiting.
        bodies = {f"big-{number}": noise(12 * MIB, number) for number in range(2)}
        bodies |= {f"small/{number:03}": noise(2000, number) for number in range(120)}
        for key, body in bodies.items():
            site.put(key, body)
        site.tool.common |= {
            "workerProcessNum": "2",
            "smallFileExecutorNum": "4",
            "bigFileExecutorNum": "2",
            "bigFileUploadPartSize": str(2 * MIB),
            "resume": "true",
        }
        kill_in_the_middle(cos, site.tool, (site.puts, 20), site.parts_when_killed)
        if isinstance(site, ServerSite):
            wait_until(lambda: not site.server.connections)
        kept = records(site.tool.database)
        paths = "".join(key for key in kept if key.startswith("[taskType: "))
        migrated = {key for key in bodies if f"/{key}]" in paths}
        parts = sum(key.startswith("[cosmigrate part]") for key in kept)
        site.forget()
        ended = site.tool.run()
        assert (ended.code, ended.status) == (0, "ALL_OK"), ended.err
        assert stored(cos) == bodies
        # What was recorded is not read again; what was under way may be.
        assert site.downloaded() < sum(map(len, bodies.values()))
        if isinstance(site, ServerSite):
            assert not any(site.server.downloaded(site.path_of(key)) for key in migrated)
            ranges = {(seen.key, seen.range) for seen in site.server.downloads() if seen.range}
            left = 6 * len({"big-0", "big-1"} - migrated)
            assert len(ranges) == left - parts or not site.streams
        site.forget()
        assert site.tool.run().counts() == counted(skip=122)
        assert site.downloaded() == 0

    def test_an_empty_source(self, site: Site, cos: HeldCos) -> None:
        ended = site.tool.run()
        assert (ended.code, ended.status, ended.list_finished) == (0, "ALL_OK", True), ended.err
        assert ended.counts() == counted()
        assert "nothing was found to migrate" in ended.out
        assert cos.keys(BUCKET) == []


class AccessContract(PerSource):
    """Runs with a wrong section."""

    wrong_access: ClassVar[Sequence[Wrong]] = ()
    requests_of_wrong_access = 1

    def test_wrong_access_ends_with_one_message(
        self, site: ServerSite, cos: HeldCos, wrong_access: Wrong
    ) -> None:
        changed, text = wrong_access
        site.put("a", b"x")
        port = str(getattr(site, "server", cos).port)
        site.tool.cloud |= {key: value.format(port=port) for key, value in changed.items()}
        site.tool.common["requestTryCount"] = "1"
        site.forget()
        ended = site.tool.run()
        output, errors = ended.out + ended.err, site.tool.log("error.log")
        assert (ended.code, ended.list_finished) == (1, False)
        assert output.count(text) == 1
        assert text in errors
        for secret in (*site.secrets, "guessed"):
            assert secret not in output + errors
        assert not set(cos.operations()) - site.idle
        assert len(site.operations()) <= self.requests_of_wrong_access


class DownloadContract(PerSource, RunContract):
    """Runs of a source whose bytes come over a network."""

    refused: ClassVar[Sequence[tuple[int, str]]] = ()
    """Status and code of refusals of single objects."""

    def test_no_fault_leaves_a_wrong_object(self, site: ServerSite, cos: HeldCos) -> None:
        bodies = {f"small/{number:02}": noise(3000 + number, number) for number in range(30)}
        bodies |= {"big/one": noise(12 * MIB), "big/two": noise(9 * MIB, 2)}
        bodies["big/parts"] = noise(7 * MIB, 3)
        for key, body in bodies.items():
            site.put(key, body)
        site.impatient()
        # One request may meet many of the faults, as the machine is busy or not.
        site.tool.common |= {"workerProcessNum": "2", "requestTryCount": "12"}
        server, reads = site.server, site.server.reads
        server.faults += [
            Fault("cut", reads, "small/0[12]", times=2, at=1234),
            # One each: content that differs from its checksum in the same way twice is no damage.
            Fault("flip", reads, "small/03", at=1234),
            Fault("flip", reads, "small/04", at=1234),
            Fault("reset", reads, "small/0[56]", times=2),
            Fault("hang", reads, "small/09"),
            Fault("status", reads, "small/1", times=2),
            Fault("status", reads, "big", times=3, status=503, code="SlowDown"),
            Fault("cut", reads, "big", at=MIB),
            Fault("flip", reads, "big/two", at=MIB),
            Fault("reset", reads, "big"),
            *site.more_faults(),
        ]
        if server.lists:
            server.faults += [
                Fault("status", server.lists, times=2, status=503, code="SlowDown"),
                Fault("reset", server.lists),
                Fault("cut", server.lists, site.cut_listing, at=1000),
            ]
        ended = site.tool.run()
        assert (ended.code, ended.counts()) == (0, counted(new=33)), ended.out + ended.err
        assert stored(cos) == bodies
        assert not [fault for fault in server.faults if not server.hits(fault)]

    def test_lasting_damage_is_a_fail_and_never_recorded(
        self, site: ServerSite, cos: HeldCos
    ) -> None:
        bodies = {f"small/{what}": noise(3000) for what in ("flipped", "cut", "good")}
        bodies |= {"big/flipped": noise(12 * MIB), "big/cut": noise(7 * MIB, 2)}
        bodies["big/flipped, streamed"] = noise(9 * MIB)
        for key, body in bodies.items():
            site.put(key, body)
        for kind, key in (("flip", "flipped"), ("cut", "cut")):
            site.server.faults.append(Fault(kind, site.server.reads, key, times=-1, at=1000))
        site.tool.common["requestTryCount"] = "2"
        ended = site.tool.run()
        assert (ended.code, ended.status) == (1, "PART_OK")
        assert ended.counts() == counted(new=1, fail=5), ended.out
        assert cos.keys(BUCKET) == ["small/good"]
        kept = records(site.tool.database)
        assert len([key for key in kept if key.startswith("[taskType")]) == 1
        site.server.faults.clear()
        assert site.tool.run().counts() == counted(new=5, skip=1)
        assert stored(cos) == bodies

    def test_objects_that_change_while_they_are_migrated(
        self, site: ServerSite, cos: HeldCos
    ) -> None:
        for key, size in (("small", 1000), ("big", 12 * MIB), ("shrinks", 12 * MIB)):
            site.put(key, noise(size))
        site.tool.common["bigFileUploadPartSize"] = str(2 * MIB)
        site.tool.common["entireFileMd5Attached"] = site.md5_attached
        bodies = {"small": noise(1500, 3), "big": noise(12 * MIB, 4), "shrinks": noise(900, 5)}
        for key, skip in (("small", 0), ("big", 3), ("shrinks", 3)):
            change = partial(site.put, key, bodies[key])
            site.server.faults.append(
                Fault("call", site.server.reads, key, skip=skip, action=change)
            )
        ended = site.tool.run()
        assert (ended.code, ended.counts()) == (0, counted(new=3)), ended.out + ended.err
        assert stored(cos) == bodies
        assert all(site.server.hits(fault) for fault in site.server.faults)
        assert site.tool.run().counts() == counted(skip=3)

    def test_objects_that_are_refused_at_the_front_stop_nothing(
        self, site: ServerSite, refused: tuple[int, str]
    ) -> None:
        for number in range(60):
            site.put(f"{number:02}", b"x")
        status, code = refused
        site.server.faults.append(
            Fault("status", site.server.reads, "^/?[01].$", times=-1, status=status, code=code)
        )
        ended = site.tool.run()
        assert (ended.counts(), ended.list_finished) == (counted(new=40, fail=20), True), ended.err
        assert code in site.tool.log("error.log")


class PagesContract:
    """Runs of a source that is listed by pages in the order of its keys."""

    def test_a_prefix_through_a_proxy(self, site: ServerSite, cos: HeldCos) -> None:
        bodies = {f"b{number}/c": noise(100, number) for number in range(20)}
        bodies["b/big"] = noise(6 * MIB)
        for key, body in bodies.items():
            site.put(f"a/{key}", body)
        site.put("other", b"x")
        host = site.through_proxy()
        site.select(site.prefix)
        ended = site.tool.run(
            environ={"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://x:9"}
        )
        assert ended.counts() == counted(new=21), ended.err
        assert stored(cos) == bodies
        assert {seen.proxied for seen in site.server.seen} == {True}
        assert {seen.host for seen in site.server.downloads()} == {host}

    def test_many_pages_listed_at_once(self, site: ServerSite, cos: HeldCos) -> None:
        keys = [f"{number % 9}/{number % 4}/{number:05}" for number in range(400)]
        for key in keys:
            site.put(key, b"")
        site.server.page_size, site.server.latency = 25, 0.01
        ended = site.tool.run()
        assert ended.counts() == counted(new=400), ended.err
        assert ended.list_finished
        assert sorted(cos.keys(BUCKET)) == sorted(keys)

    def test_a_listing_goes_on_where_it_was(self, site: ServerSite, cos: HeldCos) -> None:
        keys = [f"{number:05}" for number in range(site.page_size + 50)]
        for key in keys:
            site.put(key, b"")
        site.server.page_size = site.page_size
        site.tool.common |= {"resume": "true", "requestTryCount": "1", "listParallel": "1"}
        lists = site.server.lists
        broken = Fault("status", lists, skip=1, times=-1, **site.denied_listing)
        site.server.faults.append(broken)
        first = site.tool.run()
        assert (first.code, first.list_finished) == (1, False)
        assert first.counts() == counted(new=site.page_size)
        site.server.faults.clear()
        site.forget()
        second = site.tool.run()
        assert (second.code, second.list_finished) == (0, True), second.err
        assert second.counts() == counted(new=50)
        assert len(site.server.asked(lists)) <= 2
        assert sorted(cos.keys(BUCKET)) == keys

    def test_a_file_of_keys(self, site: ServerSite, cos: HeldCos, tmp_path: Path) -> None:
        for key in ("a/1", "b?#", "left out"):
            site.put(key, key.encode())
        listed = tmp_path / "keys.txt"
        listed.write_text("a/1\nb?#\nmissing\na/1\r\n\na/1", encoding="utf-8")
        site.tool.cloud[site.key_file] = str(listed)
        ended = site.tool.run()
        assert (ended.code, ended.counts()) == (1, counted(new=2, fail=1)), ended.err
        assert stored(cos) == {"a/1": b"a/1", "b?#": b"b?#"}
        assert sorted({seen.key for seen in site.server.downloads()}) == ["a/1", "b?#"]
        for number in (4, 6):
            line = f"line {number} of {listed} is passed over: it repeats line 1"
            assert line in site.tool.log("info.log")
        site.forget()
        assert site.tool.run().counts() == counted(skip=2, fail=1)
        assert site.server.lists not in site.operations()
        assert site.downloaded() == 0

    def test_archived_objects_are_named_and_stop_nothing(
        self, site: ServerSite, cos: HeldCos
    ) -> None:
        for number in range(120):
            site.archive(f"cold/{number:03}", b"y")
        site.archive("cold/big", noise(6 * MIB))
        site.put("good", b"x")
        ended = site.tool.run()
        assert (ended.code, ended.counts()) == (1, counted(new=1, fail=121)), ended.err
        assert ended.list_finished
        assert "must be restored before it can be read" in site.tool.log("error.log")
        site.restore("cold/000")
        site.tool.cloud["prefix"] = "cold/000"
        assert site.tool.run().counts() == counted(new=1)
        assert stored(cos) == {"good": b"x", "000": b"y"}


class SlashesContract:
    """Runs of a source whose keys may differ in slashes alone."""

    def test_names_that_differ_in_leading_slashes_only(
        self, site: ServerSite, cos: HeldCos
    ) -> None:
        """One key on COS cannot be two objects: the plain name is migrated, the other fails."""
        for key in ("a/x", "a//x", "a//alone"):
            site.put(key, key.encode())
        site.put("a//big", noise(6 * MIB))
        site.put("a/big", b"small")
        site.select("a/")
        for again in (False, True):
            ended = site.tool.run()
            done = counted(skip=3, fail=2) if again else counted(new=3, fail=2)
            assert (ended.code, ended.counts()) == (1, done), site.tool.log("error.log")
            assert stored(cos) == {"x": b"a/x", "alone": b"a//alone", "big": b"small"}
        for name in ("a/x", "a/big"):
            assert f"same object as {name}" in site.tool.log("error.log")
