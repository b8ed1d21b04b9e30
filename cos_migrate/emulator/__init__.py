"""The embedded COS: a server that speaks COS's protocol and keeps objects in a folder.

For the demo, for trying a configuration, and for tests. It shares no signing and no checksum code
with the client: what it accepts, it accepts by its own reading of Tencent's documentation.
"""

from cos_migrate.emulator.faults import Fault
from cos_migrate.emulator.server import EmbeddedCos, RequestSeen

__all__ = ["EmbeddedCos", "Fault", "RequestSeen"]
