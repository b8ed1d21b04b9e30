"""A big object's way, driven like the coordinator drives it, without network or database."""

from __future__ import annotations

import random
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.checksums import Check
from cos_migrate.cos.crc64 import crc64
from cos_migrate.cos.encryption import new_envelope
from cos_migrate.cos.envelope import EncryptionSettings
from cos_migrate.engine.multipart_upload import MultipartUpload
from cos_migrate.engine.options import UploadOptions
from cos_migrate.engine.upload_step import UploadStep
from cos_migrate.model import (
    Described,
    Envelope,
    Failure,
    Fingerprint,
    PartRecord,
    SavePoint,
    SourceObject,
)
from cos_migrate.pools.results import (
    AGREES,
    Completed,
    Content,
    Digested,
    Initiated,
    ListedParts,
    PartStored,
)
from cos_migrate.pools.tasks import (
    AbortUpload,
    CompleteUpload,
    CopyPart,
    Digest,
    FetchRange,
    HeadTarget,
    InitiateUpload,
    ListParts,
    SkipIf,
    Stat,
    Task,
    UploadPart,
)

MIB = 1 << 20
DESCRIBED = Described(Fingerprint(5 << 20), md5="")
OPTIONS = UploadOptions(part_size=MIB, threshold=5 * MIB, md5=True)


def big(size: int = 5 * MIB) -> SourceObject:
    return SourceObject("/data/big", "big", Fingerprint(size, 1_000_000_000))


class Server:
    """What COS would answer; parts are zeros."""

    def __init__(self) -> None:
        self.uploads: dict[str, dict[int, tuple[str, int]]] = {}
        self.envelopes: set[Envelope | None] = set()
        """How the parts of the last upload were encrypted."""
        self.log: list[type] = []
        self.completed: list[tuple[int, ...]] = []
        self.told = -1
        self.checks: tuple[Check, ...] = ()
        self.checked = AGREES
        self.likely = False
        self.fed = 0
        self.source_tells_nothing = False
        self.fetched: list[tuple[int, int]] = []
        self.asked = 0
        """How often the source was asked about the object."""

    def answer(self, task: Task) -> Content:
        self.log.append(type(task))
        if isinstance(task, HeadTarget):
            return None
        if isinstance(task, Digest):
            return Digested("md5", task.described)
        if isinstance(task, FetchRange):
            self.fetched.append((task.offset, task.length))
            return None
        if isinstance(task, InitiateUpload):
            if task.described is None:
                self.asked += 1
            if task.md5 is None and self.source_tells_nothing:
                return DESCRIBED
            upload_id = f"id{len(self.uploads)}"
            self.envelopes = {task.envelope}
            assert task.part_size > 0
            self.uploads[upload_id] = {}
            return Initiated(upload_id, self.told, self.checks, self.likely)
        if isinstance(task, CopyPart):
            self._store(task)
            return PartStored(f"etag{task.number}")
        if isinstance(task, UploadPart):
            self.fed += bool(task.checks)
            self.envelopes.add(task.envelope)
            whole = self._store(task)
            crc = crc64(b"\0" * task.length)
            # What is encrypted has another CRC-64: here that of ones.
            sealed = crc64(b"\1" * task.length) if task.envelope else crc
            checked = self.checked if task.checks and whole else ""
            return PartStored(f"etag{task.number}", sealed, crc if task.envelope else -1, checked)
        if isinstance(task, ListParts):
            parts = self.uploads[task.upload_id]
            return ListedParts([(number, etag, size) for number, (etag, size) in parts.items()])
        if isinstance(task, CompleteUpload):
            _, upload_id, etags, size, crc = task
            assert [number for number, _ in etags] == sorted(self.uploads[upload_id])
            assert sum(size for _, size in self.uploads[upload_id].values()) == size
            content = (b"\1" if any(self.envelopes) else b"\0") * size
            assert crc == (self.told if CopyPart in self.log else crc64(content))
            self.completed.append(tuple(number for number, _ in etags))
            return Completed("request", "", "the-etag")
        if isinstance(task, Stat):
            return Fingerprint(6 * MIB, 2_000_000_000, "")
        assert isinstance(task, AbortUpload)
        del self.uploads[task.upload_id]
        return None

    def _store(self, part: UploadPart | CopyPart) -> bool:
        """Keep a part; return whether it was the last one."""
        stored = self.uploads[part.upload_id]
        stored[part.number] = (f"etag{part.number}", part.length)
        return sum(size for _, size in stored.values()) == part.obj.fingerprint.size


def drive(
    upload: MultipartUpload, server: Server, chance: random.Random | None = None
) -> list[UploadStep]:
    """Answer tasks, several under way at once and in any order, until the upload is over."""
    steps: list[UploadStep] = []
    under_way: list[Task] = []
    for _ in range(10_000):
        while (task := upload.take_next_task()) is not None:
            under_way.append(task)
        if not under_way:
            return steps
        task = under_way.pop(chance.randrange(len(under_way)) if chance else 0)
        result = server.answer(task)
        if isinstance(result, Described):
            upload.collect_description(result)
        else:
            steps.append(upload.collect(task, result))
    raise AssertionError("it never ends")


SETTINGS = EncryptionSettings(b"k" * 32)


SEALED = OPTIONS._replace(encryption=SETTINGS)


def sealed(
    save_point: SavePoint | None = None, upload_id: str = "", options: UploadOptions = SEALED
) -> MultipartUpload:
    make = partial(new_envelope, options.encryption)
    return MultipartUpload(big(), "/big", options, save_point, upload_id, new_envelope=make)


def test_a_whole_upload() -> None:
    server = Server()
    steps = drive(MultipartUpload(big(), "/big", OPTIONS), server)
    assert server.completed == [(1, 2, 3, 4, 5)]
    assert steps[-1].done == ("request", "", crc64(b"\0" * 5 * MIB), "the-etag")
    assert sum(step.part is not None for step in steps) == 5
    assert [step.begun is not None for step in steps].count(True) == 1
    assert steps[-1].forget is not None


@given(st.integers(1, 40 * MIB // 7), st.integers(0, 2**32))
def test_parts_cover_the_object_once_in_any_order(size: int, seed: int) -> None:
    server = Server()
    options = UploadOptions(part_size=MIB // 7, threshold=1, md5=False)
    drive(MultipartUpload(big(size), "/big", options), server, random.Random(seed))
    assert len(server.completed) == 1


def saved(
    server: Server, count: int, *, size: int = 5 * MIB, mtime: int = 1_000_000_000
) -> SavePoint:
    parts = tuple(
        PartRecord(n, (n - 1) * MIB, MIB, f"etag{n}", crc64(b"\0" * MIB))
        for n in range(1, count + 1)
    )
    server.uploads["old"] = {part.number: (part.etag, part.size) for part in parts}
    return SavePoint("old", "/big", "/data/big", Fingerprint(size, mtime), MIB, 5 * MIB, parts)


def test_a_fitting_save_point_is_continued() -> None:
    server = Server()
    drive(MultipartUpload(big(), "/big", OPTIONS, saved(server, 3)), server)
    assert server.log.count(UploadPart) == 2
    assert InitiateUpload not in server.log
    assert server.completed == [(1, 2, 3, 4, 5)]


def test_a_part_the_server_does_not_list_is_sent_again() -> None:
    server = Server()
    save_point = saved(server, 3)
    del server.uploads["old"][2]
    server.uploads["old"][3] = ("another", MIB)
    drive(MultipartUpload(big(), "/big", OPTIONS, save_point), server)
    assert server.log.count(UploadPart) == 4


@pytest.mark.parametrize("change", [{"size": 6 * MIB}, {"mtime": 3}])
def test_a_save_point_of_another_version_is_aborted(change: dict[str, int]) -> None:
    server = Server()
    save_point = saved(server, 3, **change)
    steps = drive(MultipartUpload(big(), "/big", OPTIONS, save_point), server)
    assert server.log[0] == AbortUpload
    assert steps[0].forget == save_point
    assert server.log.count(UploadPart) == 5


def test_a_complete_save_point_is_only_joined() -> None:
    server = Server()
    drive(MultipartUpload(big(), "/big", OPTIONS, saved(server, 5)), server)
    assert server.log == [CompleteUpload]


def test_a_bare_upload_id_is_continued_but_its_parts_are_not_trusted() -> None:
    server = Server()
    server.uploads["java"] = {1: ("etag1", MIB)}
    steps = drive(MultipartUpload(big(), "/big", OPTIONS, upload_id="java"), server)
    assert server.log.count(UploadPart) == 5
    assert steps[0].begun is not None
    assert InitiateUpload not in server.log


def take_until(upload: MultipartUpload, server: Server, kind: type) -> Task:
    """Answer all tasks up to the first of `kind`, which is returned unanswered."""
    while True:
        task = upload.take_next_task()
        assert task is not None
        if isinstance(task, kind):
            return task
        upload.collect(task, server.answer(task))


def test_a_changed_source_begins_anew_with_its_new_fingerprint() -> None:
    server = Server()
    upload = MultipartUpload(big(), "/big", OPTIONS)
    first = take_until(upload, server, UploadPart)
    second = upload.take_next_task()
    assert second is not None
    upload.collect_failure(first, Failure("read", "changed", code="Changed"))
    assert upload.take_next_task() is None, "no abort while a part of it is under way"
    upload.collect(second, server.answer(second))
    drive(upload, server)
    assert upload.state.obj.fingerprint == Fingerprint(6 * MIB, 2_000_000_000)
    assert server.completed == [(1, 2, 3, 4, 5, 6)]
    assert len(server.uploads) == 1, "the refused one was aborted"


def test_it_does_not_begin_anew_for_ever() -> None:
    upload, server = MultipartUpload(big(), "/big", OPTIONS), Server()
    for _ in range(2):
        task = take_until(upload, server, UploadPart)
        assert (
            upload.collect_failure(task, Failure("read", "changed", code="Changed")).failure is None
        )
    task = take_until(upload, server, UploadPart)
    failure = Failure("read", "changed", code="Changed")
    assert upload.collect_failure(task, failure).failure == failure
    assert not upload.state.ready


def test_a_failed_part_fails_the_object_once_the_others_are_back() -> None:
    server = Server()
    upload = MultipartUpload(big(), "/big", OPTIONS)
    first = take_until(upload, server, UploadPart)
    second = upload.take_next_task()
    assert second is not None
    failure = Failure("UploadPart", "text", 500, "InternalError")
    assert upload.collect_failure(first, failure).failure is None
    step = upload.collect(second, server.answer(second))
    assert step.part is not None, "what has arrived is kept for the next run"
    assert step.failure == failure


def test_an_upload_lost_by_the_server_begins_anew() -> None:
    server = Server()
    upload = MultipartUpload(big(), "/big", OPTIONS)
    task = take_until(upload, server, UploadPart)
    step = upload.collect_failure(task, Failure("UploadPart", "gone", 404, "NoSuchUpload"))
    assert step.forget is not None
    drive(upload, server)
    assert server.completed == [(1, 2, 3, 4, 5)]


def refused(code: str) -> Failure:
    return Failure("CompleteMultipartUpload", "text", 400, code)


@pytest.mark.parametrize("code", ["InvalidPart", "InvalidPartOrder", "EntityTooSmall"])
def test_parts_that_cos_does_not_have_are_sent_again(code: str) -> None:
    server = Server()
    upload = MultipartUpload(big(), "/big", OPTIONS, saved(server, 5))
    task = take_until(upload, server, CompleteUpload)
    del server.uploads["old"][2]
    assert upload.collect_failure(task, refused(code)).failure is None
    server.log.clear()
    drive(upload, server)
    assert server.log == [ListParts, UploadPart, CompleteUpload]
    assert server.completed == [(1, 2, 3, 4, 5)]


def test_an_upload_whose_parts_cos_lists_and_refuses_begins_anew() -> None:
    server = Server()
    upload = MultipartUpload(big(6 * MIB), "/big", OPTIONS)
    for _ in range(2):
        task = take_until(upload, server, CompleteUpload)
        assert upload.collect_failure(task, refused("InvalidPart")).failure is None
    drive(upload, server)
    assert len(server.uploads) == 1, "the refused one was aborted"
    assert server.completed == [(1, 2, 3, 4, 5, 6)]


def test_an_upload_that_is_refused_for_ever_fails() -> None:
    server = Server()
    upload = MultipartUpload(big(6 * MIB), "/big", OPTIONS)
    for _ in range(5):
        task = take_until(upload, server, CompleteUpload)
        assert upload.collect_failure(task, refused("InvalidPart")).failure is None
    task = take_until(upload, server, CompleteUpload)
    assert upload.collect_failure(task, refused("InvalidPart")).failure == refused("InvalidPart")


def test_tasks_given_back_are_made_again() -> None:
    server = Server()
    upload = MultipartUpload(big(), "/big", OPTIONS)
    task = take_until(upload, server, UploadPart)
    upload.give_back(task)
    drive(upload, server)
    assert server.completed == [(1, 2, 3, 4, 5)]


def test_an_object_on_cos_is_left_alone_when_asked() -> None:
    options = OPTIONS._replace(skip_if=SkipIf.ON_COS)
    upload = MultipartUpload(big(), "/big", options)
    task = upload.take_next_task()
    assert task == HeadTarget(big(), "/big", SkipIf.ON_COS)
    upload.end_as_existing()
    assert not upload.state.ready
    drive(MultipartUpload(big(), "/big", options), server := Server())
    assert server.completed == [(1, 2, 3, 4, 5)]


@pytest.mark.parametrize("code", ["Changed", "InvalidPart"])
def test_parts_that_no_later_run_can_use_are_given_up(code: str) -> None:
    server, upload = Server(), MultipartUpload(big(), "/big", OPTIONS)
    steps: list[UploadStep] = []
    kind: type = UploadPart if code == "Changed" else CompleteUpload
    while not any(step.failure for step in steps):
        task = upload.take_next_task()
        assert task is not None
        if isinstance(task, kind):
            steps.append(upload.collect_failure(task, Failure("UploadPart", "text", 400, code)))
        else:
            steps.append(upload.collect(task, server.answer(task)))
    assert steps[-1].abandon is not None
    # Those before it were aborted.
    assert set(server.uploads) == {steps[-1].abandon.upload_id}


def test_an_upload_that_cannot_be_aborted_is_not_forgotten() -> None:
    server = Server()
    upload = MultipartUpload(big(), "/big", OPTIONS, saved(server, 2, mtime=5))
    task = take_until(upload, server, AbortUpload)
    step = upload.collect_failure(task, Failure("AbortMultipartUpload", "no", 403, "AccessDenied"))
    assert (step.forget, step.failure) == (None, None)
    assert step.not_aborted is not None
    assert step.not_aborted.upload_id == "old"
    drive(upload, server)
    assert server.completed


def test_an_upload_that_is_gone_is_forgotten() -> None:
    server = Server()
    upload = MultipartUpload(big(), "/big", OPTIONS, saved(server, 2, mtime=5))
    task = take_until(upload, server, AbortUpload)
    step = upload.collect_failure(task, Failure("AbortMultipartUpload", "no", 404, "NoSuchUpload"))
    assert step.forget is not None
