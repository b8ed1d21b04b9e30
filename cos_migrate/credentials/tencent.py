"""Where credentials of Tencent Cloud are found: the environment, the role of a CVM."""

from __future__ import annotations

from collections.abc import Mapping

from cos_migrate.config.credential_keys import TENCENT_VARIABLES
from cos_migrate.credentials.chain import Chain, EnvironmentKeys, Place, Unset
from cos_migrate.credentials.instance_role import CVM, InstanceRole


def tencent_chain(
    section: str, role_key: str, role: str, url: str, environ: Mapping[str, str]
) -> Chain:
    """Return the chain of a section; `role_key` is its key that names the role."""
    machine: Place = InstanceRole(CVM, role, url) if role else Unset(role_key)
    return Chain(section, (EnvironmentKeys(*TENCENT_VARIABLES, environ), machine))
