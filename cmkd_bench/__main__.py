"""`python -m cmkd_bench`."""

import sys

from cmkd_bench.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
