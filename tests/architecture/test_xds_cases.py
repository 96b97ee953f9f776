"""docs/xds.md says that each of its cases has a test with its number."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_cases_in_the_manual_are_those_that_tests_name() -> None:
    listed = re.findall(r"^\| (\d+[a-z]?) \|", (ROOT / "docs" / "xds.md").read_text(), re.MULTILINE)
    texts = (path.read_text() for path in (ROOT / "tests" / "xds_server").rglob("test_*.py"))
    assert {number for text in texts for number in re.findall(r"\bCase (\d+[a-z]?)\b", text)} == set(listed)
