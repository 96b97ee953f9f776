"""`python tests/conformance` → reports in docs/conformance and the tables of docs/conformance.md."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as `python -m conformance` in tests/ would have it

from conformance.cli import main

if __name__ == "__main__":
    sys.exit(main())
