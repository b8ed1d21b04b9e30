"""Scenarios of options of the command line that hold for every source."""

from __future__ import annotations

from functools import partial

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.functional.cloud_tool import counted, noise, stored
from tests.functional.more_sites import PassingSite
from tests.functional.sites import Site
from tests.functional.tool import BUCKET, Ended, records
from tests.functional.waiting import HeldCos

MIB = 1 << 20
CHECKS = [
    "disk for db",
    "disk for log",
    "disk for tmpFolder",
    "source is listed",
    "object is read",
    "bucket is reached",
    "region",
    "write permission",
    "clock",
]
"""The lines of `--check-config` over http."""


def foretold(site: Site, cos: EmbeddedCos, *words: str) -> Ended:
    """Dry-run and then run; assert that the one has foretold the other. Return the second."""
    tool = site.tool
    kept = {path: path.read_bytes() for path in tool.folder.rglob("*") if path.is_file()}
    cos.reset()
    site.forget()
    dry = tool.run("--dry-run", *words)
    assert f"{site.migrate_type} dry run! op statistics:" in dry.out
    looks = [seen.operation for seen in cos.requests if seen.bucket == BUCKET]
    assert set(looks) <= {"HeadObject"}
    assert site.downloaded() == 0
    for path in tool.folder.rglob("*"):
        assert "log" in path.parts or path in kept or path.is_dir(), path
    assert all(path.read_bytes() == data for path, data in kept.items() if "log" not in path.parts)
    assert not [*(tool.folder / "tmp").iterdir()]
    cos.reset()
    site.forget()
    ended = tool.run(*words)
    asked = [seen.operation for seen in cos.requests if seen.bucket == BUCKET]
    assert looks == ["HeadObject"] * (asked.count("HeadObject") if looks else 0)
    assert dry.figure("requests_to_cos") == len(asked), (dry.out, sorted(asked))
    assert {*dry.tasks("[dry-run]")} == {*ended.tasks("[ok]")}
    assert dry.counts() == ended.counts()
    assert (dry.code, dry.status) == (ended.code, ended.status), dry.err
    parts = [seen for seen in cos.requests if seen.operation in {"UploadPart", "PutObject"}]
    sent = sum(int(seen.headers["content-length"]) for seen in parts if seen.bucket == BUCKET)
    assert dry.figure("bytes_from_source") == sent
    return ended


class OptionsContract:
    """Runs of any source with options."""

    def test_a_checked_configuration_is_tried_and_leaves_nothing(
        self, site: Site, cos: HeldCos
    ) -> None:
        tool = site.tool
        site.put("first", b"x" * 5000)
        tool.common["cosPath"] = "/to/"
        tool.write_config()
        before = sorted(tool.folder.rglob("*"))
        ended = tool.run("--check-config")
        assert ended.code == 0, ended.out + ended.err
        names = [line[5:].split(":")[0] for line in ended.lines("[ok] ")]
        assert names == CHECKS
        assert not ended.lines("[fail]")
        assert sorted(tool.folder.rglob("*")) == before
        assert cos.keys(BUCKET) == []
        uploads = [seen for seen in cos.requests if seen.bucket == BUCKET]
        assert [(seen.operation, seen.key) for seen in uploads] == [
            ("InitiateMultipartUpload", "to/.cos-migrate-check"),
            ("AbortMultipartUpload", "to/.cos-migrate-check"),
        ]
        for secret in site.secrets:
            assert secret not in ended.out + ended.err

    def test_a_dry_run_foretells_the_next_run(self, site: Site, cos: HeldCos) -> None:
        if isinstance(site, PassingSite):
            pytest.skip("a dry run asks for no copy, and so learns of no refusal")
        tool, copies = site.tool, site.puts == "PutObjectCopy"
        bodies = {f"small/{number}": noise(1000 + number) for number in range(5)}
        bodies |= {"empty": b"", "big/one": noise(7 * MIB), "big/two": noise(9 * MIB, 2)}
        for key, body in bodies.items():
            site.put(key, body)
        site.put("left/out", b"x")
        tool.common |= {"cosPath": "/to/", "exclude": "left/", "bigFileUploadPartSize": str(MIB)}
        dry = tool.run("--dry-run")
        assert (dry.code, dry.counts()) == (0, counted(new=8, unmatched=1)), dry.err
        assert dry.figure("bytes_to_send") == sum(map(len, bodies.values()))
        assert not [*(tool.folder / "db").iterdir()]
        cos.faults += [
            Fault("status", operation, key, times=-1, skip=skip, status=400, code="InvalidArgument")
            for operation, key, skip in (
                (site.puts, "to/small/3", 0),
                ("UploadPart", "to/big/two", 5),
            )
        ]
        failed = 1 + (not copies)
        assert tool.run().counts() == counted(new=8 - failed, fail=failed, unmatched=1)
        cos.faults.clear()
        kept = sum(key.startswith("[cosmigrate part]") for key in records(tool.database))
        assert bool(kept) == (not copies)

        site.put("small/0", b"another")
        site.put("new", b"x")
        ended = foretold(site, cos)
        assert ended.counts() == counted(new=1 + failed, update=1, skip=7 - failed, unmatched=1)
        foretold(site, cos)  # nothing is left to do: COS is asked for one object

        cos.store.put(BUCKET, "to/more/there", cos.store.receive([b"x"]), {}, acl="")
        cos.store.put(BUCKET, "to/more/big", cos.store.receive([b"x"]), {}, acl="")
        for key, body in (("there", b"1"), ("big", noise(6 * MIB)), ("not", b"12")):
            site.put(f"more/{key}", body)
        ended = foretold(site, cos, "-Dcommon.skipSamePath=true")
        assert ended.counts() == counted(new=1, skip=11, unmatched=1)

    def test_only_what_failed_is_tried_again(self, site: Site, cos: HeldCos) -> None:
        tool, bodies = site.tool, {f"small/{number}": noise(1000 + number) for number in range(5)}
        bodies |= {"big/one": noise(7 * MIB), "big/two": noise(9 * MIB, 2)}
        for key, body in bodies.items():
            site.put(key, body)
        tool.common |= {"cosPath": "/to/", "bigFileUploadPartSize": str(MIB)}
        refused = partial(Fault, "status", times=-1, status=400, code="InvalidArgument")
        goes_on = refused(site.puts, "to/small/3")
        cos.faults += [
            goes_on,
            refused(site.puts, "to/small/1"),
            refused("UploadPart", "to/big/two", skip=5),
        ]
        ended = tool.run()
        failed = ended.counts()["fail"]
        assert failed == len(ended.tasks("[fail]")) >= 2
        assert "--retry-failed" in ended.out
        del cos.faults[-2:]
        if site.migrate_type != "migrateUrl":  # a list that has changed is another one
            site.put("new", b"x")
        dry = tool.run("--dry-run", "--retry-failed")
        assert (dry.code, dry.counts()) == (0, counted(new=failed)), dry.err
        site.forget()
        run = tool.run("--retry-failed")
        assert (run.code, run.counts()) == (1, counted(new=failed - 1, fail=1)), run.out + run.err
        for tried in (dry.tasks("[dry-run]"), run.tasks("[ok]") + run.tasks("[fail]")):
            assert {*tried} == {*ended.tasks("[fail]")}
        assert not set(site.operations()) & site.idle - {"HeadObject", "HEAD", "Uc /v4/query"}
        cos.faults.remove(goes_on)
        site.put("small/3", b"changed")
        last = tool.run("--retry-failed")
        assert (last.code, last.counts()) == (0, counted(new=1)), last.err
        wanted = bodies | {"small/3": b"changed"}
        assert stored(cos) == {f"to/{key}": body for key, body in wanted.items()}

        cos.reset()
        site.forget()
        nothing = tool.run("--retry-failed")
        assert (nothing.code, nothing.counts()) == (0, counted())
        assert "nothing to retry" in nothing.out
        assert not [*site.operations(), *cos.operations()]
        assert tool.run().code == 0
        assert all(cos.object_bytes(BUCKET, f"to/{key}") == wanted[key] for key in wanted)
