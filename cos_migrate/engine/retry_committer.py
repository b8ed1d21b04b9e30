"""The committer of a run that only tries objects which failed before."""

from __future__ import annotations

from typing import ClassVar

from cos_migrate.engine.commit import Committer
from cos_migrate.errors import Code
from cos_migrate.model import Failure, Fingerprint, SourceObject
from cos_migrate.report import lines


class RetryCommitter(Committer):
    """A committer that forgets objects which are gone from the source."""

    retrying: ClassVar[bool] = True

    def settle_failed(
        self,
        obj: SourceObject,
        cos_path: str,
        record_key: str,
        failure: Failure,
        explanation: str = "",
        listed_fingerprint: Fingerprint | None = None,
    ) -> None:
        """Settle an object that failed again; leave it out if a listing would no longer have it."""
        paged = self._source.paged
        if failure.code == Code.NO_SUCH_KEY and paged and not list(paged.list_file_paths()):
            line = lines.no_longer_there(self._source.mask(obj.name))
            self.settle_left_out(obj, line, record_key)
            return
        super().settle_failed(obj, cos_path, record_key, failure, explanation, listed_fingerprint)
