"""Which tests of the suite have no golden case."""

from pathlib import Path

from tests.conformance.twins import without_twin

LOG = """=== RUN   TestConformance
    --- PASS: TestConformance/Known (1.00s)
        --- PASS: TestConformance/Known/sub (1.00s)
    --- PASS: TestConformance/New (1.00s)
    --- PASS: TestConformance/TheOtherNotSupported (0.00s)
    --- SKIP: TestConformance/ForOthers (0.00s)
"""


def test_a_test_that_passed_needs_a_case_that_names_it(tmp_path: Path) -> None:
    case = tmp_path / "case.yaml"
    case.write_text("claim: it holds\nconformance: Known\n")
    assert without_twin(LOG, [case]) == ["New"]
