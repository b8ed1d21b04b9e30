"""`python -m cos_migrate`."""

import sys

from cos_migrate.cli import main

sys.exit(main())
