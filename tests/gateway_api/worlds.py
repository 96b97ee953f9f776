"""Small worlds whose names collide, and the changes that happen to them: material for property tests.

An edit is (kind, key, the object or None to delete it); a burst is several edits that one snapshot brings at once.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import strategies as st

from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import EXPERIMENTAL_GROUP, Gateway
from k8s_watch.objects.meta import Object
from k8s_watch.snapshot import FIELDS, ClusterSnapshot, objects_of
from tests.gateway_api import policy_worlds
from tests.gateway_api.conftest import KINDS, certificate, secret_data

OURS = "gateway.envoyproxy.io/gatewayclass-controller"
GROUP = "gateway.networking.k8s.io"
CERTIFICATE = secret_data(ec.generate_private_key(ec.SECP256R1()))
AUTHORITIES = [{"ca.crt": certificate(ec.generate_private_key(ec.SECP256R1())).decode()} for _ in range(2)]

type Edit = tuple[str, ObjectKey, Object | None]

NAMESPACES = ("a", "b")
NAMES: Mapping[str, tuple[str, ...]] = {
    "GatewayClass": ("ours", "other"),
    "Gateway": ("g", "h"),
    "ListenerSet": ("l", "m"),
    "HTTPRoute": ("r", "s", "t"),
    "GRPCRoute": ("r", "s"),
    "TCPRoute": ("r", "s"),
    "TLSRoute": ("r", "s"),
    "UDPRoute": ("r", "s"),
    "BackendTLSPolicy": ("p", "q"),
    "XBackendTrafficPolicy": ("p", "q"),
    "XBackend": ("web", "api"),
    "ReferenceGrant": ("x", "y"),
    "Namespace": NAMESPACES,
    "Service": ("web", "api"),
    "Secret": ("cert", "key"),
    "ConfigMap": ("ca", "key"),
}
ROUTES = tuple(kind for kind in NAMES if kind.endswith("Route"))
CLUSTER_SCOPED = ("GatewayClass", "Namespace")
KEYS: Mapping[str, list[ObjectKey]] = {
    kind: [ObjectKey(ns, name) for ns, name in product(("",) if kind in CLUSTER_SCOPED else NAMESPACES, names)]
    for kind, names in NAMES.items()
}


def _bodies() -> Mapping[str, st.SearchStrategy[dict[str, Any]]]:
    """By kind, its objects without their metadata."""
    pick = st.sampled_from
    elsewhere = pick([{}, {}, {"namespace": "a"}, {"namespace": "b"}])
    conditions = pick([[], [{"type": "Accepted", "status": "True"}]])
    entries = pick([[], [OURS], ["example.com/theirs"]]).map(
        lambda names: [{"parentRef": {"name": "g"}, "controllerName": name} for name in names]
    )
    some_set = {"kind": "ListenerSet", "name": "l"}
    some = [{"name": "g"}, {"name": "g"}, {"name": "h"}, {"name": "g", "sectionName": "one"}]
    sets = [some_set, some_set | {"name": "m"}, some_set | {"sectionName": "one"}]
    parents = _lists(_merged(pick(some + sets), elsewhere), 2)
    reference = _merged(
        pick([{"name": "web"}, {"name": "api"}]),
        pick([{}, {}, {}, {"group": EXPERIMENTAL_GROUP, "kind": "XBackend"}]),
        elsewhere,
        pick([{"port": 80}, {"port": 80}, {"port": 81}, {}]),
    )
    backends = _lists(reference, 2)
    mirror = st.builds(lambda ref: [{"type": "RequestMirror", "requestMirror": {"backendRef": ref}}], reference)
    http_backends = _lists(_merged(reference, st.fixed_dictionaries({}, optional={"filters": mirror})), 2)
    asked = pick(
        [
            {"protocol": "HTTP", "http": {}, "backendRef": {"name": "api", "namespace": "b", "port": 80}},
            {"protocol": "GRPC", "grpc": {}, "backendRef": {"name": "web", "port": 80}},
            {"protocol": "GRPC", "backendRef": {"name": "web", "port": 81}},
        ]
    )
    filters = st.one_of(
        mirror,
        pick([[], [], [{"type": "URLRewrite"}]]),
        asked.map(lambda auth: [{"type": "ExternalAuth", "externalAuth": auth}]),
    )
    rule = st.fixed_dictionaries(
        {
            "backendRefs": http_backends,
            "matches": pick([[], [{}], [{"path": {"value": "/x"}}], [{"path": {"value": "x"}}]]),
        },
        optional={
            "filters": filters,
            "retry": pick([{}, {"codes": [500], "attempts": 3}, {"attempts": 0}]),
            "sessionPersistence": pick([{}, {"sessionName": "s"}, {"type": "Header"}]),
        },
    )
    methods = [
        {},
        {"method": {"service": "s", "method": "m"}},
        {"method": {"type": "RegularExpression", "service": "("}},
    ]
    grpc_rule = st.fixed_dictionaries(
        {"backendRefs": backends, "matches": _lists(pick(methods), 2)},
        optional={"sessionPersistence": pick([{}, {"type": "Header"}])},
    )
    tls = st.fixed_dictionaries(
        {"certificateRefs": _lists(_merged(pick([{"name": "cert"}, {"name": "key"}]), elsewhere), 2)}
    )
    authority = _merged(pick([{"group": "", "kind": "ConfigMap", "name": name} for name in ("ca", "key")]), elsewhere)
    validation = st.fixed_dictionaries(
        {"caCertificateRefs": _lists(authority, 2)},
        optional={"mode": pick(["AllowValidOnly", "AllowInsecureFallback"])},
    )
    clients = pick([{}]) | st.fixed_dictionaries({"validation": validation})
    frontend = st.fixed_dictionaries(
        {"default": clients, "perPort": _lists(st.fixed_dictionaries({"port": pick([80, 443]), "tls": clients}), 1)}
    ).map(lambda found: {"frontend": found})
    shown = _merged(pick([{"name": "cert"}, {"name": "key"}]), elsewhere).map(
        lambda ref: {"backend": {"clientCertificateRef": ref}}
    )
    addresses = pick([[{"value": "10.0.0.1"}], [{"type": "Hostname", "value": "a.b"}, {}], [{"type": "x/y"}]])
    allowed = pick(
        [
            {},
            {"namespaces": {"from": "All"}},
            {"namespaces": {"from": "All"}},
            {"namespaces": {"from": "All"}},
            {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "blue"}}}},
            {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "blue"}}}},
            {"namespaces": {"from": "All"}, "kinds": [{"kind": "TCPRoute"}, {"kind": "UDPRoute"}]},
        ]
    )
    open_to = pick(
        [
            {"namespaces": {"from": "All"}},
            {"namespaces": {"from": "All"}},
            {"namespaces": {"from": "Same"}},
            {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "blue"}}}},
            {},
        ]
    )
    hostname = pick([{}, {}, {"hostname": "*.example.com"}, {"hostname": "a.example.com"}])
    http = _merged(
        st.fixed_dictionaries({"allowedRoutes": allowed}), pick([{"port": 80, "protocol": "HTTP"}]), hostname
    )
    https = _merged(
        st.fixed_dictionaries({"allowedRoutes": allowed, "tls": tls}),
        pick([{"port": 443, "protocol": "HTTPS"}, {"port": 80, "protocol": "HTTPS"}]),
        hostname,
    )
    l4 = _merged(
        st.fixed_dictionaries({"allowedRoutes": allowed}),
        pick([{"port": port, "protocol": protocol} for protocol in ("TCP", "UDP") for port in (90, 10080)]),
    )
    mode = pick([{"mode": "Terminate"}, {"mode": "Passthrough"}, {"mode": "Passthrough"}])
    tls_too = _merged(
        st.fixed_dictionaries({"allowedRoutes": allowed, "tls": _merged(tls, mode)}),
        pick([{"port": 443, "protocol": "TLS"}]),
        hostname,
    )
    listener = _merged(st.one_of(http, https, l4, tls_too), pick([{"name": "one"}, {"name": "two"}, {"name": "three"}]))
    l4_route = {"parentRefs": parents, "rules": _lists(st.fixed_dictionaries({"backendRefs": backends}), 2)}
    hostnames = pick([[], [], [], ["a.example.com"], ["b.example.com", "a.example.com"], ["*.example.com"], ["BAD"]])
    route_status = st.fixed_dictionaries({"parents": entries})
    return {
        "GatewayClass": st.fixed_dictionaries(
            {
                "spec": _merged(
                    pick(
                        [{"controllerName": OURS}, {"controllerName": OURS}, {"controllerName": "example.com/theirs"}]
                    ),
                    pick([{}, {}, {"parametersRef": {"group": "g", "kind": "K", "name": "n"}}]),
                ),
                "status": st.fixed_dictionaries({"conditions": conditions}),
            }
        ),
        "Gateway": st.fixed_dictionaries(
            {
                "spec": st.fixed_dictionaries(
                    {
                        "gatewayClassName": pick(["ours", "ours", "ours", "ours", "other", "none"]),
                        "listeners": _lists(listener, 3),
                        "infrastructure": pick([{}, {"labels": {"a": "b"}}]),
                    },
                    optional={
                        "tls": _merged(st.just({}) | frontend, st.just({}) | shown),
                        "addresses": addresses,
                        "allowedListeners": open_to,
                    },
                ),
                "status": st.fixed_dictionaries({"conditions": conditions}),
            }
        ),
        "ListenerSet": st.fixed_dictionaries(
            {
                "spec": st.fixed_dictionaries(
                    {
                        "parentRef": _merged(
                            pick([{"name": "g"}, {"name": "g"}, {"name": "h"}, {"name": "g", "kind": "Service"}]),
                            elsewhere,
                        ),
                        "listeners": _lists(listener, 2),
                    }
                ),
                "status": st.fixed_dictionaries({"conditions": conditions}),
            }
        ),
        "HTTPRoute": st.fixed_dictionaries(
            {
                "spec": st.fixed_dictionaries(
                    {
                        "parentRefs": parents,
                        "hostnames": hostnames,
                        "rules": _lists(rule, 2),
                    }
                ),
                "status": route_status,
            }
        ),
        "GRPCRoute": st.fixed_dictionaries(
            {
                "spec": st.fixed_dictionaries(
                    {
                        "parentRefs": parents,
                        "hostnames": pick([[], [], ["a.example.com"]]),
                        "rules": _lists(grpc_rule, 2),
                    }
                ),
                "status": route_status,
            }
        ),
        "TCPRoute": st.fixed_dictionaries({"spec": st.fixed_dictionaries(l4_route), "status": route_status}),
        "TLSRoute": st.fixed_dictionaries(
            {"spec": st.fixed_dictionaries({**l4_route, "hostnames": hostnames}), "status": route_status}
        ),
        "UDPRoute": st.fixed_dictionaries({"spec": st.fixed_dictionaries(l4_route), "status": route_status}),
        "BackendTLSPolicy": policy_worlds.backend_tls_policies(OURS),
        "XBackendTrafficPolicy": policy_worlds.backend_traffic_policies(OURS),
        "XBackend": policy_worlds.backends(OURS),
        "ReferenceGrant": st.fixed_dictionaries(
            {
                "spec": st.fixed_dictionaries(
                    {
                        "from": _lists(
                            st.fixed_dictionaries(
                                {
                                    "group": st.just(GROUP),
                                    "kind": pick([*ROUTES, "Gateway", "ListenerSet"]),
                                    "namespace": pick(NAMESPACES),
                                }
                            ),
                            2,
                        ),
                        "to": _lists(
                            pick(
                                [
                                    {"group": "", "kind": "Service"},
                                    {"group": "", "kind": "Service", "name": "web"},
                                    {"group": "", "kind": "Secret"},
                                    {"group": "", "kind": "ConfigMap"},
                                ]
                            ),
                            2,
                        ),
                    }
                )
            }
        ),
        "Namespace": st.just({}),
        "Service": st.fixed_dictionaries(
            {
                "spec": pick(
                    [
                        {"ports": [{"port": 80}]},
                        {"ports": [{"port": 80}, {"port": 81}]},
                        {"ports": [{"port": 80}, {"name": "udp", "port": 80, "protocol": "UDP"}]},
                        {"ports": [{"port": 80, "name": "http"}, {"port": 81, "name": "other"}]},
                        {"ports": [{"port": 80, "appProtocol": "https"}]},
                        {"ports": [{"port": 80, "appProtocol": "h2c"}]},
                        {"type": "ExternalName"},
                    ]
                ),
                "status": pick([{}, {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}]),
            }
        ),
        "Secret": st.fixed_dictionaries({"data": pick([{}, {"tls.crt": "bad", "tls.key": "bad"}, CERTIFICATE])}),
        "ConfigMap": st.fixed_dictionaries({"data": pick([{}, {"ca.crt": "bad"}, *AUTHORITIES])}),
    }


METADATA = st.fixed_dictionaries(
    {
        "labels": st.sampled_from([{}, {"team": "blue"}, {"team": "red"}]),
        "annotations": st.sampled_from([{}, {"note": "1"}]),
        "creationTimestamp": st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]),
        "resourceVersion": st.sampled_from(["1", "2", "3"]),
        "generation": st.sampled_from([1, 2]),
    }
)


def edits() -> st.SearchStrategy[Edit]:
    """One object, of any kind: as in the first world, as it may be, or gone. Two of three keep the world alive."""
    bodies, first = _bodies(), _first_objects()
    first += [_closed(edit) for edit in first if edit[0] == "Gateway"]
    kinds = ["HTTPRoute", "Gateway", *(kind for kind in bodies if kind != "GatewayClass")] * 2 + ["GatewayClass"]

    def of(kind: str) -> st.SearchStrategy[Edit]:
        repairs = st.sampled_from([edit for edit in first if edit[0] == kind])
        keys = st.sampled_from(KEYS[kind])
        news = st.builds(lambda key, meta, body: _edit(kind, key, body, meta), keys, METADATA, bodies[kind])
        return st.one_of(repairs, news, news, news, st.builds(lambda key: (kind, key, None), keys))

    return st.sampled_from(kinds).flatmap({kind: of(kind) for kind in kinds}.__getitem__)


def _closed(edit: Edit) -> Edit:
    """A Gateway that allows no ListenerSets, and is as before otherwise."""
    kind, key, found = edit
    assert isinstance(found, Gateway)
    return kind, key, msgspec.structs.replace(found, spec=msgspec.structs.replace(found.spec, allowed_listeners=None))


def first_world() -> ClusterSnapshot:
    """A world in which something of every kind is served, so that changes have something to break."""
    return msgspec.structs.replace(changed(ClusterSnapshot(revision=0), _first_objects()), changed=None)


def _first_objects() -> list[Edit]:
    every = {"namespaces": {"from": "All"}}
    blue = {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "blue"}}}}
    tls = {"certificateRefs": [{"name": "cert", "namespace": "b"}, {"name": "cert"}]}
    listeners = [
        {"name": "one", "port": 80, "protocol": "HTTP", "allowedRoutes": every},
        {"name": "two", "port": 443, "protocol": "HTTPS", "allowedRoutes": every, "tls": tls},
        {"name": "three", "port": 90, "protocol": "TCP", "allowedRoutes": every},
        {"name": "four", "port": 90, "protocol": "UDP", "allowedRoutes": every},
        {"name": "five", "port": 8443, "protocol": "TLS", "allowedRoutes": every, "tls": {**tls, "mode": "Terminate"}},
    ]
    authorities = [{"group": "", "kind": "ConfigMap", "name": "ca", "namespace": ns} for ns in NAMESPACES]
    frontend = {"default": {"validation": {"caCertificateRefs": authorities}}}
    backend = {"clientCertificateRef": {"name": "cert"}}
    chosen = [{"name": "one", "port": 80, "protocol": "HTTP", "allowedRoutes": blue}]
    opened = {"allowedListeners": {"namespaces": {"from": "All"}}}
    parents: list[dict[str, Any]] = [{"name": "g", "namespace": "a"}, {"name": "h", "namespace": "a"}]
    parents += [{"kind": "ListenerSet", "name": "l", "namespace": "a"}]
    more = [
        {"name": "one", "port": 80, "protocol": "HTTP", "hostname": "a.example.com", "allowedRoutes": every},
        {"name": "two", "port": 443, "protocol": "HTTPS", "hostname": "a.example.com", "tls": tls},
    ]
    backends = [{"name": "web", "namespace": "b", "port": 80}, {"name": "api", "port": 80}]
    backends.append({"group": EXPERIMENTAL_GROUP, "kind": "XBackend", "name": "web"})
    route = {"spec": {"parentRefs": parents, "rules": [{"backendRefs": backends}]}}
    ports = [{"port": 80}, {"name": "udp", "port": 80, "protocol": "UDP"}]
    to = [{"group": "", "kind": kind} for kind in ("Service", "Secret", "ConfigMap")]
    from_ = [{"group": GROUP, "kind": kind, "namespace": "a"} for kind in (*ROUTES, "Gateway", "ListenerSet")]
    blue_labels = {"labels": {"team": "blue"}}
    routes = [(kind, ObjectKey(ns, name)) for kind in ROUTES for ns in NAMESPACES for name in "rs"]
    return [
        _edit("GatewayClass", ObjectKey("", "ours"), {"spec": {"controllerName": OURS}}),
        _edit(
            "Gateway",
            ObjectKey("a", "g"),
            {
                "spec": {
                    "gatewayClassName": "ours",
                    "listeners": listeners,
                    "tls": {"frontend": frontend, "backend": backend},
                    **opened,
                }
            },
        ),
        _edit("Gateway", ObjectKey("a", "h"), {"spec": {"gatewayClassName": "ours", "listeners": chosen}}),
        *(
            _edit("ListenerSet", key, {"spec": {"parentRef": parents[0], "listeners": more}})
            for key in KEYS["ListenerSet"]
        ),
        *(_edit(kind, key, route) for kind, key in routes),
        _edit("ReferenceGrant", ObjectKey("b", "x"), {"spec": {"from": from_, "to": to}}),
        *(_edit("Namespace", ObjectKey("", name), {}, blue_labels) for name in NAMESPACES),
        *(_edit("Service", key, {"spec": {"ports": ports}}) for key in KEYS["Service"]),
        *(_edit("Secret", ObjectKey(ns, "cert"), {"data": CERTIFICATE}) for ns in NAMESPACES),
        *(_edit("ConfigMap", ObjectKey(ns, "ca"), {"data": AUTHORITIES[0]}) for ns in NAMESPACES),
        *(_edit("BackendTLSPolicy", ObjectKey(ns, "p"), policy_worlds.FIRST) for ns in NAMESPACES),
        *(_edit("XBackendTrafficPolicy", ObjectKey(ns, "p"), policy_worlds.FIRST_TRAFFIC) for ns in NAMESPACES),
        *(_edit("XBackend", ObjectKey(ns, "web"), policy_worlds.FIRST_BACKEND) for ns in NAMESPACES),
    ]


def changed(cluster: ClusterSnapshot, burst: Iterable[Edit]) -> ClusterSnapshot:
    """The next snapshot of a source: only what a burst names is another object, and it says so."""
    fields: dict[str, dict[ObjectKey, Any]] = {}
    names: dict[str, set[ObjectKey]] = {}
    for kind, key, found in burst:
        objects = fields.setdefault(FIELDS[kind], dict(objects_of(cluster, kind)))
        if found is not None:
            objects[key] = found
        elif objects.pop(key, None) is None:
            continue
        names.setdefault(kind, set()).add(key)
    news = {kind: frozenset(keys) for kind, keys in names.items()}
    return msgspec.structs.replace(cluster, revision=cluster.revision + 1, changed=news, **fields)


def _edit(kind: str, key: ObjectKey, body: dict[str, Any], meta: dict[str, Any] | None = None) -> Edit:
    document = {"metadata": {"name": key.name, "namespace": key.namespace, **(meta or {})}, **body}
    return kind, key, msgspec.convert(document, KINDS[kind].type)


def _lists[T](of: st.SearchStrategy[T], at_most: int) -> st.SearchStrategy[list[T]]:
    return st.lists(of, max_size=at_most)


def _merged(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    merge: Callable[..., dict[str, Any]] = lambda *found: {k: v for part in found for k, v in part.items()}  # noqa: E731
    return st.builds(merge, *parts)
