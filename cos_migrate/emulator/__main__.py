"""`python -m cos_migrate.emulator`: an embedded COS on a port of its own."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from dataclasses import fields
from pathlib import Path

from cos_migrate.emulator import KINDS, EmbeddedCos, Fault


def main() -> int:
    """Serve until Ctrl-C or SIGTERM; return the exit code."""
    parser = _parser()
    words = parser.parse_args()
    if bool(words.cert) != bool(words.key):
        parser.error("--cert and --key go together")
    try:
        cos = EmbeddedCos(
            Path(words.dir),
            secret_id=words.secret_id,
            secret_key=words.secret_key,
            token=words.token,
            port=words.port,
            host=words.host,
            buckets=words.bucket or None,
            latency=words.latency_ms / 1000,
            faults=[Fault.parse(text) for text in words.fault],
            tls=(Path(words.cert), Path(words.key)) if words.cert else None,
            min_part_size=words.min_part_size,
            record=False,
        )
    except (ValueError, OSError, OverflowError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    over = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: over.set())
    with cos:
        scheme = "https" if words.cert else "http"
        print(f"embedded COS listening on {scheme}://{words.host}:{cos.port}", flush=True)
        # Windows delivers signals only between waits.
        while not over.wait(0.2):
            pass
    return 0


def _parser() -> argparse.ArgumentParser:
    legal = ", ".join(field.name for field in fields(Fault) if field.name != "kind")
    kinds = "\n".join(f"  {kind:<13} {meaning}" for kind, meaning in KINDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m cos_migrate.emulator",
        description="A server that speaks COS's protocol and keeps objects in a folder.",
        epilog=f"faults, with the fields {legal}:\n{kinds}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="0: a free one (default)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument("--dir", required=True, help="folder for buckets and objects")
    parser.add_argument("--secret-id", required=True)
    parser.add_argument("--secret-key", required=True)
    parser.add_argument("--token", default="", help="session token that requests must carry")
    parser.add_argument(
        "--bucket", action="append", default=[], help="a bucket that exists; default: all"
    )
    parser.add_argument("--latency-ms", type=float, default=0.0, help="wait before each answer")
    parser.add_argument(
        "--min-part-size",
        type=int,
        default=1 << 20,
        metavar="BYTES",
        help="smallest part but the last (default: 1 MiB, as COS)",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND[,FIELD=VALUE...]",
        help="e.g. status,operation=PutObject,status=503,code=SlowDown,times=10",
    )
    parser.add_argument("--cert", default="", help="certificate for TLS, PEM; with --key")
    parser.add_argument("--key", default="", help="its private key, PEM")
    return parser


if __name__ == "__main__":
    sys.exit(main())
