"""Worlds to measure in: N routes, each with an exact hostname, its own Service and one endpoint."""

import json
from pathlib import Path

GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: eg}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: eg}
spec:
  gatewayClassName: eg
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""


def route(index: int, *, prefix: str = "/") -> dict[str, object]:
    """The HTTPRoute number `index`."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": f"route-{index}", "namespace": "default"},
        "spec": {
            "parentRefs": [{"name": "eg"}],
            "hostnames": [f"{index}.example.com"],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": prefix}}],
                    "backendRefs": [{"name": f"backend-{index}", "port": 3000}],
                }
            ],
        },
    }


def backend(index: int, port: int) -> list[dict[str, object]]:
    """Service number `index`, and its one endpoint on this machine."""
    name = f"backend-{index}"
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"ports": [{"name": "http", "port": 3000}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": name, "namespace": "default", "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
            "ports": [{"name": "http", "port": port}],
        },
    ]


def write_world(folder: Path, routes: int, port: int) -> None:
    """Fill `folder`: the Gateway, and for each route one file that a user would edit."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gateway.yaml").write_text(GATEWAY)
    for index in range(routes):
        write_route(folder, index, port)


def write_route(folder: Path, index: int, port: int, *, prefix: str = "/") -> None:
    """Write route number `index` with its backend, in one step as editors do."""
    documents = [route(index, prefix=prefix), *backend(index, port)]
    draft = folder / f".route-{index}.draft"
    draft.write_text("---\n".join(json.dumps(d) + "\n" for d in documents))
    draft.replace(folder / f"route-{index}.yaml")
