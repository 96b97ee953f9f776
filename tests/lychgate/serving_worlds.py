"""Changes to what is served, whose names collide: hostnames on several listeners, backends of several routes.

They add to the changes of `tests.gateway_api.worlds`, of which few make something that serves.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import strategies as st

from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import EXPERIMENTAL_GROUP
from k8s_watch.snapshot import ClusterSnapshot
from tests.gateway_api import worlds
from tests.gateway_api.bodies import AUTHORITIES, CERTIFICATES, GROUP, KEYS, NAMESPACES
from tests.gateway_api.conftest import KINDS
from tests.gateway_api.slice_worlds import Slices, slices
from tests.gateway_api.worlds import Edit

LISTENER_HOSTNAMES = [None, None, "*.example.com", "a.example.com", "*.b.example.com"]
HOSTNAMES = ["a.example.com", "x.example.com", "*.example.com", "*.b.example.com", "c.b.example.com", "other.test"]
LISTENER_SET = {"kind": "ListenerSet", "name": "s"}
PARENTS = [
    {"name": "g"},
    {"name": "g"},
    {"name": "h"},
    {"name": "g", "sectionName": "l0"},
    {"name": "g", "port": 443},
    LISTENER_SET,
    LISTENER_SET | {"sectionName": "l0"},
]
MATCHES = [
    {"path": {"value": "/"}},
    {"path": {"value": "/a"}},
    {"path": {"type": "Exact", "value": "/a"}},
    {"path": {"value": "/a"}, "headers": [{"name": "x", "value": "y"}]},
    {"method": "GET", "queryParams": [{"name": "x", "type": "RegularExpression", "value": "y+"}]},
]
REPLACED = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/z"}
FILTERS: list[list[Any]] = [
    [],
    [],
    [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}],
    [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "y"}]}}],
    [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["x"]}}],
    [{"type": "URLRewrite", "urlRewrite": {"hostname": "z.example.com", "path": REPLACED}}],
    [{"type": "ExtensionRef"}],
    [{"type": "CORS", "cors": {"allowOrigins": ["https://*.example.com"]}}],
    [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "api", "port": 80}}}],
    [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "api", "port": 80}, "percent": 5}}],
    [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "web", "namespace": "b", "port": 80}}}],
]
BACKENDS = [{"name": n, "port": 80, **more} for n in ("web", "api") for more in ({}, {"weight": 0}, {"namespace": "b"})]
BACKENDS += [{"group": EXPERIMENTAL_GROUP, "kind": "XBackend", "name": "web"}]
HTTP_BACKENDS = BACKENDS + [{"name": "web", "port": 80, "filters": each} for each in FILTERS if each]


def edits() -> st.SearchStrategy[Edit | Slices]:
    """One object set or deleted, or all slices of a Service."""
    routes = _http_routes(["r", "s", "t", "u"], _some(HOSTNAMES, 0, 3))
    return st.one_of(
        routes,
        routes,
        _grpc_routes(),
        _gateways(_listeners()),
        _listener_sets(),
        _l4_routes(),
        slices(KEYS["Service"]),
        _services(),
        _policies(),
        _trust(),
        worlds.edits(),
    )


def edits_by_hostname() -> st.SearchStrategy[Edit | Slices]:
    """Mostly of HTTPRoutes, each with hostnames: without, a table serves any host and cannot be scoped."""
    exact = ["a.example.com", "x.example.com", "c.b.example.com", "other.test", "p.test", "q.test", "r.test"]
    hostnames = st.lists(st.sampled_from(exact * 3 + ["*.example.com", "*.b.example.com"]), min_size=1, max_size=4)
    routes = _http_routes([f"r{n}" for n in range(8)], hostnames)
    gateways = _gateways(_listeners().map(lambda found: [{"name": "any", "port": 8000, "protocol": "HTTP"}, *found]))
    return st.one_of(
        *[routes] * 20, gateways, _listener_sets(), _l4_routes(), slices(KEYS["Service"]), _services(), _policies()
    )


def without_routes() -> ClusterSnapshot:
    """The first world without HTTPRoutes and GRPCRoutes."""
    return msgspec.structs.replace(worlds.first_world(), http_routes={}, grpc_routes={})


def _some(values: list[Any], at_least: int, at_most: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=at_least, max_size=at_most)


def _edits_of(kind: str, names: list[str], spec: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Edit]:
    def decoded(name: str, created: int, spec: dict[str, Any] | None) -> Edit:
        key = ObjectKey("a", name)
        stamp = f"2026-01-0{created}T00:00:00Z"
        document = {"metadata": {"name": name, "namespace": "a", "creationTimestamp": stamp}, "spec": spec}
        return kind, key, None if spec is None else msgspec.convert(document, KINDS[kind].type)

    some = st.fixed_dictionaries(dict(spec))
    return st.builds(decoded, st.sampled_from(names), st.integers(1, 3), st.one_of(some, some, some, st.none()))


def _http_routes(names: list[str], hostnames: st.SearchStrategy[list[str]]) -> st.SearchStrategy[Edit]:
    rule = st.fixed_dictionaries(
        {
            "matches": _some(MATCHES, 0, 2),
            "filters": st.sampled_from(FILTERS),
            "backendRefs": _some(HTTP_BACKENDS, 0, 2),
            "timeouts": st.sampled_from([None, None, {"request": "1s"}, {"request": "1s", "backendRequest": "2s"}]),
        }
    )
    spec = {
        "parentRefs": _some(PARENTS, 1, 2),
        "hostnames": hostnames,
        "rules": st.lists(rule, max_size=2),
    }
    return _edits_of("HTTPRoute", names, spec)


def _grpc_routes() -> st.SearchStrategy[Edit]:
    matches = [
        {},
        {"method": {"service": "s"}},
        {"method": {"service": "s", "method": "m"}, "headers": [{"name": "x", "value": "y"}]},
    ]
    filters = [found for found in FILTERS if not {"RequestRedirect", "URLRewrite", "CORS"} & {f["type"] for f in found}]
    rule = st.fixed_dictionaries(
        {
            "matches": _some(matches, 0, 2),
            "filters": st.sampled_from(filters),
            "backendRefs": _some(BACKENDS, 0, 2),
        }
    )
    spec = {
        "parentRefs": _some(PARENTS, 1, 2),
        "hostnames": _some(HOSTNAMES, 0, 3),
        "rules": st.lists(rule, max_size=2),
    }
    return _edits_of("GRPCRoute", ["r", "s"], spec)


def _listener_sets() -> st.SearchStrategy[Edit]:
    parent = st.sampled_from([{"name": "g"}, {"name": "g"}, {"name": "h"}])
    return _edits_of("ListenerSet", ["s", "t"], {"parentRef": parent, "listeners": _listeners()})


def _listeners() -> st.SearchStrategy[list[dict[str, Any]]]:
    tls = {"certificateRefs": [{"name": "cert", "namespace": "b"}]}
    named = st.sampled_from(
        [
            ("HTTP", 80, {}),
            ("HTTP", 80, {}),
            ("HTTPS", 443, {"tls": tls}),
            ("TLS", 443, {"tls": {"mode": "Passthrough"}}),
            ("TLS", 443, {"tls": {**tls, "mode": "Terminate"}}),
        ]
    )
    nameless = st.sampled_from([("TCP", 9000), ("UDP", 9000), ("UDP", 80)])
    listener = st.builds(
        lambda usual, hostname: {"protocol": usual[0], "port": usual[1], **usual[2], "hostname": hostname},
        named,
        st.sampled_from(LISTENER_HOSTNAMES),
    ) | nameless.map(lambda usual: {"protocol": usual[0], "port": usual[1]})
    return st.lists(listener, min_size=1, max_size=4).map(
        lambda found: [{"name": f"l{i}", **each} for i, each in enumerate(found)]
    )


def _gateways(listeners: st.SearchStrategy[list[dict[str, Any]]]) -> st.SearchStrategy[Edit]:
    authorities = [{"group": "", "kind": "ConfigMap", "name": "ca", "namespace": ns} for ns in "ab"]
    validation = st.fixed_dictionaries(
        {"caCertificateRefs": _some(authorities, 1, 2)}, optional={"mode": st.just("AllowInsecureFallback")}
    )
    frontend = st.none() | validation.map(lambda found: {"default": {"validation": found}})
    backend = st.sampled_from([None, {"clientCertificateRef": {"name": "cert"}}])
    tls_of_gateway = st.fixed_dictionaries({"frontend": frontend, "backend": backend})
    spec = {
        "gatewayClassName": st.just("ours"),
        "listeners": listeners,
        "tls": tls_of_gateway,
        "allowedListeners": st.sampled_from([{"namespaces": {"from": "All"}}] * 3 + [{}]),
    }
    return _edits_of("Gateway", ["g", "h"], spec)


def _l4_routes() -> st.SearchStrategy[Edit]:
    rules = _some(BACKENDS, 0, 2).map(lambda found: [{"backendRefs": found}])
    spec = {"parentRefs": _some(PARENTS, 1, 1), "rules": rules}
    tls = {**spec, "hostnames": _some(HOSTNAMES, 0, 3)}
    return st.one_of(
        _edits_of("TCPRoute", ["r", "s"], spec),
        _edits_of("TLSRoute", ["r", "s"], tls),
        _edits_of("TLSRoute", ["r", "s"], tls),
        _edits_of("UDPRoute", ["r", "s"], spec),
    )


def _services() -> st.SearchStrategy[Edit]:
    udp = {"port": 80, "name": "udp", "protocol": "UDP"}
    ports = [
        [{"port": 80}],
        [{"port": 80, "name": "http"}, udp],
        [{"port": 80, "appProtocol": "h2c"}],
        [{"port": 81}],
        [udp],
    ]
    return _edits_of("Service", ["web", "api"], {"ports": st.sampled_from(ports)})


def _policies() -> st.SearchStrategy[Edit]:
    target = {"group": "", "kind": "Service"}
    targets = [{**target, "name": name, **more} for name in ("web", "api") for more in ({}, {"sectionName": "http"})]
    ca = {"group": "", "kind": "ConfigMap"}
    validation = st.fixed_dictionaries(
        {
            "hostname": st.sampled_from(["a.example.com", "b.example.com"]),
            "caCertificateRefs": st.sampled_from([[{**ca, "name": "ca"}], [{**ca, "name": "missing"}]]),
        }
    )
    traffic = {
        "targetRefs": _some(targets[::2], 1, 2),
        "retryConstraint": st.sampled_from([None, {}, {"budget": {"percent": 30}}, {"budget": {"percent": 101}}]),
        "sessionPersistence": st.sampled_from([None, {}, {"sessionName": "s"}, {"type": "Header"}]),
    }
    backend = {
        "type": st.just("ExternalHostname"),
        "port": st.sampled_from([{"port": 443}, {"port": 80}]),
        "externalHostname": st.sampled_from(
            [{"hostname": "a.example.com"}, {"hostname": "b.example.com"}, {"hostname": "b"}]
        ),
        "tls": st.sampled_from([None, {"mode": "ServerOnly"}]),
    }
    return st.one_of(
        _edits_of("XBackend", ["web"], backend),
        _edits_of("BackendTLSPolicy", ["p", "q"], {"targetRefs": _some(targets, 1, 2), "validation": validation}),
        _edits_of("XBackendTrafficPolicy", ["p", "q"], traffic),
    )


def _trust() -> st.SearchStrategy[Edit]:
    """Certificates and authorities that are renewed, or gone, and who may refer to them: to all of them, or to one."""
    namespaces = st.sampled_from(NAMESPACES)
    secret = st.sampled_from([*CERTIFICATES * 2, None]).map(lambda found: found and {"data": found})
    authority = st.sampled_from([*AUTHORITIES * 2, None]).map(lambda found: found and {"data": found})
    from_ = [{"group": GROUP, "kind": kind, "namespace": "a"} for kind in ("Gateway", "ListenerSet", "HTTPRoute")]
    to = [
        {"group": "", "kind": kind, **more}
        for kind, name in (("Secret", "cert"), ("ConfigMap", "ca"), ("Service", "web"))
        for more in ({}, {"name": name}, {"name": "other"})
    ]
    grant = st.builds(lambda to: {"spec": {"from": from_, "to": to}}, st.lists(st.sampled_from(to), max_size=4))

    def edit(kind: str, namespace: str, name: str, body: dict[str, Any] | None) -> Edit:
        key = ObjectKey(namespace, name)
        document = {"metadata": {"name": name, "namespace": namespace}, **(body or {})}
        return kind, key, None if body is None else msgspec.convert(document, KINDS[kind].type)

    return st.one_of(
        st.builds(edit, st.just("Secret"), namespaces, st.just("cert"), secret),
        st.builds(edit, st.just("ConfigMap"), namespaces, st.just("ca"), authority),
        st.builds(edit, st.just("ReferenceGrant"), st.just("b"), st.sampled_from(["x", "y"]), grant),
    )
