"""The event lines of single objects, as scripts parse them.

`record` is a record key without secrets and invisible characters; other names are escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence

from cos_migrate.model import Failure, Status
from cos_migrate.text import NO_LONGER_THERE, condition_not_match, is_plain, printable


def sent(cos_path: str, size: int, download_name: str, request_id: str, record: str) -> str:
    """Return the lines of an object that COS has confirmed; see `progress`.

    Here `record` is escaped, too: one look at all names together is faster.
    """
    if not is_plain(f"{cos_path}{download_name}{request_id}{record}"):
        cos_path, download_name = printable(cos_path), printable(download_name)
        request_id, record = printable(request_id), printable(record)
    return (
        f"{_progress(cos_path, size, size, download_name)}\n"
        f"[ok] [requestid: {request_id or 'NULL'}], task_info: {record}\n"
    )


def to_be_sent(status: Status, record: str) -> str:
    """Return the line of an object that a run would send."""
    return f"[dry-run] [{status.value}] task_info: {record}\n"


def progress(cos_path: str, done: int, size: int, download_name: str) -> str:
    """Return how many bytes of an object have been transferred, without the last newline.

    `download_name`: the key or URL it is read from, empty where nothing is downloaded.
    """
    return _progress(printable(cos_path), done, size, printable(download_name))


def _progress(cos_path: str, done: int, size: int, download_name: str) -> str:
    """Return the line of `progress` for escaped names."""
    share = f"{100.0 * done / size:.2f}" if done != size and size else "100.00"
    numbers = f"{done}/ {size}/ {share}%"
    upload = f"[UploadInProgress] [key: {cos_path}] [byteSent/ byteTotal/ percentage: {numbers}]"
    if not download_name:
        return upload
    word = "DownloadOk" if done == size else "DownloadInProgress"
    return f"[{word}] [{download_name}] [byteDownload/ byteTotal/ percentage: {numbers}]\n{upload}"


def skipped(record: str) -> str:
    """Return the line of an object that is recorded, or older than the one on COS."""
    return f"[skip] task_info: {record}\n"


def skipped_all(records: Sequence[str]) -> str:
    """Return the lines of many skipped objects, for speed."""
    return "".join([f"[skip] task_info: {record}\n" for record in records])


def skipped_on_cos(record: str) -> str:
    """Return the line of an object that is skipped because COS has one at its path."""
    return f"[skip] file on cos, task_info: {record}\n"


def failed(record: str) -> str:
    """Return the line of a failed object."""
    return f"[fail] task_info: {record}\n"


def config_path(path: str) -> str:
    """Return the first line of output, with the path of the configuration, without a newline."""
    return f"cos migrate tool config path:{path}"


def empty_key(name: str) -> str:
    """Return the line of a folder object that would get an empty key."""
    shown = printable(f"/{name.lstrip('/')}")
    return condition_not_match("empty key", f"key: {shown}") + "\n"


def no_longer_there(name: str) -> str:
    """Return the line of an object that failed before, and is gone from the source."""
    return condition_not_match(NO_LONGER_THERE, f"key: {printable(name)}") + "\n"


def reason_in(line: str) -> str:
    """Return the reason in the line of an object that is left out."""
    return line.partition("[reason: ")[2].partition("]")[0]


def failure_details(name: str, cos_path: str, why: Failure) -> str:
    """Return the line of error.log with the details of a failure."""
    return (
        f"fail! [name: {printable(name)}], [cosPath: {printable(cos_path)}], "
        f"[operation: {why.operation}], [status: {why.status}], [code: {printable(why.code)}], "
        f"[message: {printable(why.message)}], "
        f"[requestid: {printable(why.request_id) or 'NULL'}], "
        f"[traceid: {printable(why.trace_id) or 'NULL'}]"
    )
