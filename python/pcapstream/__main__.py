"""`python -m pcapstream`."""

import sys

from pcapstream.cli import main

if __name__ == "__main__":
    sys.exit(main())
