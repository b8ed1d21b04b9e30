"""The embedded COS: a server that speaks COS's protocol and keeps objects in a folder.

For the demo, for trying a configuration, and for tests. It shares no signing and no checksum code
with the client, and follows Tencent's documentation independently.

    with EmbeddedCos(folder, secret_id="id", secret_key="key") as cos:
        ...  # http://127.0.0.1:<cos.port>

A bucket is the first label of any Host header: `<bucket>.localhost:<port>`,
or any COS domain with the server as HTTP proxy (absolute form, CONNECT). Without `buckets` every
`<name>-<APPID>` exists.

Stored objects: `cos.keys(bucket)`, `cos.object_bytes(bucket, key)`,
`cos.object_head(bucket, key)` (a Stored), `cos.store.uploads(bucket)`. Every request is a
RequestSeen in `cos.requests`, in the order they ended; `cos.operations()` are their names,
`cos.reset()` clears them.

Faults: append to `cos.faults`, e.g.
`Fault("status", operation="PutObject", status=503, code="SlowDown", times=3, skip=10)`;
the first fault that hits a request wins, `cos.hits(fault)` counts. KINDS lists the kinds.
`cos.latency` is in seconds.
"""

from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.faults import KINDS, Fault
from cos_migrate.emulator.objects import Stored
from cos_migrate.emulator.server import EmbeddedCos
from cos_migrate.emulator.service import RequestSeen
from cos_migrate.emulator.signature import Account

__all__ = ["KINDS", "Account", "EmbeddedCos", "Fault", "Refusal", "RequestSeen", "Stored"]
