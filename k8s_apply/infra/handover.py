"""What is others' to choose in our objects: how we let go of it, and it stays. Pure.

Server-side apply takes away what its manager alone owned and names no more: a Deployment without a number of proxies
gets 1, a load balancer without source ranges is open to all. Envoy Gateway's manager has the same name as ours, so what
it applied, and we never do, would go. So before a manifest goes over an object that has more of it, a second manager of
ours takes that as it is. It is used for nothing else: whoever changes the field then owns it, and nothing of ours
writes it again.

Spec: Kubernetes API concepts, "Server-Side Apply", transferring ownership
"""

from collections.abc import Iterator
from typing import Any

from k8s_apply.api import Json
from k8s_apply.infra.settings import FIELD_MANAGER

HANDOVER_MANAGER = "lychgate-handover"

type Path = tuple[str, ...]

_POD = "spec", "template", "spec"
_KEPT: dict[str, tuple[Path, ...]] = {
    "Deployment": (
        ("spec", "replicas"),
        (*_POD, "affinity"),
        (*_POD, "nodeSelector"),
        (*_POD, "priorityClassName"),
        (*_POD, "tolerations"),
        (*_POD, "topologySpreadConstraints"),
    ),
    "Service": (
        ("spec", "allocateLoadBalancerNodePorts"),
        ("spec", "loadBalancerClass"),
        ("spec", "loadBalancerSourceRanges"),
    ),
}


def handover(live: Json, manifest: Json) -> Json | None:
    """What `HANDOVER_MANAGER` must apply before the manifest is applied over `live`; None when there is no need.

    It names the version of `live`, so that whoever scales a Deployment at the same moment wins.
    """
    if (kept := _KEPT.get(manifest["kind"])) is None:
        return None
    # A Service of another type may not have what is a load balancer's.
    fits = kept if manifest["spec"].get("type", "LoadBalancer") == "LoadBalancer" else ()
    before = {*_owned(live, kept, HANDOVER_MANAGER)}
    ours = {path for path in _owned(live, fits, FIELD_MANAGER) if _at(manifest, path) is None}
    if not ours and before <= {*fits}:
        return None
    meta = {name: live["metadata"][name] for name in ("name", "namespace", "resourceVersion")}
    handed: Json = {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": meta}
    for path in ours | (before & {*fits}):  # what it has and names no more goes
        inner = handed
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = _at(live, path)
    return handed


def _owned(live: Json, kept: tuple[Path, ...], manager: str) -> Iterator[Path]:
    """Those that are there, and that an apply of this manager was the last to say."""
    applied = [
        entry.get("fieldsV1") or {}
        for entry in live["metadata"].get("managedFields") or ()
        if (entry.get("manager"), entry.get("operation")) == (manager, "Apply")
    ]
    for path in kept:
        spelled = tuple(f"f:{name}" for name in path)
        if _at(live, path) is not None and any(_at(fields, spelled) is not None for fields in applied):
            yield path


def _at(item: Any, path: Path) -> Any:
    for name in path:
        item = item.get(name) if isinstance(item, dict) else None
    return item
