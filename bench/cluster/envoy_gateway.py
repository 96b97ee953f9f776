"""The Go module of Envoy Gateway → its binary as an image of the lab, its chart as a manifest.

The version is the one that we compare with. `helm` comes from the same Go proxy. Everything that is built stays in a
cache: LYCHGATE_BENCH_BIN, ~/.cache/lychgate/bench when that is not set.
"""

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.lab.images import Image, base_layer, write
from tests.lab.layers import digest_of, layer, put_program

VERSION = "v1.9.1"
HELM = "v3.21.4"
MODULE = "github.com/envoyproxy/gateway"
CACHE = Path(os.environ.get("LYCHGATE_BENCH_BIN") or Path.home() / ".cache" / "lychgate" / "bench")
IMAGE = f"localhost/envoy-gateway:{VERSION}"
PROGRAMS = {
    "envoy-gateway": f"{MODULE}/cmd/envoy-gateway",
    "egctl": f"{MODULE}/cmd/egctl",
    "helm": "helm.sh/helm/v3/cmd/helm",
}
"""Binary in the cache → Go package of its main function."""

VALUES = """\
crds: {{enabled: false}}
topologyInjector: {{enabled: false}}
deployment:
  envoyGateway:
    resources: {{limits: {{memory: null}}}}  # what it needs is measured, not cut off
global:
  images:
    envoyGateway: {{image: "{image}", pullPolicy: IfNotPresent}}
    envoyProxy: {{image: "{envoy}", pullPolicy: IfNotPresent}}
"""


def binary(name: str) -> Path:
    """Path of one of `PROGRAMS`, built when the cache lacks it: four minutes the first time on two cores."""
    path = CACHE / name
    if not path.exists():
        print(f"building {name} of {MODULE} {VERSION}", flush=True)
        _go("build", "-ldflags", "-s -w", "-o", str(path), PROGRAMS[name])
    return path


def prepare() -> None:
    """Have at hand all that needs the Go proxy, which cannot be reached from the lab's network."""
    for name in PROGRAMS:
        binary(name)
    _charts()


def image() -> Path:
    """The archive of an image with the control plane's binary in it."""
    program = binary("envoy-gateway")

    def fill(root: Path) -> None:
        put_program(root, program, "/usr/local/bin/envoy-gateway")

    layers = (base_layer(), layer("envoy-gateway", digest_of(program), fill))
    return write(Image(reference=IMAGE, layers=layers, entrypoint=("/usr/local/bin/envoy-gateway",)))


def crds() -> list[Path]:
    """The files of Envoy Gateway's own CRDs; those of the Gateway API come from the lab."""
    return sorted((_charts() / "gateway-helm/charts/crds/crds/generated").glob("*.yaml"))


def manifest(namespace: str, envoy_image: str) -> str:
    """What `helm template` makes of the module's own chart with its own defaults, our images put in."""
    command = ["template", "eg", *chart(envoy_image), "--namespace", namespace]
    return subprocess.run([binary("helm"), *command], check=True, stdout=subprocess.PIPE, text=True).stdout


def chart(envoy_image: str) -> list[str]:
    """The words that name the module's own chart, our images put in, to `helm template` and `helm install`."""
    folder = CACHE / "chart"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(_charts() / "gateway-helm", folder, copy_function=shutil.copyfile)
    template = (folder / "values.tmpl.yaml").read_text()
    values = template.replace("${GatewayImage}", IMAGE).replace("${GatewayImagePullPolicy}", "IfNotPresent")
    (folder / "values.yaml").write_text(values)
    (CACHE / "values.yaml").write_text(VALUES.format(image=IMAGE, envoy=envoy_image))
    return [str(folder), "--values", str(CACHE / "values.yaml")]


def _charts() -> Path:
    answer = json.loads(_go("mod", "download", "-json", f"{MODULE}@{VERSION}"))
    return Path(answer["Dir"]) / "charts"


def _go(*arguments: str) -> str:
    env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}
    command = ["go", *arguments]
    return subprocess.run(command, cwd=_source(), env=env, check=True, stdout=subprocess.PIPE, text=True).stdout


@cache
def _source() -> Path:
    """A throw-away Go module that asks for what we build."""
    source = CACHE / "src" / "eg"
    imports = "".join(f'\t_ "{package}"\n' for package in PROGRAMS.values())
    tools = f"//go:build tools\n\npackage tools\n\nimport (\n{imports})\n"
    required = f"require (\n\t{MODULE} {VERSION}\n\thelm.sh/helm/v3 {HELM}\n)\n"
    stamp = source / "recipe"
    if not stamp.exists() or stamp.read_text() != tools + required:
        source.mkdir(parents=True, exist_ok=True)
        (source / "go.mod").write_text(f"module bench/eg\n\ngo 1.26\n\n{required}")
        (source / "tools.go").write_text(tools)
        subprocess.run(["go", "mod", "tidy"], cwd=source, check=True)
        stamp.write_text(tools + required)
    return source
