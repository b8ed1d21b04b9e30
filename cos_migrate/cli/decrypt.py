"""`--decrypt`: reads one client-side encrypted object back into a local file.

Supports objects of this tool and of the encryption client in the official Java SDK: AES/CTR, with
the envelope in the object's metadata.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cos_migrate import signals
from cos_migrate.cli.command_line import CommandLine
from cos_migrate.cli.languages import errors_in, language_of_config
from cos_migrate.config.common import Common
from cos_migrate.config.given_values import Override
from cos_migrate.config.loader import load
from cos_migrate.config.options import Section, declared_options, option
from cos_migrate.cos.crypto import ContentKey, open_envelope
from cos_migrate.cos.download import DownloadClient
from cos_migrate.cos.envelope import EncryptionSettings, read_envelope
from cos_migrate.cos.requests import Access
from cos_migrate.cos.verify import ObjectHead
from cos_migrate.engine.providers import target_provider
from cos_migrate.engine.settings import cos_settings, encryption_of
from cos_migrate.errors import (
    Code,
    ConfigError,
    CosError,
    MigrateError,
    SourceError,
    TransportError,
)
from cos_migrate.sources.registry import SECTIONS
from cos_migrate.text import masked, printable

_PROGRESS_EVERY = 2.0
"""Seconds between two progress lines."""


def run_decrypt(line: CommandLine, cos_path: str, local: str) -> int:
    """Download and decrypt the object at `cos_path` into a new file `local`; return the exit code.

    Raises ConfigError when configuration or `local` cannot be used, CredentialsError, and CosError
    and TransportError when the object cannot be read, is not encrypted, or has another checksum.
    """
    common = _load(line)
    with errors_in(language_of_config(common, os.environ)):
        return _decrypt(common, cos_path, local, quiet=line.quiet)


def _decrypt(common: Common, cos_path: str, local: str, *, quiet: bool) -> int:
    settings = encryption_of(common)
    target = Path(local).absolute()
    _refuse_existing(target)
    credentials = common.own_credentials or target_provider(common, os.environ).fetch().credentials
    client = DownloadClient(Access(cos_settings(common, credentials)))
    try:
        with signals.handled(signals.end_command):
            _fetch(client, cos_path, settings, target, quiet=quiet)
    except (CosError, SourceError, TransportError) as error:
        raise _explained(error, cos_path) from error
    finally:
        client.close()
    return 0


def _load(line: CommandLine) -> Common:
    """Load the configuration of COS; the source need not exist any more."""
    overrides = [
        *line.overrides,
        Override("common", "clientEncryption", "on", ours=True),
        Override("common", "batchTaskPath", "", ours=True),
    ]
    sections = {name: _unchecked(section) for name, section in SECTIONS.items()}
    loaded = load(line.config_path, overrides, sections, environ=os.environ)
    say = language_of_config(loaded.config.common, os.environ).say
    for warning in (*line.warnings, *loaded.warnings):
        print(say(f"warning: {warning}"), file=sys.stderr)
    return loaded.config.common


def _unchecked(section: type[Any]) -> type[Any]:
    """Return a section with the same keys, all of them optional and without a check."""
    fields = [
        (one.name, str, option(one.option.key, help="", default="", aliases=one.option.aliases))
        for one in declared_options(section)
    ]
    return make_dataclass(section.__name__, fields, bases=(Section,), frozen=True)


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise ConfigError([f"{target} exists already and is not overwritten; name another file"])
    if not target.parent.is_dir():
        raise ConfigError([f"{target.parent} is no folder; make it first"])


def _fetch(
    client: DownloadClient,
    cos_path: str,
    settings: EncryptionSettings | None,
    target: Path,
    *,
    quiet: bool,
) -> None:
    head = client.head_object(cos_path)
    if head is None:
        raise CosError("there is no such object", code=Code.NO_SUCH_KEY, status=404)
    envelope = read_envelope(head.headers)
    if envelope is None or settings is None:
        raise CosError("it is not client-side encrypted: download it as it is", code="NotEncrypted")
    key = open_envelope(settings, envelope)
    # The file gets its name when it is complete.
    partial = target.with_name(f".decrypt-{os.getpid()}.part")
    try:
        with partial.open("xb") as file:
            _write(client, cos_path, head, key, file, quiet=quiet)
        _rename_new(partial, target)
    except OSError as error:
        raise SourceError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    shown = printable(cos_path), printable(str(target))
    _print_line(f"[ok] decrypted {shown[0]} to {shown[1]}, {head.size} bytes")


def _write(
    client: DownloadClient,
    cos_path: str,
    head: ObjectHead,
    key: ContentKey,
    file: BinaryIO,
    *,
    quiet: bool,
) -> None:
    cipher, digest = key.cipher(0), hashlib.md5(usedforsecurity=False)
    done, next_line = 0, time.monotonic() + _PROGRESS_EVERY
    for piece in client.download(cos_path, head):
        plain = cipher.update(piece)
        digest.update(plain)
        file.write(plain)
        done += len(plain)
        if not quiet and time.monotonic() >= next_line:
            next_line = time.monotonic() + _PROGRESS_EVERY
            _print_line(
                f"[DownloadInProgress] [key: {printable(cos_path)}] "
                f"[byteDownload/ byteTotal/ percentage: {done}/ {head.size}/ "
                f"{100 * done / head.size:.2f}%]"
            )
    file.flush()
    os.fsync(file.fileno())
    expected = head.headers.get("x-cos-meta-md5", "").lower()
    if expected and expected != digest.hexdigest():
        raise CosError(
            "the decrypted content differs from the one that was encrypted: its MD5 is not "
            "that in x-cos-meta-md5",
            code=Code.CHECKSUM_MISMATCH,
        )


def _print_line(text: str) -> None:
    """Print a line; errors of stdout are ignored, since the file is what matters."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def _rename_new(partial: Path, target: Path) -> None:
    """Rename a file unless another one has got the name meanwhile."""
    try:
        os.link(partial, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        _refuse_existing(target)
        partial.rename(target)


def _explained(error: MigrateError, cos_path: str) -> CosError:
    """Return the error with code and request id in its message."""
    more = [f"code: {error.code}"] if error.code else []
    if error.request_id:
        more.append(f"requestid: {error.request_id}")
    text = f"[fail] cannot decrypt {cos_path}: {masked(str(error))} ({', '.join(more)})"
    return CosError(text, status=error.status, code=error.code, request_id=error.request_id)
