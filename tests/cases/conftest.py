"""`--golden=write` rewrites the golden files instead of comparing with them; the review reads the diff."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", choices=("compare", "write"), default="compare", help="golden cases: compare or write")
