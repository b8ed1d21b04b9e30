"""Big objects side by side, even where two of them go to the same path."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cos_migrate.engine.big_object import UploadOptions
from cos_migrate.engine.big_objects import Upload, Uploads
from cos_migrate.engine.plan import DEFAULT_COPIES
from cos_migrate.engine.transfer import Transfer
from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.pools.messages import Kind, Message, Reply
from cos_migrate.pools.temp_files import Spool

MIB = 1 << 20


def test_two_objects_of_one_path_are_kept_in_files_of_their_own(tmp_path: Path) -> None:
    nothing: Any = SimpleNamespace(
        find=lambda _: None,
        find_java=lambda *_: None,
        apply=lambda _: None,
        progressed=lambda *_: None,
    )
    nothing.save_points = nothing.uploads = nothing
    submitted: list[tuple[Upload, Message]] = []
    spool = Spool(tmp_path, "job")
    spool.open()

    def submit(_: Transfer, upload: Upload, task: Message, __: str) -> None:
        submitted.append((upload, (len(submitted), *task)))

    options = UploadOptions(MIB, 2 * MIB, md5=True, reads_at_once=False)
    uploads = Uploads(
        options, DEFAULT_COPIES, 2, nothing, spool, nothing, submit=submit, failed=nothing
    )
    for name in ("big", "/big"):  # keys of a bucket that COS cannot tell apart
        obj = SourceObject(name, name, Fingerprint(4 * MIB))
        uploads.park(Transfer(obj, "/big", name, update=False))
    uploads.feed(lambda _: 10, copying=False)
    assert [task[1] for _, task in submitted] == [Kind.DIGEST] * 2
    for upload, task in submitted[:2]:
        uploads.take(upload, task, Reply.DONE, ["", -1])
    uploads.feed(lambda _: 10, copying=False)
    paths = {task[-3] for _, task in submitted if task[1] == Kind.FETCH_PART}
    assert len(paths) == 2
    assert all(Path(path).exists() for path in paths)
    spool.close()
