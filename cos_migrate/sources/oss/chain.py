"""Where credentials of Alibaba Cloud are found: the environment, the role of an ECS instance."""

from __future__ import annotations

from collections.abc import Mapping

from cos_migrate.config.credential_keys import ALIBABA_VARIABLES
from cos_migrate.credentials.chain import Chain, EnvironmentKeys, Place, Unset
from cos_migrate.credentials.instance_role import ECS, InstanceRole


def alibaba_chain(section: str, role: str, url: str, environ: Mapping[str, str]) -> Chain:
    """Return the chain of a section."""
    machine: Place = InstanceRole(ECS, role, url) if role else Unset("ramRole")
    return Chain(section, (EnvironmentKeys(*ALIBABA_VARIABLES, environ), machine))
