"""The benchmarks are run by hand, and seldom."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
PROGRAMS = [path for path in sorted(BENCH.glob("*.py")) if "__main__" in path.read_text()]


@pytest.mark.parametrize("program", [*PROGRAMS, BENCH / "cluster"], ids=lambda path: path.stem)
def test_a_benchmark_begins(program: Path) -> None:
    """What it imports is there: nothing else would tell whoever renames it."""
    done = subprocess.run([sys.executable, program, "--help"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
