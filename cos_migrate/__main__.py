"""`python -m cos_migrate`."""

import sys

try:
    from cos_migrate.cli import main
except KeyboardInterrupt:  # Ctrl-C before there was anything to finish
    sys.exit(130)

sys.exit(main())
