"""The environment of started processes: without the variables that may hold credentials.

They get credentials over a pipe, and other processes of this user can read their environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from cos_migrate.cli.command_line import DEFAULT_CONFIG

_SECRETS = frozenset(
    {
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
        "AWS_ACCESS_KEY_ID",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECURITY_TOKEN",
        "AWS_SESSION_TOKEN",
        "COS_SECRETID",
        "COS_SECRETKEY",
        "COS_TOKEN",
        "TENCENTCLOUD_SECRET_ID",
        "TENCENTCLOUD_SECRET_KEY",
        "TENCENTCLOUD_TOKEN",
    }
)
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_TASKS = re.compile(r"batchTaskPath[ \t]*[=:][ \t]*([^\r\n]+)")


def environment_without_secrets(
    words: Sequence[str], started_in: str, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the environment for processes of a run with these arguments.

    `started_in`: the folder to which paths among the arguments are relative.
    The configuration is not loaded yet: every variable that it, the arguments or the file of
    `batchTaskPath` refer to as `${NAME}` is left out.
    """
    named = [os.path.join(started_in, word) for word in words if not word.startswith("-")]
    texts = [*words, *map(_content, named or [DEFAULT_CONFIG])]
    paths = [path.strip() for text in texts for path in _TASKS.findall(text)]
    texts += map(_content, paths)
    referred = {name for text in texts for name in _REFERENCE.findall(text)}
    return {
        name: value
        for name, value in environ.items()
        if name not in _SECRETS and name not in referred
    }


def _content(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (OSError, ValueError):
        return ""
