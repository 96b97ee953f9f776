"""Profiles → one run of the official suite's binary in the lab.

The suite reads the features that we claim from the status of the GatewayClass: what we publish is what is tested.
Spec: GEP-2162
"""

import importlib.metadata
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.installation import GATEWAY_CLASS, Mode
from tests.lab.network import inside
from tests.lab.places import ADMIN_KUBECONFIG, CACHE, binary

PROFILES = {
    "GATEWAY-HTTP": "HTTPRoute",
    "GATEWAY-GRPC": "GRPCRoute",
    "GATEWAY-TLS": "TLSRoute",
    "GATEWAY-TCP": "TCPRoute",
    "GATEWAY-UDP": "UDPRoute",
}
"""Profile → the kind of route that it is about."""
USABLE_ADDRESS = "172.31.78.5"
"""In the range of the lab's load balancer, below the addresses that it hands out by itself."""
UNUSABLE_ADDRESS = "192.0.2.1"
"""Outside that range: the lab's load balancer never grants it."""


@dataclass(frozen=True, kw_only=True)
class Run:
    mode: Mode
    profiles: tuple[str, ...]
    report: Path
    """Where the suite writes its ConformanceReport."""
    log: Path
    only: str | None = None
    """The short name of the one test to run."""
    skip: tuple[str, ...] = ()


def run(wanted: Run) -> int:
    """Run the suite and return its exit code; its output goes to the log."""
    env = {**os.environ, "KUBECONFIG": str(ADMIN_KUBECONFIG), "PATH": f"{CACHE}{os.pathsep}{os.environ['PATH']}"}
    wanted.report.unlink(missing_ok=True)
    with wanted.log.open("w") as log:
        return subprocess.run(inside(*_command(wanted)), env=env, stdout=log, stderr=log, check=False).returncode


def _command(wanted: Run) -> list[str | Path]:
    version = importlib.metadata.version("lychgate")
    command: list[str | Path] = [
        binary("conformance.test"),
        "-test.run=TestConformance$",
        "-test.v",
        "-test.timeout=80m",
        f"--gateway-class={GATEWAY_CLASS}",
        f"--conformance-profiles={','.join(wanted.profiles)}",
        f"--report-output={wanted.report}",
        # "default" is the suite's own word for what an implementation is without further settings.
        f"--mode={'default' if wanted.mode is Mode.SYSTEM_NAMESPACE else wanted.mode.value}",
        f"--usable-address={USABLE_ADDRESS}",
        f"--unusable-address={UNUSABLE_ADDRESS}",
        "--organization=lychgate",
        "--project=lychgate",
        "--url=https://lychgate.invalid",
        f"--version=v{version}",
        "--contact=https://lychgate.invalid/contact",
    ]
    if wanted.only:
        command.append(f"--run-test={wanted.only}")
    if wanted.skip:
        command.append(f"--skip-tests={','.join(wanted.skip)}")
    return command
