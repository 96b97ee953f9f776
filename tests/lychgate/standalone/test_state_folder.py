"""Who holds a state folder, and what `lychgate status` says of one."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from k8s_apply.status_report import Oversight, StatusReport
from lychgate.standalone.state_folder import STATUS_FILE, StateError, default_state_dir, is_in_use, only_one


def status(state: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lychgate", "status", "--state-dir", str(state), *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_folder_is_in_use_for_as_long_as_it_is_held(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert not is_in_use(state)
    with only_one(state):
        assert is_in_use(state)
        with pytest.raises(StateError, match="in use by another"), only_one(state):
            pass
    assert not is_in_use(state)


def test_who_has_no_home_is_told_to_name_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user of a container whom nobody has named."""

    def homeless(_: object) -> str:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", classmethod(homeless))
    with pytest.raises(StateError, match="--state-dir"):
        default_state_dir()


@pytest.mark.parametrize("output", ["table", "json"])
def test_statuses_that_nobody_keeps_are_not_shown(output: str, tmp_path: Path) -> None:
    (tmp_path / STATUS_FILE).write_text("{}")
    with only_one(tmp_path):
        assert status(tmp_path, "--output", output).returncode == 0
    said = status(tmp_path, "--output", output)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith("lychgate status: nothing is served here")


def test_what_is_in_vain_is_shown_and_is_no_bad_status(tmp_path: Path) -> None:
    lost = Oversight(namespace="default", kind="HTTPRoute", name="r", reason="leads nowhere")
    (tmp_path / STATUS_FILE).write_bytes(msgspec.json.encode(StatusReport(oversights=(lost,))))
    with only_one(tmp_path):
        said = status(tmp_path)
    assert said.returncode == 0
    assert "warning: HTTPRoute/default/r: leads nowhere" in said.stdout
