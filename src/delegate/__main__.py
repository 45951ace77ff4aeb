"""`python -m delegate`."""

import sys

from delegate.cli import main

if __name__ == "__main__":
    sys.exit(main())
