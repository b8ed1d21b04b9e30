"""Where credentials of AWS are found: by botocore's chain, which this module loads.

Each fetch begins a new session, so that files that were changed are read again.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, NamedTuple

import botocore.session
from botocore.config import Config
from botocore.exceptions import SSOError
from botocore.httpsession import URLLib3Session

from cos_migrate.credentials.chain import not_found
from cos_migrate.credentials.provider import UNSENDABLE, Found, are_sendable
from cos_migrate.errors import CredentialsError
from cos_migrate.model import Credentials
from cos_migrate.text import describe_error

_ORIGINS = {
    "assume-role": "assumed role",
    "assume-role-with-web-identity": "web identity",
    "config-file": "profile default",
    "container-role": "container",
    "custom-process": "credential_process",
    "env": "environment variable AWS_ACCESS_KEY_ID",
    "iam-role": "instance metadata",
    "shared-credentials-file": "profile default",
    "sso": "SSO",
}
"""botocore's names of its methods -> words for messages."""
_CONNECT, _READ = 5, 15
"""Seconds that a service of AWS may take."""


class AssumedRole(NamedTuple):
    """A role to assume with the credentials that were found."""

    arn: str
    session_name: str
    external_id: str


class AwsChain:
    """Provides credentials by botocore's chain, and a role that is assumed with them."""

    def __init__(
        self, section: str, profile: str, role: AssumedRole, region: str, proxy: str
    ) -> None:
        """`profile`: empty for the default one. `role`: without an `arn`, none is assumed.

        `region`: whose STS is asked where the machine names none. `proxy`: `host:port`, empty for
        none; metadata addresses are always asked directly.
        """
        self.section = section
        self._profile = profile
        self._role = role
        self._region = region
        self._proxies = {scheme: f"http://{proxy}" for scheme in ("http", "https") if proxy}

    def fetch(self) -> Found:
        """Return the present credentials, new ones where they are temporary.

        Raises CredentialsError.
        """
        try:
            session = self._session()
            found = self._by_chain(session)
            found = self._assumed(session, found) if self._role.arn else found
        except CredentialsError:
            raise
        except Exception as error:  # botocore reads answers that it does not understand as well
            named = f" (profile {self._profile})" if self._profile else ""
            reason = describe_error(error)
            if isinstance(error, SSOError):
                reason += f"; sign in by aws sso login --profile {self._profile or 'default'}"
            raise CredentialsError(
                f"the credentials of [{self.section}]{named} cannot be fetched: {reason}"
            ) from error
        if not are_sendable(found.credentials):
            raise not_found(self.section, [f"{found.origin} ({UNSENDABLE})"])
        return found

    def _session(self) -> Any:
        session = botocore.session.Session(profile=self._profile or None)
        config = Config(
            proxies=self._proxies,  # empty: none, where None would take those of the environment
            connect_timeout=_CONNECT,
            read_timeout=_READ,
            retries={"total_max_attempts": 2},
        )
        session.set_default_client_config(config)
        if not session.get_config_variable("region"):
            session.set_config_variable("region", self._region)
        for provider in session.get_component("credential_provider").providers:
            if provider.METHOD == "iam-role":
                _ask_directly(provider)
        return session

    def _by_chain(self, session: Any) -> Found:
        credentials = session.get_credentials()
        if credentials is None:
            raise not_found(self.section, self._places(session))
        keys = credentials.get_frozen_credentials()
        # botocore has no public name for it; the official CLI uses this one too.
        ends = getattr(credentials, "_expiry_time", None)
        origin = _ORIGINS.get(credentials.method, credentials.method)
        if self._profile:
            origin = f"profile {self._profile}"
        until = ends.timestamp() if isinstance(ends, datetime) else math.inf
        return Found(Credentials(keys.access_key, keys.secret_key, keys.token or "", until), origin)

    def _assumed(self, session: Any, found: Found) -> Found:
        arn, session_name, external_id = self._role
        secret_id, secret_key, token, *_ = found.credentials
        service = session.create_client(
            "sts",
            aws_access_key_id=secret_id,
            aws_secret_access_key=secret_key,
            aws_session_token=token or None,
        )
        named = {"ExternalId": external_id} if external_id else {}
        answer = service.assume_role(RoleArn=arn, RoleSessionName=session_name, **named)
        keys = answer["Credentials"]
        until = keys["Expiration"].timestamp()
        return Found(
            Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], until),
            f"role {arn}",
        )

    def _places(self, session: Any) -> list[str]:
        files = (session.get_config_variable(name) for name in ("credentials_file", "config_file"))
        profile = f"profile {self._profile or 'default'} in {' and '.join(files)}"
        environment = [] if self._profile else ["environment variable AWS_ACCESS_KEY_ID (not set)"]
        metadata = session.get_config_variable("ec2_metadata_service_endpoint")
        return [
            *environment,
            f"{profile} (keys, SSO, role, credential_process)",
            "environment variable AWS_WEB_IDENTITY_TOKEN_FILE",
            "environment variable AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI",
            f"instance metadata at {metadata or 'http://169.254.169.254/'}",
        ]


def _ask_directly(provider: Any) -> None:
    """Ask the metadata service of this machine without a proxy, and believe its times.

    botocore would use the proxies of the environment, and assume a later end of credentials that
    end soon.
    """
    fetcher = provider._role_fetcher  # noqa: SLF001 - there is no public way
    fetcher._session = URLLib3Session(timeout=fetcher._timeout)  # noqa: SLF001
    fetcher._evaluate_expiration = lambda credentials: None  # noqa: ARG005, SLF001
