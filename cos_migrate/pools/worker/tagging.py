"""Objects whose tags COS refuses: they are sent without them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cos_migrate.cos.requests import Headers
from cos_migrate.errors import CosError
from cos_migrate.pools.worker.bodies import Warn
from cos_migrate.sources.object_tags import TAGGING_HEADER

T = TypeVar("T")
_REFUSED_STATUS = frozenset({400, 403})


def send_tagged(send: Callable[[Headers], T], headers: Headers, warn: Warn) -> T:
    """Call `send` with the headers of an object; once more without its tags if COS refuses them.

    Raises the errors of `send`.
    """
    try:
        return send(headers)
    except CosError as error:
        others = [pair for pair in headers if pair[0] != TAGGING_HEADER]
        if len(others) == len(headers) or not _may_be_for_tags(error):
            raise
        result = send(others)
        warn(f"its tags are not carried over: COS refuses them ({error.code})")
        return result


def _may_be_for_tags(error: CosError) -> bool:
    lasting = not error.retryable and not error.fatal and not error.credentials_ended
    return error.status in _REFUSED_STATUS and lasting
