"""What the objects of small worlds may say: names that collide, references that lead nowhere, values that are wrong."""

import base64
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import strategies as st

from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import EXPERIMENTAL_GROUP
from tests.gateway_api import policy_worlds
from tests.gateway_api.conftest import certificate, secret_data

OURS = "gateway.envoyproxy.io/gatewayclass-controller"
GROUP = "gateway.networking.k8s.io"
AUTHORITIES = [{"ca.crt": certificate(ec.generate_private_key(ec.SECP256R1())).decode()} for _ in range(2)]
CERTIFICATES = [
    secret_data(ec.generate_private_key(ec.SECP256R1()), name)
    | {"ca.crt": base64.b64encode(authority["ca.crt"].encode()).decode()}
    for authority, name in zip(AUTHORITIES, ("*.example.com", "a.example.com"), strict=True)
]

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


def bodies() -> Mapping[str, st.SearchStrategy[dict[str, Any]]]:
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
    share = pick([{}, {"percent": 5}, {"fraction": {"numerator": 1, "denominator": 3}}, {"percent": 101}])
    mirror = st.builds(
        lambda ref, share: [{"type": "RequestMirror", "requestMirror": {"backendRef": ref, **share}}], reference, share
    )
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
        pick([[], [], [{"type": "URLRewrite"}], [{"type": "URLRewrite", "urlRewrite": {"hostname": "a.b"}}]]),
        pick([[{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["x"]}}]]),
        asked.map(lambda auth: [{"type": "ExternalAuth", "externalAuth": auth}]),
    )
    rule = st.fixed_dictionaries(
        {
            "backendRefs": http_backends,
            "matches": pick([[], [{}], [{"path": {"value": "/x"}}], [{"path": {"value": "x"}}], [{"method": "GET"}]]),
        },
        optional={
            "filters": filters,
            "timeouts": pick([{"request": "1s"}, {"request": "1s", "backendRequest": "2s"}]),
            "retry": pick([{}, {"codes": [500], "attempts": 3}, {"attempts": 0}]),
            "sessionPersistence": pick([{}, {"sessionName": "s"}, {"type": "Header"}]),
        },
    )
    methods = [
        {},
        {"method": {"service": "s", "method": "m"}},
        {"method": {"type": "RegularExpression", "service": "("}},
        {"headers": [{"name": "x", "value": "y"}]},
    ]
    grpc_rule = st.fixed_dictionaries(
        {"backendRefs": backends, "matches": _lists(pick(methods), 2)},
        optional={"sessionPersistence": pick([{}, {"type": "Header"}]), "filters": mirror},
    )
    tls = st.fixed_dictionaries(
        {"certificateRefs": _lists(_merged(pick([{"name": "cert"}, {"name": "key"}]), elsewhere), 2)}
    )
    sources = [("ConfigMap", "ca"), ("ConfigMap", "key"), ("Secret", "cert")]
    authority = _merged(pick([{"group": "", "kind": kind, "name": name} for kind, name in sources]), elsewhere)
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
    by_expressions = [
        {"key": "tier", "operator": "DoesNotExist"},
        {"key": "team", "operator": "In", "values": ["blue"]},
    ]
    allowed = pick(
        [
            {},
            {"namespaces": {"from": "All"}},
            {"namespaces": {"from": "All"}},
            {"namespaces": {"from": "All"}},
            {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "blue"}}}},
            {"namespaces": {"from": "Selector", "selector": {"matchExpressions": by_expressions}}},
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
        pick(
            [{"port": port, "protocol": protocol} for protocol in ("TCP", "UDP") for port in (90, 10080)]
            + [{"port": 80, "protocol": "UDP"}]
        ),
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
                                    {"group": "", "kind": "Secret", "name": "cert"},
                                    {"group": "", "kind": "ConfigMap"},
                                    {"group": "", "kind": "ConfigMap", "name": "ca"},
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
                        {"ports": [{"port": 80}], "selector": {"version": "2"}},
                        {"ports": [{"port": 80}], "clusterIP": "None", "clusterIPs": ["None"]},
                        {"ports": [{"port": 80}], "type": "LoadBalancer"},
                        {"ports": [{"port": 80}], "trafficDistribution": "PreferSameZone"},
                        {"ports": [{"port": 80}], "type": "ExternalName", "externalName": "a.example.com"},
                        {"type": "ExternalName"},
                    ]
                ),
                "status": pick([{}, {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}]),
            }
        ),
        "Secret": st.fixed_dictionaries({"data": pick([{}, {"tls.crt": "bad", "tls.key": "bad"}, *CERTIFICATES])}),
        "ConfigMap": st.fixed_dictionaries({"data": pick([{}, {"ca.crt": "bad"}, *AUTHORITIES])}),
    }


def _lists[T](of: st.SearchStrategy[T], at_most: int) -> st.SearchStrategy[list[T]]:
    return st.lists(of, max_size=at_most)


def _merged(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    merge: Callable[..., dict[str, Any]] = lambda *found: {k: v for part in found for k, v in part.items()}  # noqa: E731
    return st.builds(merge, *parts)
