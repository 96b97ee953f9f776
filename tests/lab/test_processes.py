"""Whom the lab takes for its own."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import processes


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(processes, "PIDS", tmp_path)
    return tmp_path


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_process_runs_until_it_ends(sleeper: subprocess.Popen[bytes]) -> None:
    assert not processes.run("etcd")
    processes.record("etcd", sleeper.pid)
    assert processes.run("etcd")
    processes.stop(["etcd"])
    assert not processes.run("etcd")
    assert sleeper.wait() != 0


def test_a_process_that_was_given_the_id_of_one_of_ours_is_left_alone(
    sleeper: subprocess.Popen[bytes], state: Path
) -> None:
    (state / "etcd").write_text(f"{sleeper.pid} 1")
    assert not processes.run("etcd")
    processes.stop(["etcd"])
    assert sleeper.poll() is None
