"""The pod's command line, bootstrap and certificate, judged by the real Envoy."""

import json
import subprocess
from pathlib import Path

import pytest

from gateway_api.ir.pod import BOOTSTRAP_FILE
from k8s_apply.certificates import client_files, make_authority
from k8s_apply.infra.pod import ZONE, pod_template
from k8s_apply.infra.settings import InfraSettings
from tests.flow.virtual_clock import VirtualClock
from tests.k8s_apply.gateways import EG, infra, objects
from xds_server.bootstrap import pod


@pytest.mark.envoy
def test_envoy_accepts_the_command_line_with_its_files(envoy_binary: Path, tmp_path: Path) -> None:
    settings = InfraSettings(bootstrap_dir=str(tmp_path), certs_dir=str(tmp_path / "certs"))
    texts = pod.pod_bootstrap(
        gateway=EG,
        xds_host="envoy-gateway.envoy-gateway-system.svc.cluster.local",
        bootstrap_dir=settings.bootstrap_dir,
        certs_dir=settings.certs_dir,
        drain=pod.Drain(settings.drain_seconds, "secret"),
        zone=ZONE,
    )
    now = VirtualClock().now()
    (tmp_path / "certs").mkdir()
    for name, content in client_files(make_authority(now), EG, {}, now).items():
        (tmp_path / "certs" / name).write_bytes(content)
    files = objects(infra(), settings, bootstrap=texts)["ConfigMap"]["data"]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (envoy,) = pod_template(infra(), settings, bootstrap=texts, drain_secret="secret")["spec"]["containers"]
    env = {f"$({variable['name']})": f"of-{variable['name'].lower()}" for variable in envoy["env"]}
    args = [_expanded(arg, env) for arg in envoy["args"]]
    assert json.loads(args[args.index("--config-yaml") + 1]) == json.loads(_expanded(texts[BOOTSTRAP_FILE], env))
    assert ZONE in env
    done = subprocess.run(
        [envoy_binary, *args, "--mode", "validate"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr or done.stdout


def _expanded(text: str, env: dict[str, str]) -> str:
    """As the kubelet does it."""
    for variable, value in env.items():
        text = text.replace(variable, value)
    return text.replace("$$", "$")
