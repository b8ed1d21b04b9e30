"""Prints the part of a lock file to install first: the packages that build source packages.

start_migrate.bat calls it; the POSIX scripts do the same with awk.
"""

import re
import sys

keep = False
with open(sys.argv[1], encoding="utf-8") as lock:
    for line in lock:
        if not line.startswith(" "):
            keep = re.match(r"(setuptools|wheel|packaging)==", line) is not None
        if keep:
            sys.stdout.write(line)
