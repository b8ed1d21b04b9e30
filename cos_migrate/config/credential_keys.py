"""The keys of credentials: id, key, and token of a temporary pair."""

from __future__ import annotations

from typing import Any

from cos_migrate.config import values
from cos_migrate.config.options import option
from cos_migrate.config.values import NO_SECRET, Secret
from cos_migrate.model import Credentials


def credentials_of(secret_id: Secret, secret_key: Secret, token: Secret) -> Credentials | None:
    """Return the credentials that three values of a section are; None: there is no key."""
    if not secret_id:
        return None
    return Credentials(secret_id.reveal(), secret_key.reveal(), token.reveal())


def token_option(key: str, keys: str) -> Any:
    """Declare an optional token of temporary keys; `keys`: those that it comes with."""
    return option(
        key,
        help="token of a temporary credential",
        default=NO_SECRET,
        parse=values.secret,
        legal=f"the token that came with {keys}, or nothing",
        secret=True,
    )
