"""The `[common]` and `[migrateType]` sections. Every value can be pickled."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cos_migrate.config import legal, values
from cos_migrate.config.cluster_keys import ClusterKeys
from cos_migrate.config.options import Mistake, Section, option
from cos_migrate.config.target_access import on_off_option, true_false_option
from cos_migrate.config.values import NO_SECRET, Secret, TimeWindow
from cos_migrate.config.watching import (
    STATUS_ADDRESSES,
    StatusAddress,
    finish_command,
    language_code,
)

SMALL_MOST = 1024
BIG_MOST = 64
_PROCESSES_MOST = 8
"""One coordinator cannot plan fast enough for more worker processes."""
_KEY_SIZES = (16, 24, 32)
_IV_SIZE = 16


def _skip_same_path(text: str) -> str:
    word = text.lower()
    if word in {"true", "false", "same"}:
        return word
    raise ValueError(f"{text} is invalid, should be true or false")


def _encrypt_iv(text: str) -> str:
    if len(text.encode()) == _IV_SIZE:
        return text
    raise ValueError(f"{text} is invalid, encryptIV must be exactly {_IV_SIZE} bytes")


def _key_mistakes(key_path: str) -> Iterator[Mistake]:
    if not key_path:
        yield Mistake("keyPath", "keyPath is required when clientEncryption is on", legal.AES_KEY)
        return
    try:
        with Path(values.existing_file(key_path)).open("rb") as file:
            size = len(file.read(max(_KEY_SIZES) + 1))
    except (ValueError, OSError) as error:
        yield Mistake("keyPath", f"keyPath {error}", legal.AES_KEY)
        return
    if size not in _KEY_SIZES:
        yield Mistake("keyPath", f"keyPath {key_path} does not hold an AES key", legal.AES_KEY)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateType(Section):
    """The `[migrateType]` section."""

    type: str = option(
        "type",
        help="which source to migrate from; also the name of its section",
        legal="the name of a source's section, such as migrateLocal",
    )
    deprecated_type: str = option(
        "deprecatedType",
        help="accepted and ignored; the Java tool requires `on` for every source but local files",
        default="",
        legal=legal.ANYTHING,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Common(ClusterKeys):
    """The `[common]` section: the target bucket, what is left out, and how the migration runs."""

    tmp_folder: str = option(
        "tmpFolder",
        help="folder for objects that cannot be streamed",
        default="./tmp",
        parse=values.existing_folder,
        legal="the absolute path of an existing folder",
        path=True,
    )
    small_file_threshold: int = option(
        "smallFileThreshold",
        help="from this size on, in bytes, objects are uploaded in parts",
        default=5 * values.MIB,
        parse=values.integer(
            5 * values.MIB,
            5 * values.GIB,
            "invalid smallFileThresholdStr: {}, "
            "legal smallFileThreshold is [5242880, 5368709120], 5MB ~ 5GB",
        ),
        legal="bytes, 5242880 to 5368709120",
    )
    small_file_executor_num: int = option(
        "smallFileExecutorNum",
        help="small objects transferred at once",
        default=64,
        parse=values.integer_or_auto(
            1, SMALL_MOST, "{} is invalid, legal smallFileExecutorNum  is [1, 1024] "
        ),
        legal="a whole number from 1 to 1024, or auto",
    )
    big_file_executor_num: int = option(
        "bigFileExecutorNum",
        help="parts of big objects transferred at once",
        default=8,
        parse=values.integer_or_auto(
            1, BIG_MOST, "{} is invalid, legal bigFileExecutorNum is [1, 64] "
        ),
        legal="a whole number from 1 to 64, or auto",
    )
    thread_num: int = option(
        "threadNum",
        help="accepted and ignored; the Java tool's task threads",
        default=0,
        parse=values.integer(
            1, values.MAX_INT, "{} is invalid, taskExecutorNumber must be greater than 0"
        ),
        legal=legal.COUNT,
    )
    worker_process_num: int = option(
        "workerProcessNum",
        help="processes that share the transfers; nothing: from the processor's cores",
        default=-1,
        parse=values.integer(0, 60, "{} is invalid, legal workerProcessNum is [0, 60]"),
        legal="0 (all in one process) to 60, or nothing",
    )
    list_parallel: int = option(
        "listParallel",
        help="listings of a cloud source under way at once",
        default=8,
        parse=values.integer(1, 64, "{} is invalid, legal listParallel is [1, 64]"),
        legal="a whole number from 1 to 64",
    )
    buffer_memory: int = option(
        "bufferMemory",
        help="bytes of object data held in memory at once",
        default=256 * values.MIB,
        parse=values.integer(
            values.MIB,
            1024 * values.GIB,
            "{} is invalid, legal bufferMemory is [1048576, 1099511627776], 1MB ~ 1TB",
        ),
        legal="bytes, 1048576 to 1099511627776",
    )
    big_file_upload_part_size: int = option(
        "bigFileUploadPartSize",
        help="bytes of one part; grows where an object would need more than 10,000 parts",
        default=5 * values.MIB,
        parse=values.part_size,
        legal="bytes, 1048576 to 5368709120",
    )
    thread_traffic_limit: int = option(
        "threadTrafficLimit",
        help="limit of one upload in bit/s",
        default=0,
        parse=values.traffic_limit,
        legal="819200 to 838860800; nothing, 0 or less: no limit",
    )
    entire_file_md5_attached: bool = on_off_option(
        "entireFileMd5Attached",
        "store the MD5 of the whole content as x-cos-meta-md5",
        default=True,
    )
    daemon_mode: bool = on_off_option("daemonMode", "repeat the migration for ever")
    daemon_mode_inter_val: int = option(
        "daemonModeInterVal",
        help="seconds between two rounds of daemonMode",
        default=60,
        parse=values.integer(
            1, values.MAX_INT, "{} is invalid, damonInterVal must be greater than 0"
        ),
        legal=legal.SECONDS,
    )
    execute_time_window: TimeWindow = option(
        "executeTimeWindow",
        help="part of the day in which to work; it wraps midnight when the end comes first",
        default=TimeWindow(0, values.DAY),
        parse=TimeWindow.parse,
        legal="HH:MM,HH:MM from 00:00 to 24:00",
    )
    encryption_type: str = option(
        "encryptionType",
        help="sse-cos: COS encrypts the stored objects",
        default="",
        parse=values.one_of("sse-cos"),
        legal="sse-cos, or nothing",
    )
    output_finished_file_folder: str = option(
        "outputFinishedFileFolder",
        help="folder for lists of migrated objects, one file a day",
        default="",
        parse=values.existing_folder,
        legal="the absolute path of an existing folder, or nothing",
        path=True,
    )
    resume: bool = true_false_option(
        "resume", "go on listing a cloud source where the last run stopped"
    )
    skip_same_path: str = option(
        "skipSamePath",
        help="ask COS first, and skip objects that it has under the same key; same: only those of "
        "equal size and checksum",
        default="false",
        parse=_skip_same_path,
        legal="true, false or same",
    )
    real_time_compare: bool = on_off_option(
        "realTimeCompare", "Ali and Upyun: compare with COS instead of the records"
    )
    probe_records: bool = on_off_option(
        "probeRecords",
        "when all is skipped, ask COS for up to three of the recorded objects",
        default=True,
    )
    request_try_count: int = option(
        "requestTryCount",
        help="tries of one request before its object fails",
        default=5,
        parse=values.integer(
            1, values.MAX_INT, "{} is invalid, legal requestTryCount must be gt 0"
        ),
        legal=legal.COUNT,
    )
    request_timeout_enable: bool = on_off_option(
        "requestTimeoutEnable", "limit the time of one whole request"
    )
    request_timeout_ms: int = option(
        "requestTimeoutMs",
        help="that limit in milliseconds",
        default=300_000,
        parse=values.integer(
            1, values.MAX_INT, "{} is invalid, legal requestTimeoutMS  must be gt 0"
        ),
        legal=legal.MILLISECONDS,
    )
    client_encryption: bool = on_off_option(
        "clientEncryption", "encrypt on this machine before uploading", values.on_or_not
    )
    encryption_algo: str = option(
        "encryptionAlgo",
        help="algorithm of clientEncryption",
        default="AES-CTR",
        parse=values.one_of("AES-CTR"),
        legal="AES-CTR",
    )
    key_path: str = option(
        "keyPath",
        help="file whose raw bytes are the key of clientEncryption",
        default="",
        legal=legal.AES_KEY,
        path=True,
    )
    encrypt_iv: str = option(
        "encryptIV",
        help="initialisation vector of clientEncryption; nothing: random for each object",
        default="",
        parse=_encrypt_iv,
        legal="exactly 16 bytes of text, or nothing",
    )
    check: bool = on_off_option(
        "check", "compare the objects on COS with the source in a second pass", values.on_or_not
    )
    batch_task_path: str = option(
        "batchTaskPath",
        help="cloud sources: a file with one pair of buckets a line, migrated one by one",
        default="",
        parse=values.existing_file,
        legal=legal.FILE,
        path=True,
    )
    log_skipped: bool = on_off_option(
        "logSkipped", "write skipped objects into the logs too", default=True
    )
    language: str = option(
        "language",
        help="language of messages, display, report and status page; nothing: that of the system",
        default="",
        parse=language_code,
        legal="en, zh or ko, or nothing",
    )
    heartbeat: bool = on_off_option(
        "heartbeat", "write a line a minute about the progress to stderr where it is no terminal"
    )
    status_address: StatusAddress | None = option(
        "statusAddress",
        help="where to serve a status page and metrics while the tool works; nothing: nowhere",
        default=None,
        parse=StatusAddress.parse,
        legal=STATUS_ADDRESSES,
    )
    on_finish: Secret = option(
        "onFinish",
        help="command that gets the summary of each run as JSON on its stdin, without a shell",
        default=NO_SECRET,
        parse=finish_command,
        legal="a program and its arguments, quoted as for a shell, or nothing",
        secret=True,
    )
    rocks_max_open_file: int = option(
        "rocksMaxOpenFile",
        help="files that the record database keeps open",
        default=0,
        parse=values.integer(-1, values.MAX_INT, "{} is invalid, it must be a number of files"),
        legal="a whole number; -1: no limit; nothing or 0: the database's own default",
    )

    def mistakes(self) -> Iterator[Mistake]:
        """Yield the mistakes that several keys make together."""
        # No super(): with slots=True it refers to the class before slots were added.
        yield from ClusterKeys.mistakes(self)
        if self.client_encryption:
            yield from _key_mistakes(self.key_path)


def worker_count(common: Common) -> int:
    """Return the number of worker processes; 0: the coordinator transfers everything itself."""
    wanted = common.worker_process_num
    count = wanted if wanted >= 0 else min(_PROCESSES_MOST, _cores())
    return min(count, max(transfers_most(common)))


def transfers_most(common: Common) -> tuple[int, int]:
    """Return how many small objects, and parts of big ones, may be transferred at once."""
    workers = common.cluster.most_workers if common.cluster else 1
    small, big = common.small_file_executor_num, common.big_file_executor_num
    return small or workers * SMALL_MOST, big or workers * BIG_MOST


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
