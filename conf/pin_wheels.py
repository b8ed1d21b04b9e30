"""Prints a lock of the wheels in a folder, by their hashes.

conf/bundle.sh calls it: packages that come as source are built for a bundle, which changes their
hashes.
"""

import hashlib
import sys
from pathlib import Path

for wheel in sorted(Path(sys.argv[1]).glob("*.whl")):
    name, version, *_ = wheel.name.split("-")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    sys.stdout.write(f"{name.replace('_', '-')}=={version} --hash=sha256:{digest}\n")
