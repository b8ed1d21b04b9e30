"""A CRC of another kind that the source states, combined from the parts of an upload."""

from __future__ import annotations

import random

import pytest

from cos_migrate.checksums import Check, PartCrc
from cos_migrate.engine.multipart_upload import MultipartUpload
from cos_migrate.model import SavePoint
from cos_migrate.pools.results import Content, PartStored
from cos_migrate.pools.tasks import (
    AbortUpload,
    CompleteUpload,
    Digest,
    InitiateUpload,
    Stat,
    Task,
    UploadPart,
)
from tests.unit.engine.test_multipart import MIB, OPTIONS, Server, big, drive, saved, sealed

CLOUD = OPTIONS._replace(is_local=False, md5=False)
NVME = "CRC-64/NVME"


def crc_of(data: bytes, kind: str = NVME) -> int:
    summing = PartCrc(kind, 0)
    summing.feed(0, data)
    return summing.value


STATED = Check(NVME, str(crc_of(bytes(5 * MIB))))


class StatingServer(Server):
    """Its source states a CRC of the whole; parts that are read again come as they are."""

    def __init__(self, check: Check = STATED) -> None:
        super().__init__()
        self.checks = (check,)
        self.flipped: set[int] = set()
        """Numbers of the parts that come with another byte, once."""

    def answer(self, task: Task) -> Content:
        result = super().answer(task)
        if isinstance(task, Stat):
            return task.obj.fingerprint  # nothing has changed
        if isinstance(task, UploadPart) and task.crc_kind:
            assert isinstance(result, PartStored)
            assert not task.checks, "its bytes need no order"
            flipped = task.number in self.flipped
            self.flipped.discard(task.number)
            data = bytes(task.length - 1) + (b"\1" if flipped else b"\0")
            return result._replace(other_crc=crc_of(data, task.crc_kind))
        return result


def kept(server: Server, count: int, check: Check | None = STATED) -> SavePoint:
    """The save point of an earlier run that has sent `count` parts."""
    old = saved(server, count)
    crc = crc_of(bytes(MIB))
    parts = tuple(part._replace(other_crc=crc) for part in old.parts)
    return old._replace(parts=parts, source_check=check)


@pytest.mark.parametrize("seed", range(5))
def test_parts_in_any_order_in_any_process(seed: int) -> None:
    server, upload = StatingServer(), MultipartUpload(big(), "/big", CLOUD)
    steps = drive(upload, server, random.Random(seed))
    assert upload.state.group == ""
    assert server.completed == [(1, 2, 3, 4, 5)]
    assert server.log.count(UploadPart) == 5
    (begun,) = [step.begun for step in steps if step.begun]
    assert begun.source_check == STATED
    assert all(step.part.other_crc >= 0 for step in steps if step.part)
    assert not upload.state.not_compared


@pytest.mark.parametrize("kind", ["CRC-32", "CRC-32C", NVME])
def test_a_flipped_byte_of_any_part_sends_the_object_again(kind: str) -> None:
    for number in range(1, 6):
        server = StatingServer(Check(kind, str(crc_of(bytes(5 * MIB), kind))))
        server.flipped.add(number)
        drive(MultipartUpload(big(), "/big", CLOUD), server, random.Random(number))
        assert server.log.count(AbortUpload) == 1
        assert server.log.count(CompleteUpload) == 1


def test_parts_that_always_differ_are_never_joined() -> None:
    server = StatingServer(Check(NVME, "1"))
    steps = drive(MultipartUpload(big(), "/big", CLOUD), server)
    assert not server.completed
    failure = steps[-1].failure
    assert failure is not None
    assert (failure.code, steps[-1].abandon is None) == ("SourceChecksumMismatch", False)
    assert "CRC-64/NVME" in failure.message


@pytest.mark.parametrize("flipped", [0, 4])
def test_an_upload_that_is_continued_is_compared_over_old_and_new_parts(flipped: int) -> None:
    server = StatingServer()
    server.flipped |= {flipped}
    upload = MultipartUpload(big(), "/big", CLOUD, kept(server, 3))
    drive(upload, server)
    assert server.log.count(AbortUpload) == bool(flipped)
    assert server.log.count(UploadPart) == (2 + 5 if flipped else 2)
    assert len(server.completed) == 1
    assert not upload.state.not_compared


def test_a_part_that_an_earlier_run_read_wrong() -> None:
    server = StatingServer()
    save_point = kept(server, 3)
    first, *others = save_point.parts
    wrong = first._replace(other_crc=crc_of(bytes(MIB - 1) + b"\1"))
    drive(
        MultipartUpload(big(), "/big", CLOUD, save_point._replace(parts=(wrong, *others))), server
    )
    assert server.log.count(AbortUpload) == 1
    assert len(server.completed) == 1


def test_a_complete_upload_with_a_part_that_was_read_wrong_is_aborted_at_once() -> None:
    server = StatingServer()
    save_point = kept(server, 5)
    wrong = save_point.parts[2]._replace(other_crc=1)
    parts = (*save_point.parts[:2], wrong, *save_point.parts[3:])
    upload = MultipartUpload(big(), "/big", CLOUD, save_point._replace(parts=parts))
    drive(upload, server)
    assert server.log[:2] == [AbortUpload, InitiateUpload]
    assert len(server.completed) == 1
    assert not upload.state.not_compared


def test_parts_without_the_crc_are_continued_and_not_compared() -> None:
    server = StatingServer()
    save_point = saved(server, 3)._replace(source_check=STATED)
    upload = MultipartUpload(big(), "/big", CLOUD, save_point)
    drive(upload, server)
    assert server.log.count(UploadPart) == 2
    assert len(server.completed) == 1
    assert upload.state.not_compared


def test_a_checksum_that_needs_the_order_is_not_compared_over_two_runs() -> None:
    server, upload = StatingServer(), MultipartUpload(big(), "/big", CLOUD)
    server.checks = (Check("SHA-256", "x"),)
    steps = drive(upload, server)
    assert not upload.state.not_compared
    (begun,) = [step.begun for step in steps if step.begun]
    assert begun.source_check == Check("SHA-256", "x")
    server = StatingServer()
    upload = MultipartUpload(big(), "/big", CLOUD, kept(server, 3, begun.source_check))
    drive(upload, server)
    assert upload.state.not_compared
    assert len(server.completed) == 1


def test_the_parts_of_a_file_are_summed_up_too() -> None:
    """A later run reads the missing ones from the source."""
    server, upload = StatingServer(), MultipartUpload(big(), "/big", CLOUD._replace(md5=True))
    server.source_tells_nothing = True
    drive(upload, server)
    upload.use_file("/tmp/1")
    steps = drive(upload, server)
    assert server.log.count(Digest) == 1
    assert all(step.part.other_crc >= 0 for step in steps if step.part)
    assert len(server.completed) == 1


def test_the_bytes_before_encryption_are_compared() -> None:
    server = StatingServer()
    options = CLOUD._replace(encryption=sealed().state.options.encryption)
    drive(sealed(options=options), server)
    assert len(server.completed) == 1
