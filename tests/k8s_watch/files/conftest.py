"""Fixtures of the file source's tests."""

from pathlib import Path

import pytest

from tests.k8s_watch.files.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)
