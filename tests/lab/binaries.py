"""Versions → Kubernetes, etcd, CoreDNS and the official conformance suite as binaries in the cache.

Everything comes from the Go module proxy and is built here. Each group leaves a stamp beside its binaries that holds
its recipe; a group is built again only when its recipe differs from its stamp.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.lab.places import CACHE

KUBERNETES = "v1.36.3"
ETCD = "v3.6.8"
COREDNS = "v1.14.6"
GATEWAY_API = "v1.6.3"
GO = "1.26.0"
"""The language version of our throw-away modules; the newest that the modules above ask for."""

KUBE_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")

GATEWAY_API_CRDS = CACHE / "gateway-api-crds"
"""The CRDs of both channels, copied from the Go module that the suite was built of."""

SUITE_IMAGES = CACHE / "suite-images.json"
"""The image references that the suite's manifests name: a list of strings."""

PAUSE_SOURCE = """package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
}
"""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Binaries built of one throw-away Go module."""

    name: str
    requires: Mapping[str, str]
    """Go module → version."""
    programs: Mapping[str, str]
    """Binary in the cache → Go package of its main function."""
    replaces: Mapping[str, str] = field(default_factory=dict)

    def go_mod(self) -> str:
        required = "".join(f"\t{module} {version}\n" for module, version in self.requires.items())
        replaced = "".join(f"\t{module} => {module} {version}\n" for module, version in self.replaces.items())
        return f"module lab/{self.name}\n\ngo {GO}\n\nrequire (\n{required})\n" + (
            f"replace (\n{replaced})\n" if replaced else ""
        )

    def tools_go(self) -> str:
        """A source file that keeps `go mod tidy` from dropping the modules that we build."""
        imports = "".join(f'\t_ "{package}"\n' for package in self.programs.values())
        return f"//go:build tools\n\npackage tools\n\nimport (\n{imports})\n"


ETCD_GROUP = Group(
    name="etcd",
    requires={"go.etcd.io/etcd/server/v3": ETCD},
    programs={"etcd": "go.etcd.io/etcd/server/v3"},
)
COREDNS_GROUP = Group(
    name="coredns",
    requires={"github.com/coredns/coredns": COREDNS},
    programs={"coredns": "github.com/coredns/coredns"},
)
SUITE = Group(
    name="conformance",
    requires={"sigs.k8s.io/gateway-api": GATEWAY_API, "sigs.k8s.io/gateway-api/conformance": GATEWAY_API},
    programs={
        "conformance.test": "sigs.k8s.io/gateway-api/conformance",
        "echo-basic": "sigs.k8s.io/gateway-api/conformance/echo-basic",
    },
)


def build() -> None:
    """Build every binary whose version changed. The first time takes about ten minutes on two cores."""
    CACHE.mkdir(parents=True, exist_ok=True)
    if _is_stale("kubernetes", KUBERNETES, KUBE_PROGRAMS):
        _build_group(_kubernetes_group())
        _stamp("kubernetes", KUBERNETES)
    for group in (ETCD_GROUP, COREDNS_GROUP):
        if _is_stale(group.name, group.go_mod(), group.programs):
            _build_group(group)
            _stamp(group.name, group.go_mod())
    if _is_stale(SUITE.name, SUITE.go_mod(), (*SUITE.programs, GATEWAY_API_CRDS.name, SUITE_IMAGES.name)):
        _build_suite()
        _stamp(SUITE.name, SUITE.go_mod())
    if _is_stale("pause", PAUSE_SOURCE, ["pause"]):
        _build_pause()
        _stamp("pause", PAUSE_SOURCE)


def _kubernetes_group() -> Group:
    """Name the module of Kubernetes with its staging modules.

    k8s.io/kubernetes asks for them at v0.0.0, which exists in its own repository only: each is replaced by the version
    that was released with it.
    """
    with TemporaryDirectory() as folder:
        (Path(folder) / "go.mod").write_text(f"module lab/probe\n\ngo {GO}\n")
        answer = _go(Path(folder), "mod", "download", "-json", f"k8s.io/kubernetes@{KUBERNETES}")
        own_go_mod = Path(json.loads(answer)["GoMod"]).read_text()
    staging = sorted(set(re.findall(r"^\s*(k8s\.io/[\w-]+) v0\.0\.0$", own_go_mod, re.MULTILINE)))
    released = "v0." + KUBERNETES.removeprefix("v1.")
    return Group(
        name="kube",
        requires={"k8s.io/kubernetes": KUBERNETES},
        programs={program: f"k8s.io/kubernetes/cmd/{program}" for program in KUBE_PROGRAMS},
        replaces=dict.fromkeys(staging, released),
    )


def _build_group(group: Group) -> None:
    source = _write_module(group)
    for program, package in group.programs.items():
        _go(source, "build", "-ldflags", "-s -w", "-o", str(CACHE / program), package)


def _build_suite() -> None:
    """Build the suite and the backend that it deploys, and keep what its module says: the CRDs and the image names."""
    source = _write_module(SUITE)
    packages = SUITE.programs
    _go(source, "test", "-c", "-o", str(CACHE / "conformance.test"), packages["conformance.test"])
    _go(source, "build", "-ldflags", "-s -w", "-o", str(CACHE / "echo-basic"), packages["echo-basic"])
    crds = _module_folder(source, "sigs.k8s.io/gateway-api") / "config" / "crd"
    shutil.rmtree(GATEWAY_API_CRDS, ignore_errors=True)
    for channel in ("standard", "experimental"):
        (GATEWAY_API_CRDS / channel).mkdir(parents=True)
        for crd in sorted((crds / channel).glob("gateway.networking*.yaml")):
            shutil.copyfile(crd, GATEWAY_API_CRDS / channel / crd.name)
    manifests = _module_folder(source, "sigs.k8s.io/gateway-api/conformance")
    SUITE_IMAGES.write_text(json.dumps(sorted(set(_image_references(manifests))), indent=1))


def _image_references(folder: Path) -> Iterator[str]:
    for manifest in folder.rglob("*.yaml"):
        yield from re.findall(r"^\s*(?:- )?image:\s*(\S+)$", manifest.read_text(), re.MULTILINE)


def _build_pause() -> None:
    """Build the program of the sandbox containers: it waits to be ended."""
    source = CACHE / "src" / "pause"
    source.mkdir(parents=True, exist_ok=True)
    (source / "go.mod").write_text(f"module lab/pause\n\ngo {GO}\n")
    (source / "main.go").write_text(PAUSE_SOURCE)
    _go(source, "build", "-ldflags", "-s -w", "-o", str(CACHE / "pause"), ".")


def _write_module(group: Group) -> Path:
    source = CACHE / "src" / group.name
    source.mkdir(parents=True, exist_ok=True)
    (source / "go.mod").write_text(group.go_mod())
    (source / "tools.go").write_text(group.tools_go())
    _go(source, "mod", "tidy")
    return source


def _module_folder(source: Path, module: str) -> Path:
    return Path(_go(source, "list", "-m", "-f", "{{.Dir}}", module).strip())


def _go(folder: Path, *arguments: str) -> str:
    """Run the Go tool in `folder`; its progress goes to the terminal, its answer is returned."""
    env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}
    return subprocess.run(["go", *arguments], cwd=folder, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout


def _is_stale(name: str, recipe: str, files: Iterable[str]) -> bool:
    stamp = CACHE / f"{name}.stamp"
    return not stamp.exists() or stamp.read_text() != recipe or not all((CACHE / file).exists() for file in files)


def _stamp(name: str, recipe: str) -> None:
    (CACHE / f"{name}.stamp").write_text(recipe)
