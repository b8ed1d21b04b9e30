"""Explains why a download domain refuses an object, by the management service."""

from __future__ import annotations

from cos_migrate.errors import Code, SourceError
from cos_migrate.sources.qiniu.services import Services
from cos_migrate.sources.source_errors import ErrorDetails

_FROZEN = frozenset({2, 3})
"""Storage classes (archive, deep archive) that must be restored before they can be read."""
_RESTORED = 2
_DISABLED = 1


class DomainRefusals:
    """Explains errors of one bucket's download domain."""

    def __init__(self, services: Services, host: str, *, signs: bool) -> None:
        """`signs`: whether requests to the domain are signed."""
        self._services = services
        self._host = host
        self._signs = signs
        self.served = False
        """Whether the domain has already served an object of the bucket."""

    def explain(self, name: str, error: SourceError) -> ErrorDetails:
        """Return the cause of an error of the domain, or the error itself where none is found."""
        details = ErrorDetails(error.status, error.code, str(error), error.request_id)
        if error.code == "BadToken" and not self._signs:
            message = "the download domain requires signed URLs"
            return details._replace(code="SignatureWanted", message=message)
        if error.code not in {"Forbidden", Code.NO_SUCH_KEY}:
            return details
        try:
            known = self._services.stat(name)
        except SourceError:
            return details
        if known is None:
            return details
        if error.code == Code.NO_SUCH_KEY:
            return self._not_served(details)
        if known.get("type") in _FROZEN and known.get("restoreStatus") != _RESTORED:
            return details._replace(code="Archived", message="Qiniu refuses to send it")
        if known.get("status") == _DISABLED:
            return details._replace(code="Disabled", message="it is disabled at Qiniu (status 1)")
        return details

    def _not_served(self, details: ErrorDetails) -> ErrorDetails:
        """Return the details of an object that the bucket has and the domain does not serve."""
        message = f"the bucket has it, but {self._host} does not serve it"
        try:
            domains = self._services.domains()
        except SourceError:
            domains = ()
        if domains:
            message += f"; the bucket's download domains: {', '.join(domains)}"
        elsewhere = not self.served and self._host not in domains
        return details._replace(code="WrongDomain" if elsewhere else "NotServed", message=message)
