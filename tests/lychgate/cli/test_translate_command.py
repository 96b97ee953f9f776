"""`lychgate translate`: every view, both formats, and an exit code that a script can use."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from lychgate.cli import translating
from lychgate.cli.main import app

QUICKSTART = Path(__file__).parents[3] / "examples" / "quickstart"


def test_xds_is_envoys_own_spelling(capsys: pytest.CaptureFixture[str]) -> None:
    assert translating.main([QUICKSTART], [], "xds", "yaml") == 0
    shown = yaml.safe_load(capsys.readouterr().out)["default/eg"]
    assert {cluster["name"] for cluster in shown["clusters"]} == {
        "service/default/svc-backend/3000",
        "service/default/svc-backend2/3000",
    }
    assert shown["listeners"][0]["address"]["socket_address"]["port_value"] == 10080


def test_statuses_are_in_kubernetes_spelling(capsys: pytest.CaptureFixture[str]) -> None:
    assert translating.main([QUICKSTART], [], "status", "yaml") == 0
    shown = yaml.safe_load(capsys.readouterr().out)["Gateway/default/eg"]
    assert shown["listeners"][0]["attachedRoutes"] == 1
    assert {condition["observedGeneration"] for condition in shown["conditions"]} == {1}


@pytest.mark.parametrize("view", ["xds", "ir", "status"])
def test_two_translations_of_the_same_are_the_same_text(view: str) -> None:
    """Names hash otherwise in each process, and so do the maps of protobuf."""
    command = [sys.executable, "-m", "lychgate", "translate", "--to", view, str(QUICKSTART)]
    texts = {
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in "123"
    }
    assert len(texts) == 1


def test_settings_count_as_when_it_runs(tmp_path: Path) -> None:
    (file := tmp_path / "settings.yaml").write_text("privilegedPortShift: 20000\n")
    command = [sys.executable, "-m", "lychgate", "translate", "--config", str(file), "-o", "json", str(QUICKSTART)]
    environment = {**os.environ, "LYCHGATE_ESCAPED_SLASHES": "KeepUnchanged"}
    shown = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    (listener,) = json.loads(shown)["default/eg"]["listeners"]
    assert listener["address"]["socket_address"]["port_value"] == 20080
    assert b"KEEP_UNCHANGED" in shown


def test_standard_input_is_read_as_a_file_is() -> None:
    command = [sys.executable, "-m", "lychgate", "translate", "--to", "status", "-", str(QUICKSTART / "gateway.yaml")]
    texts = [*((QUICKSTART / name).read_text() for name in ("gateway-class.yaml", "route.yaml")), "kind: ["]
    done = subprocess.run(command, input="\n---\n".join(texts), capture_output=True, text=True, check=False)
    assert {"Gateway/default/eg", "HTTPRoute/default/backend"} <= yaml.safe_load(done.stdout).keys()
    assert done.returncode == 1
    assert "standard input:" in done.stderr


@pytest.mark.parametrize("view", ["ir", "status"])
def test_the_other_views_are_json_too(view: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert translating.main([QUICKSTART], [], view, "json") == 0
    assert json.loads(capsys.readouterr().out)


def test_a_backend_on_this_machine_takes_the_services_place(capsys: pytest.CaptureFixture[str]) -> None:
    translating.main([QUICKSTART], ["svc-backend=127.0.0.1:9999"], "ir", "json")
    endpoints = json.loads(capsys.readouterr().out)["default/eg"]["endpoints"]
    assert 9999 in {endpoint["port"] for of in endpoints for endpoint in of.get("endpoints", ())}


def test_a_rejected_object_is_named_and_fails_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.yaml").write_text("kind: Gateway\napiVersion: gateway.networking.k8s.io/v1\nmetadata: {name: x}\n")
    assert translating.main([tmp_path], [], "xds", "yaml") == 1
    assert "bad.yaml:1 (document 1): Gateway/default/x: the required field spec is missing" in capsys.readouterr().err


def test_the_strict_fail_for_bad_conditions_and_not_because_nothing_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert translating.main([QUICKSTART], [], "status", "yaml", strict=True) == 0
    capsys.readouterr()
    shutil.copytree(QUICKSTART, tmp_path, dirs_exist_ok=True)
    route = tmp_path / "route.yaml"
    route.write_text(route.read_text().replace("name: svc-backend\n", "name: svc-backend\n          namespace: shop\n"))
    assert translating.main([tmp_path], [], "status", "yaml") == 0
    assert capsys.readouterr().err == ""
    assert translating.main([tmp_path], [], "status", "yaml", strict=True) == 1
    assert capsys.readouterr().err.startswith(
        "bad: HTTPRoute/default/backend at gateway/eg: ResolvedRefs is False, RefNotPermitted: "
    )


def test_the_strict_fail_for_warnings_and_without_a_gateway(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(QUICKSTART, tmp_path, dirs_exist_ok=True)
    route = tmp_path / "route.yaml"
    route.write_text(route.read_text().replace("name: eg", "name: egg"))
    assert translating.main([tmp_path], [], "status", "yaml", strict=True) == 1
    assert "warning: HTTPRoute/default/backend: parentRefs[0] leads nowhere" in capsys.readouterr().err
    for file in tmp_path.iterdir():
        file.unlink()
    assert translating.main([tmp_path], [], "status", "yaml") == 0
    assert translating.main([tmp_path], [], "status", "yaml", strict=True) == 1
    assert capsys.readouterr().err == "bad: there is no Gateway that is ours: nothing would be served\n"


def test_objects_of_others_are_a_remark_and_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(QUICKSTART, tmp_path, dirs_exist_ok=True)
    kinds = {"app": ("apps/v1", "Deployment"), "a": ("v1", "ServiceAccount"), "b": ("v1", "ServiceAccount")}
    texts = (f"{{apiVersion: {api}, kind: {kind}, metadata: {{name: {name}}}}}" for name, (api, kind) in kinds.items())
    (tmp_path / "app.yaml").write_text("\n---\n".join(texts))
    assert translating.main([tmp_path], [], "status", "yaml", strict=True) == 0
    assert capsys.readouterr().err == f"note: {tmp_path}/app.yaml: not read: 1 Deployment, 2 ServiceAccount\n"


def test_objects_of_envoy_gateways_kinds_fail_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(QUICKSTART, tmp_path, dirs_exist_ok=True)
    (tmp_path / "p.yaml").write_text(
        "{apiVersion: gateway.envoyproxy.io/v1alpha1, kind: SecurityPolicy, metadata: {name: p}}"
    )
    assert translating.main([tmp_path], [], "status", "yaml") == 1
    assert "the routes that it protects are served without it" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", [("translate", str(QUICKSTART)), ("version",)])
def test_a_report_that_cannot_be_written_is_a_failure(command: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lychgate", *command], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    wanted = f"lychgate {command[0]}: standard output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, wanted)


def test_a_wrong_backend_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert translating.main([QUICKSTART], ["nonsense"], "xds", "yaml") == 2
    assert capsys.readouterr().err.startswith("lychgate translate: --backend 'nonsense' is not ")


@pytest.mark.parametrize("option", ["--to", "--output"])
def test_a_wrong_choice_is_explained(option: str) -> None:
    done = CliRunner().invoke(app, ["translate", option, "nonsense", str(QUICKSTART)])
    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.stderr.replace("' / '-o", "")
