"""One bad object costs no other anything, and nothing that decodes makes the graph raise."""

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args, get_origin

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway_api.graph.build import build_graph
from gateway_api.graph.types import Graph, GraphSettings
from gateway_api.ir.fleet import FleetReport
from gateway_api.ir.infra import InfraReport
from gateway_api.status.build import build_statuses
from gateway_api.status.types import Body, StatusKey
from k8s_watch import kinds
from k8s_watch.keys import ObjectKey
from k8s_watch.snapshot import FIELDS, ClusterSnapshot

WORLD = """
kind: GatewayClass
metadata: {name: c1}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
---
kind: GatewayClass
metadata: {name: c2}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
---
kind: Gateway
metadata: {name: g1}
spec:
  gatewayClassName: c1
  tls: {frontend: {default: {validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}}}}
  listeners:
  - {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
  - {name: tcp, port: 90, protocol: TCP}
  - {name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}
---
kind: Gateway
metadata: {name: g2}
spec: {gatewayClassName: c2, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
kind: HTTPRoute
metadata: {name: r1}
spec: {parentRefs: [{name: g1}], rules: [{backendRefs: [{name: s1, port: 80}]}]}
---
kind: HTTPRoute
metadata: {name: r2}
spec: {parentRefs: [{name: g2}], rules: [{backendRefs: [{name: s2, port: 80}]}]}
---
kind: HTTPRoute
metadata: {name: r3, namespace: other}
spec:
  parentRefs: [{name: g1, namespace: default}]
  rules: [{backendRefs: [{name: s1, namespace: default, port: 80}]}]
---
kind: TCPRoute
metadata: {name: t1}
spec: {parentRefs: [{name: g1}], rules: [{backendRefs: [{name: s1, port: 80}]}]}
---
kind: ReferenceGrant
metadata: {name: grant}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: other}]
  to: [{group: "", kind: Service}]
---
kind: Namespace
metadata: {name: other}
---
kind: Secret
metadata: {name: cert}
---
kind: ConfigMap
metadata: {name: ca}
---
kind: Service
metadata: {name: s1}
spec: {ports: [{port: 80}]}
---
kind: Service
metadata: {name: s2}
spec: {ports: [{port: 80}]}
"""

DEPENDENTS = {
    "GatewayClass/c1": {"GatewayClass/c1", "Gateway/g1", "HTTPRoute/r1", "HTTPRoute/r3", "TCPRoute/t1"},
    "Gateway/g1": {"Gateway/g1", "HTTPRoute/r1", "HTTPRoute/r3", "TCPRoute/t1"},
    "Gateway/g2": {"Gateway/g2", "HTTPRoute/r2"},
    "HTTPRoute/r1": {"HTTPRoute/r1", "Gateway/g1", "Gateway/g2"},
    "HTTPRoute/r2": {"HTTPRoute/r2", "Gateway/g1", "Gateway/g2"},
    "TCPRoute/t1": {"TCPRoute/t1", "Gateway/g1", "Gateway/g2"},
    "ReferenceGrant/grant": {"HTTPRoute/r3"},
    "Namespace/other": {"HTTPRoute/r3", "Gateway/g1"},
    "Secret/cert": {"Gateway/g1"},
    "ConfigMap/ca": {"Gateway/g1"},
    "Service/s1": {"HTTPRoute/r1", "HTTPRoute/r3", "TCPRoute/t1"},
    "Service/s2": {"HTTPRoute/r2"},
}
"""What a change of the object may change. A route names its Gateways, hence may come to any of them."""

KINDS = {kind.name: kind for kind in kinds.ALL}

type Statuses = Mapping[StatusKey, Body]


def statuses_of(graph: Graph) -> Statuses:
    return build_statuses(graph, FleetReport(), InfraReport())


WORDS = [
    *"abc",
    "",
    "*",
    "/",
    "g1",
    "g2",
    "s1",
    "c2",
    "http",
    "HTTP",
    "HTTPS",
    "TCP",
    "All",
    "Selector",
    "\0",
    "ü\n",
    "((",
]
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.one_of(st.sampled_from(WORDS), st.text(max_size=8)),
    int: st.one_of(st.integers(-2, 100), st.integers()),
    bool: st.booleans(),
    type(None): st.none(),
    object: st.none(),
}


@cache
def anything(of: Any) -> st.SearchStrategy[Any]:
    """Any value that decodes as the type: right in its types, wrong in everything else."""
    if of in SCALARS:
        return SCALARS[of]
    inner = get_args(of)
    if get_origin(of) is tuple:
        return st.lists(st.deferred(lambda: anything(inner[0])), max_size=3).map(tuple)
    if get_origin(of) is dict:
        return st.dictionaries(anything(inner[0]), anything(inner[1]), max_size=2)
    if inner:
        return st.one_of([anything(one) for one in inner])
    fields = {field.name: anything(field.type) for field in msgspec.structs.fields(of)}
    return st.fixed_dictionaries(fields).map(lambda values: of(**values))


def near(value: Any, of: Any) -> st.SearchStrategy[Any]:
    """The value with some of its parts replaced by anything of their type."""
    if isinstance(value, msgspec.Struct):
        parts = {field.name: near(getattr(value, field.name), field.type) for field in msgspec.structs.fields(value)}
        return st.fixed_dictionaries(parts).map(lambda values: type(value)(**values))
    if isinstance(value, tuple) and value:
        return st.one_of(st.tuples(*(near(one, get_args(of)[0]) for one in value)), anything(of))
    return st.one_of(st.just(value), st.just(value), anything(of))


@st.composite
def replacement(draw: st.DrawFn, world: ClusterSnapshot) -> tuple[str, ObjectKey, Any]:
    """One object of the world, by kind and key, and what comes in its place."""
    kind, name = draw(st.sampled_from(sorted(DEPENDENTS))).split("/")
    objects = getattr(world, FIELDS[kind])
    key = next(key for key in objects if key.name == name)
    bad = draw(near(objects[key], KINDS[kind].type))
    meta = msgspec.structs.replace(bad.metadata, name=key.name, namespace=key.namespace)
    return kind, key, msgspec.structs.replace(bad, metadata=meta)


@pytest.fixture(scope="module")
def world() -> ClusterSnapshot:
    objects: dict[str, dict[ObjectKey, Any]] = {field: {} for field in FIELDS.values()}
    for document in yaml.safe_load_all(WORLD):
        kind = KINDS[document["kind"]]
        if kind.namespaced:
            document["metadata"].setdefault("namespace", "default")
        decoded = msgspec.convert(document, kind.type)
        objects[FIELDS[kind.name]][decoded.key] = decoded
    return ClusterSnapshot(revision=1, **objects)  # type: ignore[arg-type]


def replaced(world: ClusterSnapshot, kind: str, key: ObjectKey, bad: Any) -> ClusterSnapshot:
    field = FIELDS[kind]
    return msgspec.structs.replace(world, **{field: {**getattr(world, field), key: bad}})


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_garbage_in_place_of_an_object_changes_only_what_depends_on_it(
    world: ClusterSnapshot, data: st.DataObject
) -> None:
    kind, key, bad = data.draw(replacement(world))
    before = statuses_of(build_graph(world, GraphSettings()))
    after = statuses_of(build_graph(replaced(world, kind, key, bad), GraphSettings()))
    changed = {f"{of.kind}/{of.key.name}" for of in {*before, *after} if before.get(of) != after.get(of)}
    assert changed <= DEPENDENTS[f"{kind}/{key.name}"]


def test_an_object_of_garbage_is_isolated_too(world: ClusterSnapshot) -> None:
    """The same law with the worst of each field, spelled out so that it is tried every time."""
    evil = yaml.safe_load("""
    parentRefs: [{name: g1}, {name: g1, sectionName: "\\0", port: -1}]
    hostnames: ["", "*", "ü"]
    rules:
    - matches: [{path: {type: RegularExpression, value: "(((((("}}, {path: {value: "\\0"}}]
      filters: [{type: ""}, {type: RequestRedirect}]
      backendRefs: [{name: "", weight: -9, port: 99999999999}]
      timeouts: {request: "", backendRequest: "ü"}
    """)
    bad = msgspec.convert({"metadata": {"name": "r1", "namespace": "default"}, "spec": evil}, KINDS["HTTPRoute"].type)
    key = ObjectKey("default", "r1")
    after = statuses_of(build_graph(replaced(world, "HTTPRoute", key, bad), GraphSettings()))
    assert (
        after[StatusKey(kind="HTTPRoute", key=ObjectKey("other", "r3"))]
        == statuses_of(build_graph(world, GraphSettings()))[StatusKey(kind="HTTPRoute", key=ObjectKey("other", "r3"))]
    )
