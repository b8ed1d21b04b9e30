"""Chooses where the credentials of a configuration come from, and fetches the first ones."""

from __future__ import annotations

from collections.abc import Callable

from cos_migrate.config.loader import Config
from cos_migrate.config.options import Section
from cos_migrate.credentials.provider import Found, SectionKeys
from cos_migrate.engine.credential_keeper import CredentialKeeper
from cos_migrate.engine.renewal import Renewal
from cos_migrate.errors import Side
from cos_migrate.model import Credentials


def section_of(config: Config, side: Side) -> Section:
    """Return the section that names the credentials of a side."""
    return config.source if side is Side.SOURCE else config.common


def find_credentials(
    config: Config, read_again: Callable[[Side], Credentials | None]
) -> CredentialKeeper:
    """Return the credentials of a configuration.

    `read_again` reads the keys of a side from the configuration once more.
    """
    renewals = []
    for side, name in ((Side.COS, "common"), (Side.SOURCE, config.migrate_type)):
        own = section_of(config, side).own_credentials
        if own:
            provider = SectionKeys(name, own, lambda side=side: read_again(side))  # type: ignore[misc]
            renewals.append(Renewal(side, provider, Found(own, "")))
    return CredentialKeeper(renewals)
