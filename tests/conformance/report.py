"""The suite's report and log → the lines that a reader wants, and whether the run came to its end."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml

type Json = dict[str, Any]

LEVELS = ("core", "extended")

_ENDED = re.compile(r"^--- (?:PASS|FAIL): TestConformance \(", re.MULTILINE)
_FAILED = re.compile(r"^    --- FAIL: TestConformance/(\w+) ", re.MULTILINE)
_SPEAKER = re.compile(r"^=== (?:RUN|NAME|CONT|PAUSE) +TestConformance/(\w+)")
_RESULT = re.compile(r"^ *--- (?:PASS|FAIL|SKIP): ")
_LINE = re.compile(r"^ +(\w+\.go:\d+): ?(.*)$")
_ERROR = re.compile(r"^\s+Error: +\t?(.*)$")


def load(report: Path) -> Json:
    """Read a ConformanceReport."""
    document: Json = yaml.safe_load(report.read_text())
    return document


def is_whole(report: Path, log: Path, profiles: Collection[str]) -> bool:
    """Tell whether the suite ran to its end and reports on all of these profiles: else it says nothing about us."""
    if not report.exists() or not _ENDED.search(log.read_text()):
        return False
    return {profile["name"] for profile in load(report).get("profiles") or ()} == set(profiles)


def summary(document: Json) -> Iterator[str]:
    """Yield a line per profile and level, by name: how many passed of how many, and how many were skipped."""
    for profile in sorted(document.get("profiles") or (), key=lambda one: str(one["name"])):
        for level in LEVELS:
            if level in profile:
                yield f"{profile['name']} {level}: {counts(profile[level])}"


def counts(level: Json) -> str:
    """Say how many tests of a profile's level passed of how many."""
    passed, total, skipped = numbers(level)
    return f"{passed} of {total}" + (f", {skipped} skipped" if skipped else "")


def numbers(level: Json) -> tuple[int, int, int]:
    """Return how many tests of a profile's level passed, how many there were, and how many of these were skipped."""
    found = level["statistics"]
    return found["Passed"], found["Passed"] + found["Failed"] + found["Skipped"], found["Skipped"]


def failures(log: str) -> dict[str, str]:
    """Return the tests that failed, by short name in the order in which they ended, each with its first complaint.

    That is the first failed assertion that the log has of it, with its place; else the last line that the test wrote.
    """
    said = _said(log)
    return {test: _complaint(said.get(test, [])) for test in _FAILED.findall(log)}


def _said(log: str) -> dict[str, list[str]]:
    """Sort the log's lines by the test that wrote them, its subtests included."""
    said: dict[str, list[str]] = {}
    speaker = ""
    for line in log.splitlines():
        if heard := _SPEAKER.match(line):
            speaker = heard[1]
        elif not line.startswith("===") and not _RESULT.match(line):
            said.setdefault(speaker, []).append(line)
    return said


def _complaint(lines: list[str]) -> str:
    place = last = ""
    for number, line in enumerate(lines):
        if found := _LINE.match(line):
            place, last = found[1], f"{found[1]}: {found[2]}"
        elif found := _ERROR.match(line):
            more = [found[1].strip()]
            for below in lines[number + 1 :]:
                if re.match(r"^\s+(?:Test|Messages): ", below) or not below.strip():
                    break
                more.append(below.strip())
            return f"{place}: {' '.join(filter(None, more))}"
    return last
