"""The suite's report and log → the lines that a reader wants."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

type Json = dict[str, Any]


def summary(report: Path) -> Iterator[str]:
    """Yield a line per profile and level: how many passed of how many, and which failed or were skipped."""
    document: Json = yaml.safe_load(report.read_text())
    for profile in document["profiles"]:
        for level in ("core", "extended"):
            if level in profile:
                yield f"{profile['name']} {level}: {_counts(profile[level])}"


def failed_tests(log: Path) -> list[str]:
    """Return the tests of the suite that failed, by short name, in the order in which they ended."""
    return re.findall(r"^    --- FAIL: TestConformance/(\w+) ", log.read_text(), re.MULTILINE)


def _counts(level: Json) -> str:
    counts = level["statistics"]
    total = counts["Passed"] + counts["Failed"]
    skipped = f", {counts['Skipped']} skipped" if counts["Skipped"] else ""
    return f"{counts['Passed']} of {total} passed{skipped}"
