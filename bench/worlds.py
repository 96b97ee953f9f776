"""Worlds to measure in: N routes, each with an exact hostname, its own Service and one endpoint."""

GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: eg}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: eg, namespace: default}
spec:
  gatewayClassName: eg
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""


def route(index: int, *, prefix: str = "/", to_backend: bool = False) -> dict[str, object]:
    """The HTTPRoute number `index`, to its Service, or to its Backend of Envoy Gateway's own kind."""
    kind = {"group": "gateway.envoyproxy.io", "kind": "Backend"} if to_backend else {}
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
                    "backendRefs": [{**kind, "name": f"backend-{index}", "port": 3000}],
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


def backend_resource(index: int, port: int) -> dict[str, object]:
    """The same as one Backend, the kind that Envoy Gateway reads from files."""
    return {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "Backend",
        "metadata": {"name": f"backend-{index}", "namespace": "default"},
        "spec": {"endpoints": [{"ip": {"address": "127.0.0.1", "port": port}}]},
    }
