"""Big objects of clouds and encrypted ones in parts: checksums, files, keys."""

from __future__ import annotations

import pytest

from cos_migrate.checksums import Check
from cos_migrate.cos import crypto
from cos_migrate.cos.crc64 import crc64
from cos_migrate.cos.envelope import EncryptionSettings
from cos_migrate.engine.multipart_upload import MultipartUpload
from cos_migrate.engine.upload_step import UploadStep
from cos_migrate.model import (
    Failure,
)
from cos_migrate.pools.tasks import (
    AbortUpload,
    CopyPart,
    Digest,
    FetchRange,
    InitiateUpload,
    UploadPart,
)
from tests.unit.engine.test_multipart import (
    MIB,
    OPTIONS,
    SEALED,
    SETTINGS,
    Server,
    big,
    drive,
    saved,
    sealed,
    take_until,
)

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
    other = upload.take_next_task()
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
