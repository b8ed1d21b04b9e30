"""The job: values that each worker of a run receives once, before any task."""

from __future__ import annotations

from typing import NamedTuple

from cos_migrate.config.options import Section
from cos_migrate.cos.envelope import EncryptionSettings
from cos_migrate.cos.settings import CosSettings
from cos_migrate.errors import Side
from cos_migrate.model import Credentials, Target
from cos_migrate.sources.base import Source, SourceOptions


class Job(NamedTuple):
    """The recipe a worker builds its clients from; it can be pickled."""

    cos: CosSettings
    source: type[Source]
    source_config: Section
    target: Target
    small_transfers: int
    """Small objects that it sends at once at most."""
    big_transfers: int
    """Parts of big objects that it sends at once at most, each in a thread."""
    attach_md5: bool
    """Whether objects get `x-cos-meta-md5`."""
    memory: int
    """Bytes of object data this worker may hold at once."""
    small_below: int
    """Bytes; objects of this size and above go to the big pool."""
    spool_folder: str
    """Where this job's temporary files go."""
    source_options: SourceOptions
    encryption: EncryptionSettings | None = None
    """How objects are encrypted before they leave; None: not at all."""
    counts_requests: bool = False
    """Whether workers report each request to COS but the PUTs of their event loop."""

    def with_credentials(self, side: Side, credentials: Credentials) -> Job:
        """Return the job with other credentials for one side."""
        if side is Side.SOURCE:
            return self._replace(
                source_options=self.source_options._replace(credentials=credentials)
            )
        return self._replace(cos=self.cos._replace(credentials=credentials))

    def share(self, index: int, count: int) -> Job:
        """Return the job of one worker of `count`: transfers and memory are divided evenly."""
        return self._replace(
            small_transfers=share_of(self.small_transfers, index, count),
            big_transfers=share_of(self.big_transfers, index, count),
            memory=self.memory // count,
        )


def share_of(total: int, index: int, count: int) -> int:
    """Return the share of one worker of `count` in a total that is divided evenly."""
    return total // count + (index < total % count)
