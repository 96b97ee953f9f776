"""Every golden case: its outputs are as reviewed, they are closed, and a real Envoy takes them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cases.case import ROOT, all_cases, load, world
from tests.cases.closure import missing
from tests.cases.show import conditions, goldens
from tests.envoy.validation import validation_bootstrap

MAX_LINES = 160

each_case = pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.relative_to(ROOT).as_posix()) for path in all_cases()]
)


@each_case
def test_a_case_comes_out_as_reviewed(path: Path, request: pytest.FixtureRequest) -> None:
    case = load(path)
    texts = goldens(case, case.run())
    if request.config.getoption("--golden", "compare") == "write":
        for name, text in texts.items():
            (path / name).write_text(text)
    assert {name: (path / name).read_text() for name in texts} == texts


@each_case
def test_a_case_is_short(path: Path) -> None:
    lengths = {file.name: len(file.read_text().splitlines()) for file in path.glob("*.yaml")}
    assert max(lengths.values()) <= MAX_LINES, lengths


@each_case
def test_a_case_names_nothing_that_is_not_there(path: Path) -> None:
    for result in load(path).run().gateways.values():
        assert missing(result.ir) == set()


@each_case
def test_a_status_speaks_of_the_present_generation(path: Path) -> None:
    case = load(path)
    objects = {**world(), **case.objects}
    for key, status in case.run().statuses.items():
        generations = {condition.observed_generation for condition in conditions(status)}
        assert generations == {objects[key.kind, key.key].metadata.generation}


@pytest.mark.envoy
@each_case
def test_a_real_envoy_takes_a_case(path: Path, envoy_verdict: Callable[[str], str]) -> None:
    for result in load(path).run().gateways.values():
        assert envoy_verdict(validation_bootstrap(result.snapshot)) == ""
