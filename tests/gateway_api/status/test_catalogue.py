"""The catalogues hold the reasons, and nobody else does."""

import ast
import inspect
from pathlib import Path

import gateway_api
from gateway_api.graph import problems
from gateway_api.graph.types import Problem
from gateway_api.status import catalogue

CATALOGUES = {"problems.py", "catalogue.py"}


def reasons() -> set[str]:
    made = [make("m") for _, make in inspect.getmembers(problems, inspect.isfunction)]
    return {problem.reason for problem in made if isinstance(problem, Problem)}


def test_no_reason_is_spelled_outside_the_catalogues() -> None:
    known = reasons()
    for path in Path(gateway_api.__path__[0]).rglob("*.py"):
        if path.name not in CATALOGUES:
            texts = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
            assert not texts & known, path


def test_every_constructor_names_its_source() -> None:
    for module in (problems, catalogue):
        for name, make in inspect.getmembers(module, inspect.isfunction):
            if make.__module__ == module.__name__ and not name.startswith("_"):
                assert "Spec: " in (make.__doc__ or ""), name


def test_problems_of_one_condition_become_one_condition() -> None:
    made = catalogue.of_problems(
        [problems.invalid_kind("a."), problems.backend_not_found("b."), problems.invalid_kind("a.")], 4
    )
    assert (made.type, made.status, made.reason, made.message) == ("ResolvedRefs", "False", "InvalidKind", "a. b.")


def test_conflicts_are_true_when_something_is_wrong() -> None:
    assert catalogue.of_problems([problems.hostname_conflict("a.")], 1).status == "True"
