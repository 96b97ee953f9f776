"""Numbers → the Kubernetes objects that the figures are measured with.

The probe's shape is that of the independent gateway-api-bench: a hostname of its own, one rule to a real backend, one
to a backend that does not exist, header filters in both. The ramp's shape gives each route a Service and a slice.
"""

import json
from typing import Any

from tests.lab.binaries import SUITE_IMAGES

type Json = dict[str, Any]

NAMESPACE = "bench"
GATEWAY = "gateway"
ECHO_PORT = 3000
BACKENDS = 10_000
"""Services, each with its slice, at most: the routes beyond share them. With one each, the lab's API server and its
controllers were still busy with the objects of 40,000 routes a quarter of an hour later."""
LABELS = {"bench": "world"}
"""On everything that one measurement made and takes away again."""


def gateway(gateway_class: str, *listeners: Json) -> Json:
    """The Gateway under test; plain HTTP on port 80 unless told otherwise."""
    http = {"name": "http", "port": 80, "protocol": "HTTP"}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": GATEWAY, "namespace": NAMESPACE},
        "spec": {"gatewayClassName": gateway_class, "listeners": list(listeners) or [http]},
    }


def route(name: str, hostnames: list[str], *rules: Json) -> Json:
    """An HTTPRoute of the Gateway under test."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": LABELS},
        "spec": {"parentRefs": [{"name": GATEWAY}], "hostnames": hostnames, "rules": list(rules)},
    }


def rule(backend: str, *, prefix: str = "/", port: int = 80, filters: list[Json] | None = None) -> Json:
    """One rule: a path prefix to one backend."""
    return {
        "matches": [{"path": {"type": "PathPrefix", "value": prefix}}],
        "filters": filters or [],
        "backendRefs": [{"name": backend, "port": port}],
    }


def header(kind: str, name: str, value: str = "bench") -> Json:
    """A filter that sets one header, `kind` is RequestHeaderModifier or ResponseHeaderModifier."""
    return {"type": kind, kind[0].lower() + kind[1:]: {"set": [{"name": name, "value": value}]}}


def host(index: int) -> str:
    """The hostname of route number `index`."""
    return f"route-{index}.example.com"


def probe_route(index: int) -> Json:
    """A route in the shape that gateway-api-bench probes with."""
    filters = [header("RequestHeaderModifier", "x-probe"), header("ResponseHeaderModifier", "x-probe")]
    return route(
        f"probe-{index}",
        [f"probe-{index}.example.com"],
        rule("backend", prefix=f"/{index}", filters=filters),
        rule("invalid-backend", filters=filters),
    )


def plain_route(index: int, turn: int = 0) -> Json:
    """Route number `index` of a world; another `turn` is an edit of it."""
    filters = [header("RequestHeaderModifier", "x-turn", str(turn))]
    return route(f"route-{index}", [host(index)], rule(f"backend-{index % BACKENDS}", filters=filters))


def service(index: int) -> Json:
    """The headless Service of route number `index`: without an address, so that kube-proxy has nothing to do."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"backend-{index}", "namespace": NAMESPACE, "labels": LABELS},
        "spec": {"clusterIP": "None", "ports": [{"name": "http", "port": 80, "targetPort": ECHO_PORT}]},
    }


def endpoint_slice(index: int, addresses: list[str]) -> Json:
    """The slice of Service number `index`: several Services share the pods that really run."""
    endpoints = [{"addresses": [address], "conditions": {"ready": True}} for address in addresses]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"backend-{index}",
            "namespace": NAMESPACE,
            "labels": {**LABELS, "kubernetes.io/service-name": f"backend-{index}"},
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": ECHO_PORT, "protocol": "TCP"}],
    }


def backend(name: str, replicas: int = 2) -> list[Json]:
    """A Deployment of the conformance suite's echo server, and its Service with two ports for the same thing.

    A pod that has to go serves on for three seconds: the time in which the proxies hear of it.
    """
    image = next(image for image in json.loads(SUITE_IMAGES.read_text()) if "echo-basic" in image)
    selector = {"app": name}
    container = {
        "name": "echo",
        "image": image,
        "env": [
            {"name": variable, "valueFrom": {"fieldRef": {"fieldPath": f"metadata.{field}"}}}
            for variable, field in (("POD_NAME", "name"), ("NAMESPACE", "namespace"))
        ],
        "readinessProbe": {"tcpSocket": {"port": ECHO_PORT}, "periodSeconds": 1},
        "lifecycle": {"preStop": {"sleep": {"seconds": 3}}},
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "selector": selector,
                "ports": [
                    {"name": "http", "port": 80, "targetPort": ECHO_PORT},
                    {"name": "other", "port": 8080, "targetPort": ECHO_PORT},
                ],
            },
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": selector},
                "template": {
                    "metadata": {"labels": selector},
                    "spec": {"containers": [container], "terminationGracePeriodSeconds": 10},
                },
            },
        },
    ]
