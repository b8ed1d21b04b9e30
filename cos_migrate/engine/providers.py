"""Chooses where the credentials of a configuration come from, and fetches the first ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from cos_migrate.config.common import Common
from cos_migrate.config.loader import Config
from cos_migrate.config.options import Section
from cos_migrate.credentials.provider import Found, Provider, SectionKeys
from cos_migrate.engine.credential_keeper import CredentialKeeper
from cos_migrate.engine.renewal import Renewal
from cos_migrate.errors import Side
from cos_migrate.model import Credentials
from cos_migrate.sources.base import Source


def section_of(config: Config, side: Side) -> Section:
    """Return the section that names the credentials of a side."""
    return config.source if side is Side.SOURCE else config.common


def find_credentials(
    config: Config,
    source_type: type[Source],
    read_again: Callable[[Side], Credentials | None],
    environ: Mapping[str, str],
) -> CredentialKeeper:
    """Return the credentials of a configuration. Raises CredentialsError.

    `read_again` reads the keys of a side from the configuration once more.
    """
    renewals = []
    for side, name in ((Side.COS, "common"), (Side.SOURCE, config.migrate_type)):
        own = section_of(config, side).own_credentials
        provider: Provider | None
        if own:
            provider = SectionKeys(name, own, partial(read_again, side))
            renewals.append(Renewal(side, provider, Found(own, "")))
            continue
        if side is Side.COS:
            provider = target_provider(config.common, environ)
        else:
            provider = source_type.credential_provider(config.source, environ)
        if provider:
            renewals.append(Renewal(side, provider, provider.fetch()))
    return CredentialKeeper(renewals)


def target_provider(common: Common, environ: Mapping[str, str]) -> Provider:
    """Return what provides the credentials of the target, whose section holds none."""
    from cos_migrate.credentials.tencent import tencent_chain  # noqa: PLC0415 - without keys only

    return tencent_chain("common", "camRole", common.cam_role, common.cam_role_url, environ)
