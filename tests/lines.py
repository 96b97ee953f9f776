"""Lines of Python that run, and bytes that are asked for: costs that no slow machine can change."""

import gc
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any


def lines_run(work: Callable[[], object], *packages: ModuleType) -> int:
    """Count the lines that the work executes, one for each turn of a loop; with `packages`, only lines of theirs.

    Blind to what one line has done in C, such as the copy of a mapping: see `bytes_made`.
    """
    counted = tuple(str(Path(package.__path__[0])) for package in packages) or ("",)
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(counted):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def bytes_made(work: Callable[[], object]) -> int:
    """Return how many more bytes of Python objects there are at the height of the work than before it."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
        gc.enable()
