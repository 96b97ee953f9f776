"""The catalogues hold the reasons, and nobody else does."""

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import gateway_api
from gateway_api.graph import problems
from gateway_api.graph.problems import Problem
from gateway_api.status import catalogue
from gateway_api.status.types import Condition

CATALOGUES = {"problems.py", "catalogue.py"}


def constructors(module: ModuleType, of: type) -> list[Callable[..., Any]]:
    return [
        make
        for name, make in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_") and inspect.signature(make).return_annotation is of
    ]


def reasons() -> set[str]:
    return {make("m").reason for make in constructors(problems, Problem)}


def test_no_reason_is_spelled_outside_the_catalogues() -> None:
    known = reasons()
    for path in Path(gateway_api.__path__[0]).rglob("*.py"):
        if path.name not in CATALOGUES:
            texts = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
            assert not texts & known, path


def test_every_constructor_names_its_source() -> None:
    made = (*constructors(problems, Problem), *constructors(catalogue, Condition))
    assert len(made) > 50
    for make in made:
        assert "Spec: " in (make.__doc__ or ""), make.__name__


def test_problems_of_one_condition_become_one_condition() -> None:
    made = catalogue.of_problems(
        [problems.invalid_kind("a."), problems.backend_not_found("b."), problems.invalid_kind("a.")], 4
    )
    assert (made.type, made.status, made.reason, made.message) == ("ResolvedRefs", "False", "InvalidKind", "a. b.")


def test_conflicts_are_true_when_something_is_wrong() -> None:
    assert catalogue.of_problems([problems.hostname_conflict("a.")], 1).status == "True"
