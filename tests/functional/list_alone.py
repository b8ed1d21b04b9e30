"""Lists a bucket of `tests.fakes.canned_listing` and does nothing with it.

`python -m tests.functional.list_alone PORT PARALLEL`; prints as JSON seconds, objects, and the
memory that the process needed in MiB.
"""

from __future__ import annotations

import json
import queue
import re
import sys
import time
from pathlib import Path

from cos_migrate.config.values import Secret
from cos_migrate.model import Target
from cos_migrate.scan.base import ScanEnded, Scanned
from cos_migrate.scan.listing import Lister
from cos_migrate.sources.s3.aws import AwsConfig, AwsSource


def main() -> None:
    port, parallel = map(int, sys.argv[1:])
    config = AwsConfig(
        bucket="many",
        end_point=f"http://127.0.0.1:{port}",
        access_key_id=Secret("AKIAEXAMPLE"),
        access_key_secret=Secret("secret"),
    )
    source = AwsSource(config, Target("b-1250000000", "ap-guangzhou", "/"))
    events: queue.SimpleQueue[Scanned | ScanEnded] = queue.SimpleQueue()
    starts = [(one, "") for one in source.ranges()]
    began = time.monotonic()
    lister = Lister(source, starts, parallel, 5, events.put)
    lister.start()
    objects = 0
    while isinstance(event := events.get(), Scanned):
        objects += len(event.found)
        lister.allow_more()
    assert event.failure is None, event.failure
    found = {
        "seconds": time.monotonic() - began,
        "objects": objects,
        "memory": peak_memory(),
    }
    print(json.dumps(found))


def peak_memory() -> float:
    """Return the most memory of this process in MiB; `getrusage` counts that of its parent too."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="utf-8"))
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    main()
