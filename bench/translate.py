"""F12: the command that prints what a file of YAML becomes for Envoy; its time, its CPU, its memory.

python bench/translate.py [--system lychgate] [--routes 300] [--times 3]
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bench.programs import PROGRAMS, Program, world_text


def once(command: list[str], bytecode: Path) -> dict[str, float]:
    """Run the command and return what it took. `bytecode` is where Python keeps what it compiled."""
    kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(bytecode)}
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **kept})
    assert process.stdout
    size = len(process.stdout.read())
    _, code, usage = os.wait4(process.pid, 0)
    if code or size < 1000:
        raise RuntimeError(f"{command} ended with {code} and {size} bytes")
    return {
        "seconds": time.perf_counter() - start,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
    }


def measure(program: Program, routes: int, times: int) -> dict[str, float]:
    """Medians of several runs over the same file, of a program that is compiled, as whoever installs it has it."""
    with tempfile.TemporaryDirectory() as folder:
        file, bytecode = Path(folder) / "world.yaml", Path(folder) / "bytecode"
        file.write_text(world_text(program, routes, 3001))
        once(program.translate(file), bytecode)
        taken = [once(program.translate(file), bytecode) for _ in range(times)]
    return {key: round(statistics.median(t[key] for t in taken), 2) for key in taken[0]}


def main() -> None:
    """Parse arguments, measure, print a line a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", choices=PROGRAMS, default="lychgate")
    parser.add_argument("--routes", type=int, nargs="+", default=[300])
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    for routes in options.routes:
        print(json.dumps({"routes": routes} | measure(PROGRAMS[options.system], routes, options.times)), flush=True)


if __name__ == "__main__":
    main()
