"""`python bench/cluster` → the command line of the benchmark."""

import sys

from bench.cluster.cli import main

if __name__ == "__main__":
    sys.exit(main())
