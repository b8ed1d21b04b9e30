"""A big object's way, driven like the coordinator drives it, without network or database."""

from __future__ import annotations

import random
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.checksums import Check
from cos_migrate.cos import crypto
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
        while (task := upload.next_task()) is not None:
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
        task = upload.next_task()
        assert task is not None
        if isinstance(task, kind):
            return task
        upload.collect(task, server.answer(task))


def test_a_changed_source_begins_anew_with_its_new_fingerprint() -> None:
    server = Server()
    upload = MultipartUpload(big(), "/big", OPTIONS)
    first = take_until(upload, server, UploadPart)
    second = upload.next_task()
    assert second is not None
    upload.collect_failure(first, Failure("read", "changed", code="Changed"))
    assert upload.next_task() is None, "no abort while a part of it is under way"
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
    second = upload.next_task()
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
    task = upload.next_task()
    assert task == HeadTarget(big(), "/big", SkipIf.ON_COS)
    upload.end_as_existing()
    assert not upload.state.ready
    drive(MultipartUpload(big(), "/big", options), server := Server())
    assert server.completed == [(1, 2, 3, 4, 5)]


CLOUD = OPTIONS._replace(is_local=False)


def test_a_cloud_object_whose_md5_is_told_is_streamed() -> None:
    server = Server()
    drive(MultipartUpload(big(), "/big", CLOUD), server)
    assert server.log[:2] == [InitiateUpload, UploadPart]
    assert server.asked == 1
    assert not server.fetched
    assert server.completed == [(1, 2, 3, 4, 5)]


def spooled(upload: MultipartUpload, server: Server, path: str) -> list[UploadStep]:
    """Drive an upload up to where it wants a file, give it one, and drive it on."""
    server.source_tells_nothing = True
    drive(upload, server)
    assert upload.state.wants_file
    return [upload.use_file(path), *drive(upload, server)]


def test_one_whose_md5_nobody_tells_goes_through_a_file_in_parts() -> None:
    server, upload = Server(), MultipartUpload(big(5 * MIB - 1), "/big", CLOUD)
    steps = spooled(upload, server, "/tmp/1")
    assert server.fetched == [(n * MIB, MIB - (n == 4)) for n in range(5)]
    assert server.log.count(InitiateUpload) == 2
    assert server.log.count(Digest) == 1
    assert server.asked == 1, "the answer of the first time is used"
    assert upload.state.obj.spooled == "/tmp/1"
    assert steps[-1].done


def test_without_room_for_a_file_it_is_streamed_without_its_md5() -> None:
    server, upload = Server(), MultipartUpload(big(), "/big", CLOUD)
    steps = spooled(upload, server, "")
    assert upload.state.without_md5
    assert server.asked == 1
    assert not server.fetched
    assert steps[-1].done


def test_a_source_that_sends_no_ranges_is_read_once_from_end_to_end() -> None:
    server, upload = Server(), MultipartUpload(big(), "/big", CLOUD._replace(md5=False))
    task = take_until(upload, server, UploadPart)
    upload.collect_failure(task, Failure("GetObject", "no ranges", code="RangeIgnored"))
    drive(upload, server)
    assert upload.state.wants_file
    upload.use_file("/tmp/1")
    drive(upload, server)
    assert server.fetched == [(0, 6 * MIB)]
    assert server.completed == [(1, 2, 3, 4, 5, 6)]


@pytest.mark.parametrize("md5", [True, False])
def test_one_that_has_failed_does_not_begin_anew_for_want_of_ranges(md5: bool) -> None:
    """Else it would never end: what has failed gets no further task."""
    server, upload = Server(), MultipartUpload(big(), "/big", CLOUD._replace(md5=md5))
    kind: type = FetchRange if md5 else UploadPart
    if md5:
        server.source_tells_nothing = True
        drive(upload, server)
        upload.use_file("/tmp/1")
    task = take_until(upload, server, kind)
    other = upload.next_task()
    assert other
    step = upload.collect_failure(task, Failure("GetObject", "broken", code="ConnectionBroken"))
    assert step.failure is None
    step = upload.collect_failure(other, Failure("GetObject", "no ranges", code="RangeIgnored"))
    assert step.failure
    assert step.failure.code == "ConnectionBroken"


def test_parts_that_are_not_what_the_source_tells_are_never_joined() -> None:
    server, upload = Server(), MultipartUpload(big(), "/big", CLOUD)
    server.told = 1
    steps = drive(upload, server)
    assert not server.completed
    assert server.log.count(InitiateUpload) == 3
    failure = steps[-1].failure
    assert failure is not None
    assert failure.code == "SourceChecksumMismatch"
    assert steps[-1].abandon is not None


def test_other_checksums_are_compared_over_all_parts_in_one_process() -> None:
    server, upload = Server(), MultipartUpload(big(), "/big", CLOUD)
    server.checks = (Check("MD5", "x"),)
    task = take_until(upload, server, UploadPart)
    assert upload.state.group == "id0"
    upload.give_back(task)
    steps = drive(upload, server)
    assert server.fed == 5
    assert steps[-1].done
    assert not upload.state.not_compared


def test_parts_that_differ_from_another_checksum_are_never_joined() -> None:
    server = Server()
    server.checks, server.checked = (Check("MD5", "x"),), "MD5"
    steps = drive(MultipartUpload(big(), "/big", CLOUD), server)
    assert not server.completed
    failure = steps[-1].failure
    assert failure is not None
    assert "its MD5 differs" in failure.message


def test_what_only_looked_like_an_md5_is_not_stored_as_one() -> None:
    server, upload = Server(), MultipartUpload(big(6 * MIB), "/big", CLOUD)
    server.told, server.likely = crc64(b"\0" * 6 * MIB), True
    server.checks, server.checked = (Check("MD5", "md5"),), "MD5"
    drive(upload, server)
    assert upload.state.wants_file
    assert not server.completed
    upload.use_file("/tmp/1")
    server.likely = False
    drive(upload, server)
    assert server.completed == [(1, 2, 3, 4, 5, 6)]


def test_a_crc_64_that_is_told_needs_no_order() -> None:
    server, upload = Server(), MultipartUpload(big(), "/big", CLOUD)
    server.told, server.checks = crc64(b"\0" * 5 * MIB), (Check("MD5", "x"),)
    drive(upload, server)
    assert not server.fed
    assert server.completed == [(1, 2, 3, 4, 5)]


def test_what_a_lost_process_had_summed_up_is_told_not_compared() -> None:
    server, upload = Server(), MultipartUpload(big(), "/big", CLOUD)
    server.checks, server.checked = (Check("MD5", "x"),), ""
    assert drive(upload, server)[-1].done
    assert upload.state.not_compared


def test_a_recorded_upload_that_is_not_what_the_source_tells_is_dropped() -> None:
    server = Server()
    save_point = saved(server, 5)._replace(source_crc64=1)
    drive(MultipartUpload(big(), "/big", CLOUD, save_point), server)
    assert server.log[0] == AbortUpload
    assert server.completed == [(1, 2, 3, 4, 5)]


def test_parts_are_copied_by_cos_until_it_refuses() -> None:
    server = Server()
    server.told = 77
    drive(MultipartUpload(big(), "/big", CLOUD._replace(copies=True)), server)
    assert server.log.count(CopyPart) == 5
    assert Digest not in server.log
    server, upload = Server(), MultipartUpload(big(), "/big", CLOUD._replace(copies=True))
    task = take_until(upload, server, CopyPart)
    upload.collect_failure(task, Failure("UploadPartCopy", "no", 405, "MethodNotAllowed"))
    drive(upload, server)
    assert server.log.count(UploadPart) == 5
    assert server.completed == [(1, 2, 3, 4, 5)]


SETTINGS = EncryptionSettings(b"k" * 32)
SEALED = OPTIONS._replace(encryption=SETTINGS)


def sealed(
    save_point: SavePoint | None = None, upload_id: str = "", options: UploadOptions = SEALED
) -> MultipartUpload:
    make = partial(new_envelope, options.encryption)
    return MultipartUpload(big(), "/big", options, save_point, upload_id, new_envelope=make)


def test_all_parts_are_encrypted_with_one_key_and_the_next_upload_with_another() -> None:
    server = Server()
    steps = drive(sealed(), server)
    (envelope,) = server.envelopes
    assert envelope
    (begun,) = [step.begun for step in steps if step.begun]
    assert begun.envelope == envelope
    drive(sealed(), server)
    assert server.envelopes != {envelope}


def test_a_save_point_goes_on_with_its_key() -> None:
    server = Server()
    _, envelope = crypto.new_key(SETTINGS)
    save_point = saved(server, 3)
    zeros, ones = crc64(b"\0" * MIB), crc64(b"\1" * MIB)
    parts = tuple(p._replace(crc64=ones, content_crc64=zeros) for p in save_point.parts)
    save_point = save_point._replace(parts=parts, envelope=envelope)
    server.told = crc64(b"\0" * 5 * MIB)
    steps = drive(sealed(save_point), server)
    assert InitiateUpload not in server.log
    assert server.envelopes == {envelope}
    assert [step.begun.envelope for step in steps if step.begun] == [envelope]


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (SETTINGS, None),
        (None, SETTINGS),
        (SETTINGS, EncryptionSettings(b"o" * 32)),
        (EncryptionSettings(SETTINGS.key, b"0123456789abcdef"), SETTINGS),
    ],
)
def test_a_save_point_that_was_encrypted_otherwise_is_aborted(
    now: EncryptionSettings | None, then: EncryptionSettings | None
) -> None:
    server = Server()
    envelope = crypto.new_key(then)[1] if then else None
    save_point = saved(server, 5)._replace(envelope=envelope)
    options = OPTIONS._replace(encryption=now)
    steps = drive(sealed(save_point, options=options), server)
    assert server.log[0] == AbortUpload
    assert steps[0].forget == save_point
    assert server.log.count(UploadPart) == 5
    assert len(server.envelopes) == 1
    assert envelope not in server.envelopes


def test_a_bare_upload_id_is_no_use_when_its_parts_are_to_be_encrypted() -> None:
    server = Server()
    server.uploads["java"] = {1: ("etag1", MIB)}
    drive(sealed(upload_id="java"), server)
    assert InitiateUpload in server.log
    assert AbortUpload not in server.log


def test_a_changed_object_is_encrypted_with_a_new_key() -> None:
    server = Server()
    upload = sealed()
    first = take_until(upload, server, UploadPart)
    before = set(server.envelopes)
    upload.collect_failure(first, Failure("read", "changed", code="Changed"))
    drive(upload, server)
    assert len(server.envelopes) == 1
    assert server.envelopes != before


def test_what_was_read_is_compared_with_what_the_source_tells_though_it_is_encrypted() -> None:
    server = Server()
    server.told = crc64(b"\0" * 5 * MIB)
    drive(sealed(options=SEALED._replace(is_local=False)), server)
    assert server.completed == [(1, 2, 3, 4, 5)]
    server = Server()
    server.told = crc64(b"\1" * 5 * MIB)
    steps = drive(sealed(options=SEALED._replace(is_local=False)), server)
    assert not server.completed
    failure = steps[-1].failure
    assert failure
    assert failure.code == "SourceChecksumMismatch"


@pytest.mark.parametrize("code", ["Changed", "InvalidPart"])
def test_parts_that_no_later_run_can_use_are_given_up(code: str) -> None:
    server, upload = Server(), MultipartUpload(big(), "/big", OPTIONS)
    steps: list[UploadStep] = []
    kind: type = UploadPart if code == "Changed" else CompleteUpload
    while not any(step.failure for step in steps):
        task = upload.next_task()
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
