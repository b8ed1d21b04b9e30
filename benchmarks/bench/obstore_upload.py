"""Uploads a folder with obstore: FOLDER URL BUCKET, credentials in the environment.

obstore has no number of objects at once of its own: the script begins 256, as s5cmd does.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from obstore.store import S3Store  # type: ignore[import-not-found]  # in the peers' own venv

AT_ONCE = 256


async def upload(folder: Path, files: Iterator[Path], url: str, bucket: str) -> None:
    """Upload files below a folder."""
    store = S3Store(
        bucket,
        endpoint=url,
        virtual_hosted_style_request=False,
        client_options={"allow_http": url.startswith("http:")},
    )

    async def take() -> None:
        for path in files:
            await store.put_async(path.relative_to(folder).as_posix(), path)

    await asyncio.gather(*(take() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    where = Path(sys.argv[1])
    asyncio.run(upload(where, where.rglob("*.bin"), sys.argv[2], sys.argv[3]))
