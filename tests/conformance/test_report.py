"""What a reader is told of a run, and when a run counts."""

from pathlib import Path

import pytest

from tests.conformance.report import failures, is_whole, load, summary

REPORT = """
profiles:
- name: GATEWAY-TLS
  core: {statistics: {Passed: 19, Failed: 1, Skipped: 0}}
- name: GATEWAY-HTTP
  core: {statistics: {Passed: 3, Failed: 0, Skipped: 1}}
  extended: {statistics: {Passed: 2, Failed: 0, Skipped: 0}}
"""
LOG = """=== RUN   TestConformance
=== RUN   TestConformance/Good
    good.go:10: Applying tests/good.yaml
=== RUN   TestConformance/Asserting
=== PAUSE TestConformance/Asserting
=== RUN   TestConformance/Plain
    plain.go:7: 2026-11-23T06:00:00Z: trying
=== CONT  TestConformance/Asserting
    asserting.go:31: 2026-11-23T06:00:01Z: waiting
=== RUN   TestConformance/Asserting/sub
=== NAME  TestConformance/Plain
    plain.go:9: timed out waiting for the Gateway
=== NAME  TestConformance/Asserting/sub
    helpers.go:42:\x20
        \tError Trace:\t/src/helpers.go:42
        \t            \t\t\t\t/src/asserting.go:31
        \tError:      \tReceived unexpected error:
        \t            \tcontext deadline exceeded
        \tTest:       \tTestConformance/Asserting/sub
        \tMessages:   \terror waiting for conditions
    helpers.go:50: later
--- FAIL: TestConformance (9.00s)
    --- PASS: TestConformance/Good (1.00s)
    --- FAIL: TestConformance/Plain (2.00s)
    --- FAIL: TestConformance/Asserting (3.00s)
        --- FAIL: TestConformance/Asserting/sub (3.00s)
FAIL
"""


def test_a_failed_test_is_told_with_its_first_complaint_however_the_tests_are_interleaved() -> None:
    assert failures(LOG) == {
        "Plain": "plain.go:9: timed out waiting for the Gateway",
        "Asserting": "helpers.go:42: Received unexpected error: context deadline exceeded",
    }


def test_profiles_are_summed_up_by_name_with_what_was_skipped(files: tuple[Path, Path]) -> None:
    assert list(summary(load(files[0]))) == [
        "GATEWAY-HTTP core: 3 of 4, 1 skipped",
        "GATEWAY-HTTP extended: 2 of 2",
        "GATEWAY-TLS core: 19 of 20",
    ]


def test_a_run_with_failures_that_came_to_its_end_is_whole(files: tuple[Path, Path]) -> None:
    assert is_whole(*files, ("GATEWAY-HTTP", "GATEWAY-TLS"))


@pytest.mark.parametrize("ends", ["panic: test timed out after 80m0s\n", "=== RUN   TestConformance/Good\n"])
def test_a_run_that_was_cut_off_is_not_whole(files: tuple[Path, Path], ends: str) -> None:
    files[1].write_text(LOG.partition("--- FAIL")[0] + ends)
    assert not is_whole(*files, ("GATEWAY-HTTP", "GATEWAY-TLS"))


@pytest.mark.parametrize("report", ["profiles: null", "profiles: [{name: GATEWAY-HTTP}]"])
def test_a_run_whose_report_lacks_a_profile_is_not_whole(files: tuple[Path, Path], report: str) -> None:
    """The suite writes a report without profiles when it fails before the first test."""
    files[0].write_text(report)
    assert not is_whole(*files, ("GATEWAY-HTTP", "GATEWAY-TLS"))


def test_without_a_report_nothing_is_whole(files: tuple[Path, Path]) -> None:
    files[0].unlink()
    assert not is_whole(*files, ())


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A report and a log."""
    report, log = tmp_path / "report.yaml", tmp_path / "log"
    report.write_text(REPORT)
    log.write_text(LOG)
    return report, log
