"""The suite's log + our golden cases → the tests that no case stands for.

Each test has a twin that needs no cluster: a regression shows in seconds.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from tests.lab.places import PROJECT

CASES = PROJECT / "tests" / "cases"

_PASSED = re.compile(r"^    --- PASS: TestConformance/(\w+) ", re.MULTILINE)


def without_twin(log: str, cases: Iterable[Path] = ()) -> list[str]:
    """Return the tests that passed and that no `case.yaml` names, sorted; `cases` are all of ours when none are given.

    A test that was skipped is for those who lack the feature that it is about, as is one of that name, which passes
    without a look at those who have it.
    """
    found = cases or CASES.glob("*/*/case.yaml")
    twins = {yaml.safe_load(case.read_text()).get("conformance") for case in found}
    return sorted({test for test in _PASSED.findall(log) if not test.endswith("NotSupported")} - twins)
