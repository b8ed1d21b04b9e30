"""Decisions about client-side encryption that load the ciphers only in a run that encrypts."""

from __future__ import annotations

from cos_migrate.cos.envelope import EncryptionSettings
from cos_migrate.model import Envelope


def new_envelope(settings: EncryptionSettings | None) -> Envelope | None:
    """Return the wrapped key for a new object; None when nothing is encrypted."""
    if settings is None:
        return None
    from cos_migrate.cos.crypto import new_key  # noqa: PLC0415 - loads the ciphers

    return new_key(settings)[1]


def can_continue(settings: EncryptionSettings | None, envelope: Envelope | None) -> bool:
    """Return whether parts sent with `envelope` and parts still to be sent make one object."""
    if settings is None or envelope is None:
        return settings is None and envelope is None
    from cos_migrate.cos.crypto import can_open  # noqa: PLC0415 - loads the ciphers

    return can_open(settings, envelope)
