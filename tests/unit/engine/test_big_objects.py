"""Big objects side by side, even where two of them go to the same path."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cos_migrate.engine.big_objects import BigObject, BigObjects
from cos_migrate.engine.options import UploadOptions
from cos_migrate.engine.rules import DEFAULT_COPIES
from cos_migrate.engine.transfer import Transfer
from cos_migrate.model import Described, Fingerprint, SourceObject
from cos_migrate.pools.results import DESCRIBED
from cos_migrate.pools.tasks import FetchRange, InitiateUpload, Task
from cos_migrate.pools.temp_files import TempFiles

MIB = 1 << 20


def test_two_objects_of_one_path_are_kept_in_files_of_their_own(tmp_path: Path) -> None:
    nothing: Any = SimpleNamespace(
        find=lambda _: None,
        find_java_upload_id=lambda *_: None,
        apply=lambda _: None,
        progressed=lambda *_: None,
    )
    nothing.save_points = nothing.uploads = nothing
    spool = TempFiles(tmp_path, "job")
    spool.open()
    options = UploadOptions(MIB, 2 * MIB, md5=True, is_local=False)
    big_objects = BigObjects(
        options=options,
        copies=DEFAULT_COPIES,
        at_once=lambda: 2,
        committer=nothing,
        spool=spool,
        report=nothing,
    )
    for name in ("big", "/big"):  # keys of a bucket that COS cannot tell apart
        obj = SourceObject(name, name, Fingerprint(4 * MIB))
        big_objects.enqueue(Transfer(obj, "/big", name, is_update=False))

    def begin() -> list[tuple[BigObject, Task]]:
        assert not big_objects.begin(copying=False)
        submitted: list[tuple[BigObject, Task]] = []
        for big in big_objects.under_way:
            while big.upload.state.ready:
                task = big.upload.take_next_task()
                assert task
                submitted.append((big, task))
        return submitted

    submitted = begin()
    assert [type(task) for _, task in submitted] == [InitiateUpload] * 2
    for big, task in submitted:
        described = Described(big.transfer.obj.fingerprint)
        assert big_objects.collect(big, task, DESCRIBED, described) is None
    submitted = begin()
    paths = {task.path for _, task in submitted if isinstance(task, FetchRange)}
    assert len(paths) == 2
    assert all(Path(path).exists() for path in paths)
    spool.close()
