"""`python bench/cluster` → the command line of the benchmark."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))  # for the package lab
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for cluster, and for what lies beside it

from cluster.cli import main

if __name__ == "__main__":
    sys.exit(main())
