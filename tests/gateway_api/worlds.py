"""Small worlds whose names collide, and the changes that happen to them: material for property tests.

An edit is (kind, key, the object or None to delete it), or a Service with all its slices; a burst is several edits that
one snapshot brings at once.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import strategies as st

from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import EXPERIMENTAL_GROUP, Gateway
from k8s_watch.objects.meta import Object
from k8s_watch.snapshot import FIELDS, ClusterSnapshot
from tests.gateway_api import policy_worlds
from tests.gateway_api.bodies import AUTHORITIES, CERTIFICATES, GROUP, KEYS, NAMESPACES, OURS, ROUTES, bodies
from tests.gateway_api.conftest import KINDS
from tests.gateway_api.slice_worlds import Slices, first_slices

type Edit = tuple[str, ObjectKey, Object | None]

METADATA = st.fixed_dictionaries(
    {
        "labels": st.sampled_from([{}, {"team": "blue"}, {"team": "blue", "tier": "one"}, {"team": "red"}]),
        "annotations": st.sampled_from([{}, {"note": "1"}]),
        "creationTimestamp": st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]),
        "resourceVersion": st.sampled_from(["1", "2", "3"]),
        "generation": st.sampled_from([1, 2]),
    }
)


def edits() -> st.SearchStrategy[Edit]:
    """One object, of any kind: as in the first world, as it may be, or gone. Two of three keep the world alive."""
    of_kind, first = bodies(), _first_objects()
    first += [_closed(edit) for edit in first if edit[0] == "Gateway"]
    kinds = ["HTTPRoute", "Gateway", *(kind for kind in of_kind if kind != "GatewayClass")] * 2 + ["GatewayClass"]

    def of(kind: str) -> st.SearchStrategy[Edit]:
        repairs = st.sampled_from([edit for edit in first if edit[0] == kind])
        keys = st.sampled_from(KEYS[kind])
        news = st.builds(lambda key, meta, body: _edit(kind, key, body, meta), keys, METADATA, of_kind[kind])
        return st.one_of(repairs, news, news, news, st.builds(lambda key: (kind, key, None), keys))

    return st.sampled_from(kinds).flatmap({kind: of(kind) for kind in kinds}.__getitem__)


def _closed(edit: Edit) -> Edit:
    """A Gateway that allows no ListenerSets, and is as before otherwise."""
    kind, key, found = edit
    assert isinstance(found, Gateway)
    return kind, key, msgspec.structs.replace(found, spec=msgspec.structs.replace(found.spec, allowed_listeners=None))


def first_world() -> ClusterSnapshot:
    """A world in which something of every kind is served, so that changes have something to break."""
    first: list[Any] = [*_first_objects(), *map(first_slices, KEYS["Service"])]
    return msgspec.structs.replace(changed(ClusterSnapshot(revision=0), first), changed=None)


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
        _edit(
            "Gateway",
            ObjectKey("a", "h"),
            {"spec": {"gatewayClassName": "ours", "listeners": chosen, "addresses": [{"value": "10.0.0.1"}]}},
        ),
        *(
            _edit("ListenerSet", key, {"spec": {"parentRef": parents[0], "listeners": more}})
            for key in KEYS["ListenerSet"]
        ),
        *(_edit(kind, key, route) for kind, key in routes),
        _edit("ReferenceGrant", ObjectKey("b", "x"), {"spec": {"from": from_, "to": to}}),
        *(_edit("Namespace", ObjectKey("", name), {}, blue_labels) for name in NAMESPACES),
        *(_edit("Service", key, {"spec": {"ports": ports}}) for key in KEYS["Service"]),
        *(_edit("Secret", ObjectKey(ns, "cert"), {"data": CERTIFICATES[0]}) for ns in NAMESPACES),
        *(_edit("ConfigMap", ObjectKey(ns, "ca"), {"data": AUTHORITIES[0]}) for ns in NAMESPACES),
        *(_edit("BackendTLSPolicy", ObjectKey(ns, "p"), policy_worlds.FIRST) for ns in NAMESPACES),
        *(_edit("XBackendTrafficPolicy", ObjectKey(ns, "p"), policy_worlds.FIRST_TRAFFIC) for ns in NAMESPACES),
        *(_edit("XBackend", ObjectKey(ns, "web"), policy_worlds.FIRST_BACKEND) for ns in NAMESPACES),
    ]


def changed(cluster: ClusterSnapshot, burst: Iterable[Edit | Slices]) -> ClusterSnapshot:
    """The next snapshot of a source: only what a burst names is another object, and it says so."""
    fields: dict[str, dict[ObjectKey, Any]] = {}
    names: dict[str, set[ObjectKey]] = {}
    for edit in burst:
        kind, key, found = edit if len(edit) == 3 else ("EndpointSlice", *edit)
        field = FIELDS.get(kind, "slices_by_service")
        objects = fields.setdefault(field, dict(getattr(cluster, field)))
        if found:
            objects[key] = found
        elif objects.pop(key, None) is None:
            continue
        names.setdefault(kind, set()).add(key)
    news = {kind: frozenset(keys) for kind, keys in names.items()}
    return msgspec.structs.replace(cluster, revision=cluster.revision + 1, changed=news, **fields)


def _edit(kind: str, key: ObjectKey, body: dict[str, Any], meta: dict[str, Any] | None = None) -> Edit:
    document = {"metadata": {"name": key.name, "namespace": key.namespace, **(meta or {})}, **body}
    return kind, key, msgspec.convert(document, KINDS[kind].type)
