"""`python tests/conformance` → reports in docs/conformance and the tables of docs/conformance.md."""

import sys

from tests.conformance.cli import main

if __name__ == "__main__":
    sys.exit(main())
