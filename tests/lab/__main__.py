"""`python tests/lab COMMAND` → the command line of the lab."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as `python -m lab` in tests/ would have it

from lab.cli import main

if __name__ == "__main__":
    sys.exit(main())
