"""What a folder says in vain, and that somebody hears of it."""

import asyncio
from pathlib import Path

import pytest

from flow.clock import SystemClock
from gateway_api.graph.build import build_graph
from gateway_api.graph.types import GraphSettings
from k8s_watch.files import FileSource, parse_override
from lychgate.cli import translating
from lychgate.remarks.oversights import oversights

CLASS = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: eg}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
"""
GATEWAY = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: eg}
spec: {gatewayClassName: eg, listeners: [{name: web, port: 80, protocol: HTTP}]}
"""
ROUTE = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: eg}], rules: [{backendRefs: [{name: web, port: 80}]}]}
"""
SERVICE = """
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{name: http, port: 80}]}
"""
SLICE = """
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1]}]
ports: [{name: http, port: 8080}]
"""
LISTENER_SET = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: s}
spec: {parentRef: {name: eg}, listeners: [{name: more, port: 81, protocol: HTTP}]}
"""
POLICY = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: p}
spec:
  targetRefs: [{group: "", kind: Service, name: web}]
  validation: {hostname: web.example.com, wellKnownCACertificates: System}
"""
WHOLE = CLASS + GATEWAY + ROUTE + SERVICE + SLICE + LISTENER_SET + POLICY


def found(folder: Path, text: str, *overrides: str) -> list[str]:
    (folder / "all.yaml").write_text(text)
    parsed = [parse_override(each) for each in overrides]
    source = FileSource([folder], clock=SystemClock(), overrides=parsed)
    asyncio.run(source.reload())
    cluster = source.snapshot()
    assert not cluster.rejected
    return [f"{one.object}: {one.reason}" for one in oversights(cluster, build_graph(cluster, GraphSettings()), parsed)]


def test_what_is_as_it_should_be_is_not_mentioned(tmp_path: Path) -> None:
    assert found(tmp_path, WHOLE) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "gatewayclass-controller",
            "gatewayclass-controler",
            "GatewayClass/eg: spec.controllerName gateway.envoyproxy.io/gatewayclass-controler is not ours: write"
            " gateway.envoyproxy.io/gatewayclass-controller for it to be served",
        ),
        (
            "gatewayClassName: eg",
            "gatewayClassName: egg",
            "Gateway/default/eg: is not served as it is written: GatewayClass egg is not there: did you mean eg?",
        ),
        (
            CLASS,
            "",
            "Gateway/default/eg: is not served as it is written: GatewayClass eg is not there, or was rejected: add"
            " one, with controllerName gateway.envoyproxy.io/gatewayclass-controller",
        ),
        (
            "spec: {parentRefs: [{name: eg}]",
            "spec: {parentRefs: [{name: egg}]",
            "HTTPRoute/default/r: parentRefs[0] leads nowhere: Gateway default/egg is not there:"
            " did you mean default/eg?",
        ),
        (
            "spec: {parentRefs: [{name: eg}]",
            "spec: {parentRefs: [{name: eg}, {name: eg, namespace: infra}]",
            "HTTPRoute/default/r: parentRefs[1] leads nowhere: Gateway infra/eg is not there: did you mean default/eg?",
        ),
        (
            "parentRefs: [{name: eg}], ",
            "",
            "HTTPRoute/default/r: is not served: it has no parentRefs, name the Gateway there",
        ),
        (
            "parentRefs: [{name: eg}], ",
            "parentRefs: [{name: eg}], useDefaultGateways: All, ",
            "HTTPRoute/default/r: useDefaultGateways is not supported: name the Gateways in parentRefs",
        ),
        (
            "spec: {parentRef: {name: eg}",
            "spec: {parentRef: {name: other}",
            "ListenerSet/default/s: is not served: its parentRef: Gateway default/other is not there, or was rejected",
        ),
        (
            "kind: Service, name: web}",
            "kind: Service, name: webb}",
            "BackendTLSPolicy/default/p: targetRefs[0] has no effect: Service default/webb is not there:"
            " did you mean default/web?",
        ),
    ],
)
def test_what_leads_nowhere_is_named_with_what_was_probably_meant(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    assert said in found(tmp_path, WHOLE.replace(old, new))


def test_a_policy_of_another_port_than_the_one_that_is_sent_to_is_named(tmp_path: Path) -> None:
    service = SERVICE.replace("port: 80}", "port: 80}, {name: https, port: 443}")
    policy = POLICY.replace("name: web}", "name: web, sectionName: https}")
    (said,) = found(tmp_path, CLASS + GATEWAY + ROUTE + service + SLICE + policy)
    assert said.endswith("targetRefs[0] has no effect: nothing that it can be about is sent to Service default/web")


@pytest.mark.parametrize("slices", ["", SLICE.replace("name: http", "name: https")])
def test_a_service_without_an_endpoint_is_named_with_the_remedy(slices: str, tmp_path: Path) -> None:
    (said,) = found(tmp_path, CLASS + GATEWAY + ROUTE + SERVICE + slices)
    assert said.startswith("Service/default/web: has no ready endpoint for port 80")
    assert "--backend web=HOST:PORT" in said
    assert said.endswith("kubernetes.io/service-name: web and a port named http")
    assert found(tmp_path, CLASS + GATEWAY + ROUTE + SERVICE + slices, "web=127.0.0.1:3000") == []


def test_a_service_that_nothing_is_sent_to_needs_no_endpoint(tmp_path: Path) -> None:
    assert found(tmp_path, CLASS + GATEWAY + SERVICE) == []
    unused = ROUTE.replace("port: 80}", "port: 80, weight: 0}")
    assert found(tmp_path, CLASS + GATEWAY + SERVICE + unused) == []


@pytest.mark.parametrize("services", ["", SERVICE + SLICE])
def test_an_override_of_a_service_that_nobody_knows_is_named_with_what_was_probably_meant(
    services: str, tmp_path: Path
) -> None:
    vain = "--backend has no effect: no route names this Service, and no file defines it with a port"
    text = CLASS + GATEWAY + ROUTE + services
    assert found(tmp_path, text, "wbe=127.0.0.1:3000", "web=127.0.0.1:3000", "far/web=127.0.0.1:3000", "q=[::1]:1") == [
        f"Service/default/q: {vain}",
        f"Service/default/wbe: {vain}: did you mean default/web?",
        f"Service/far/web: {vain}: did you mean default/web?",
    ]


def test_a_translation_warns_and_is_good_all_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "all.yaml").write_text(CLASS + GATEWAY + ROUTE.replace("[{name: eg}]", "[{name: egg}]"))
    assert translating.main([tmp_path], [], "xds", "yaml") == 0
    assert capsys.readouterr().err.startswith("warning: HTTPRoute/default/r: parentRefs[0] leads nowhere: ")
