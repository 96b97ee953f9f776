"""Worlds drawn at random, also such that nobody should write."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from gateway_api.graph.types import GraphSettings
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.meta import Object
from tests.cases.case import KINDS, world

type Document = dict[str, Any]
type Objects = dict[tuple[str, ObjectKey], Object]


def mostly(good: list[Any], bad: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One of the good ones; rarely a bad one: a world where all is wrong serves nothing that could be tested."""
    return st.integers(0, 15).flatmap(lambda n: bad if n == 0 else st.sampled_from(good))


HOSTNAMES = mostly(
    ["a.com", "*.a.com", "b.a.com", "*.b.a.com", "*.com", "c.com"],
    st.one_of(
        st.sampled_from(["*", "1.2.3.4", "A.com", "a.*", "*a.com", "a..com", " ", "x_y.com"]), st.text(max_size=3)
    ),
)
PRECISE = mostly(["a.com", "d.com"], HOSTNAMES)
TEXT = mostly(
    ["/", "/a", "/a/", "/a/b", "/[a-z]+", "/.*", "/%41", "/a?b", "/%REQ(X)%", "/é", "/$1", "/\\1"],
    st.one_of(
        st.sampled_from(["//", "/a//b", "/a%2Fb", "/../a", "a", "", "%", "(", "a{1001}", "(?=a)", "/a#b"]),
        st.text(max_size=4),
    ),
)
NAMES = mostly(
    ["X-One", "x-one", "x-two", "x_y"],
    st.one_of(
        st.sampled_from(["Host", ":path", ":method", "", "X Y", "x\r\ny", "Content-Length"]), st.text(max_size=3)
    ),
)
MATCH_TYPES = mostly(["Exact", "PathPrefix", "RegularExpression"], st.just("Other"))
VALUE_TYPES = mostly(["Exact", "RegularExpression"], st.just("Other"))
NUMBERS = mostly([0, 1, 80, 443, 1000, 8080, 65535], st.sampled_from([-1, 65536, 2**31, 2**40]))
DURATIONS = mostly(["0s", "1ms", "10s", "1h30m"], st.sampled_from(["99999h99999h", "-1s", "s", "", "1.5s"]))
"""Strings and numbers that users write, some of them by mistake."""


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Document]:
    """Any of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


def pairs() -> st.SearchStrategy[list[Document]]:
    return st.lists(st.fixed_dictionaries({"name": NAMES, "value": TEXT}), max_size=2)


MATCHES = optional(
    path=st.fixed_dictionaries({"type": MATCH_TYPES, "value": TEXT}),
    method=mostly(["GET", "CONNECT"], st.sampled_from(["get", "ANY", ""])),
    headers=st.lists(st.fixed_dictionaries({"name": NAMES, "type": VALUE_TYPES, "value": TEXT}), max_size=2),
    queryParams=st.lists(st.fixed_dictionaries({"name": NAMES, "type": VALUE_TYPES, "value": TEXT}), max_size=2),
)
HEADERS = optional(set=pairs(), add=pairs(), remove=st.lists(NAMES, max_size=2))
PATHS = st.fixed_dictionaries(
    {"type": mostly(["ReplaceFullPath", "ReplacePrefixMatch"], st.just("Other"))},
    optional={"replaceFullPath": TEXT, "replacePrefixMatch": TEXT},
)
REDIRECTS = optional(
    scheme=mostly(["http", "https"], st.sampled_from(["ftp", ""])),
    hostname=PRECISE,
    path=PATHS,
    port=NUMBERS,
    statusCode=mostly([301, 302, 303, 307, 308], st.just(200)),
)
MODIFIERS = st.one_of(
    st.fixed_dictionaries({"type": st.just("RequestHeaderModifier"), "requestHeaderModifier": HEADERS}),
    st.fixed_dictionaries({"type": st.just("ResponseHeaderModifier"), "responseHeaderModifier": HEADERS}),
)
REDIRECT = st.fixed_dictionaries({"type": st.just("RequestRedirect"), "requestRedirect": REDIRECTS})
REWRITE = st.fixed_dictionaries(
    {"type": st.just("URLRewrite")}, optional={"urlRewrite": optional(hostname=PRECISE, path=PATHS)}
)
MIRRORS = st.fixed_dictionaries(
    {
        "backendRef": st.fixed_dictionaries(
            {"name": mostly(["one", "two"], st.just("missing")), "port": mostly([80], st.just(81))}
        )
    },
    optional={
        "percent": mostly([0, 1, 50, 100], st.sampled_from([-1, 101])),
        "fraction": mostly([{"numerator": 1, "denominator": 3}], st.just({"numerator": 1, "denominator": 0})),
    },
)
MIRROR = st.fixed_dictionaries({"type": st.just("RequestMirror"), "requestMirror": MIRRORS})
ORIGINS = mostly(
    ["https://a.com", "http://*.a.com:8080", "https://*", f"http://*.{'a-' * 120}a"],
    st.one_of(st.sampled_from(["*", "https://A.b", "a.com", "https://*a.com", "https://a:99999"]), st.text(max_size=3)),
)
POLICIES = optional(
    allowOrigins=st.lists(ORIGINS, max_size=2),
    allowMethods=mostly([["*"], ["GET", "PUT"]], st.just(["get"])),
    allowHeaders=st.lists(NAMES, max_size=2),
    exposeHeaders=st.lists(NAMES, max_size=2),
    allowCredentials=st.booleans(),
    maxAge=mostly([1, 2**31 - 1], st.sampled_from([0, -1])),
)
CORS = st.fixed_dictionaries({"type": st.just("CORS"), "cors": POLICIES})
AUTH = st.fixed_dictionaries(
    {
        "type": st.just("ExternalAuth"),
        "externalAuth": st.fixed_dictionaries(
            {
                "protocol": mostly(["HTTP", "GRPC"], st.just("Other")),
                "backendRef": st.fixed_dictionaries(
                    {"name": mostly(["one", "two"], st.just("missing")), "port": mostly([80], st.just(81))}
                ),
            },
            optional={
                "http": optional(
                    path=TEXT,
                    allowedHeaders=st.lists(NAMES, max_size=2),
                    allowedResponseHeaders=st.lists(NAMES, max_size=2),
                ),
                "grpc": optional(allowedHeaders=st.lists(NAMES, max_size=2)),
                "forwardBody": optional(maxSize=NUMBERS),
            },
        ),
    }
)
OTHER = st.just({"type": "ExtensionRef"})
FAR = {"name": "far", "namespace": "other", "port": 80}
NEAR = st.fixed_dictionaries(
    {"name": mostly(["one", "two"], st.sampled_from(["missing", ""])), "port": mostly([80], st.just(81))},
    optional={
        "weight": NUMBERS,
        "filters": st.lists(st.one_of(MODIFIERS, REWRITE, REDIRECT, MIRROR, CORS), max_size=2),
        "kind": mostly(["Service"], st.just("Other")),
    },
)
BACKENDS = mostly([NEAR] * 7 + [st.just(FAR)], st.just(NEAR)).flatmap(lambda of: of)
DATAGRAM_BACKENDS = st.just({"name": "dns-one", "port": 53}) | BACKENDS
MATCHING = {"matches": st.lists(MATCHES, max_size=2)}
FORWARDING = optional(
    **MATCHING,
    filters=st.lists(
        st.one_of(MODIFIERS, REWRITE, MIRROR, CORS, AUTH), max_size=2, unique_by=lambda each: each["type"]
    ),
    backendRefs=st.lists(BACKENDS, min_size=1, max_size=2),
    timeouts=optional(request=DURATIONS, backendRequest=DURATIONS),
    retry=optional(
        codes=st.lists(mostly([500, 503, 404], st.sampled_from([200, 0, 600])), max_size=2),
        attempts=NUMBERS,
        backoff=DURATIONS,
    ),
    sessionPersistence=optional(
        sessionName=NAMES,
        absoluteTimeout=DURATIONS,
        type=mostly(["Cookie", "Header"], st.just("Other")),
        cookieConfig=optional(lifetimeType=mostly(["Permanent", "Session"], st.just("Other"))),
    ),
)
REDIRECTING = optional(
    **MATCHING,
    filters=st.lists(st.one_of(MODIFIERS, REDIRECT, AUTH), min_size=1, max_size=2, unique_by=lambda each: each["type"]),
)
CONFUSED = optional(
    **MATCHING,
    filters=st.lists(st.one_of(REDIRECT, REWRITE, OTHER), max_size=2),
    backendRefs=st.lists(BACKENDS, max_size=2),
)
GRPC_MATCHES = optional(
    method=optional(type=VALUE_TYPES, service=mostly(["a.B", "[a-z.]+"], TEXT), method=mostly(["M", ".*"], TEXT)),
    headers=st.lists(st.fixed_dictionaries({"name": NAMES, "type": VALUE_TYPES, "value": TEXT}), max_size=2),
)
GRPC_RULES = optional(
    matches=st.lists(GRPC_MATCHES, max_size=2),
    filters=st.lists(st.one_of(MODIFIERS, MIRROR, OTHER), max_size=2, unique_by=lambda each: each["type"]),
    backendRefs=st.lists(BACKENDS, min_size=1, max_size=2),
    sessionPersistence=optional(sessionName=NAMES, type=mostly(["Cookie", "Header"], st.just("Other"))),
)
RULES = st.one_of(FORWARDING, FORWARDING, REDIRECTING, REDIRECTING, CONFUSED)
PARENTS = mostly(
    [{"name": "eg"}, {"name": "eg"}, {"kind": "ListenerSet", "name": "s0"}],
    st.fixed_dictionaries(
        {"name": st.just("eg"), "sectionName": st.sampled_from(["l0", "l1"])}, optional={"port": NUMBERS}
    ),
)
TLS = {"certificateRefs": [{"name": "certificate"}, {"name": "missing"}]}
HANDSHAKES: dict[str, list[Any]] = {
    "HTTPS": [TLS],
    "TLS": [{**TLS, "mode": "Terminate"}, {"mode": "Passthrough"}, {"mode": "Passthrough"}],
}
"""By protocol of a listener, its `tls`."""
LISTENERS = st.sampled_from(
    [("HTTP", 80), ("HTTP", 8080), ("HTTPS", 443), ("TLS", 443), ("TLS", 443), ("TCP", 9000), ("UDP", 9000)]
).flatmap(
    lambda usual: st.fixed_dictionaries(
        {
            "protocol": mostly([usual[0]], st.sampled_from(["TCP", "UDP", "TLS", ""])),
            "port": mostly([usual[1]], st.sampled_from([80, 10080, 0, 65536])),
            **({"tls": mostly(HANDSHAKES[usual[0]], st.just({}))} if usual[0] in HANDSHAKES else {}),
        },
        optional={} if usual[0] in ("TCP", "UDP") else {"hostname": HOSTNAMES},
    )
)


VALIDATIONS = st.fixed_dictionaries(
    {
        "caCertificateRefs": st.lists(
            mostly(
                [{"group": "", "kind": "ConfigMap", "name": name} for name in ("authority", "another-authority")],
                st.just({"group": "", "kind": "ConfigMap", "name": "missing"}),
            ),
            max_size=2,
        )
    },
    optional={"mode": st.just("AllowInsecureFallback")},
)
CLIENTS = st.fixed_dictionaries(
    {"default": optional(validation=VALIDATIONS)},
    optional={
        "perPort": st.lists(
            st.fixed_dictionaries({"port": st.just(443), "tls": optional(validation=VALIDATIONS)}), max_size=1
        )
    },
)
CERTIFICATES = mostly([{"name": "certificate"}], st.just({"name": "missing"}))
TLS_OF_GATEWAYS = st.none() | optional(
    frontend=CLIENTS, backend=st.fixed_dictionaries({"clientCertificateRef": CERTIFICATES})
)
SETTINGS = st.sampled_from(
    [
        GraphSettings(),
        GraphSettings(route_scoping="always"),
        GraphSettings(privileged_port_shift=0, bind_address="::", gateway_namespace_mode=True),
    ]
)


def decoded(kind: str, name: str, spec: Document, namespace: str = "default") -> tuple[tuple[str, ObjectKey], Object]:
    metadata = {"name": name, "namespace": namespace, "generation": 1}
    found = msgspec.convert({"metadata": metadata, "spec": spec}, KINDS[kind].type)
    return (kind, found.key), found


def named(at_most: int) -> st.SearchStrategy[list[Document]]:
    """The listeners of one object."""
    return st.lists(LISTENERS, min_size=1, max_size=at_most).map(
        lambda found: [{"name": f"l{i}", **listener} for i, listener in enumerate(found)]
    )


SANS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"type": st.just("Hostname"), "hostname": HOSTNAMES}),
        st.fixed_dictionaries({"type": st.just("URI"), "uri": TEXT | st.just("spiffe://a/b")}),
        st.just({"type": "Email"}),
    ),
    max_size=2,
)
AUTHORITIES_OF_BACKENDS = mostly(
    [{"caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "authority"}]}],
    st.sampled_from([{}, {"wellKnownCACertificates": "System"}, {"wellKnownCACertificates": "other/one"}]),
)


@st.composite
def worlds(draw: st.DrawFn) -> Objects:
    """The shared world with a Gateway and routes in it that may be wrong in every way."""
    gateway = {"gatewayClassName": "eg", "listeners": draw(named(4)), "tls": draw(TLS_OF_GATEWAYS)}
    found = [decoded("Gateway", "eg", gateway | {"allowedListeners": {"namespaces": {"from": "All"}}})]
    found += [
        decoded("ListenerSet", f"s{i}", {"parentRef": {"name": "eg"}, "listeners": listeners})
        for i, listeners in enumerate(draw(st.lists(named(3), max_size=2)))
    ]
    for kind, one_rule, most in (("HTTPRoute", RULES, 3), ("GRPCRoute", GRPC_RULES, 1)):
        for i in range(draw(st.integers(0, most))):
            spec = {
                "parentRefs": draw(st.lists(PARENTS, min_size=1, max_size=2)),
                "hostnames": draw(st.lists(HOSTNAMES, max_size=2)),
                "rules": draw(st.lists(one_rule, max_size=3)),
            }
            found.append(decoded(kind, f"{kind[0].lower()}{i}", spec))
    for kind, hostnames, backends in (
        ("TCPRoute", st.just({}), BACKENDS),
        ("TLSRoute", st.lists(HOSTNAMES, min_size=1, max_size=2).map(lambda found: {"hostnames": found}), BACKENDS),
        ("UDPRoute", st.just({}), DATAGRAM_BACKENDS),
    ):
        for i in range(draw(st.integers(0, 2))):
            rules = [{"backendRefs": draw(st.lists(backends, min_size=1, max_size=2) | st.just([]))}]
            found.append(decoded(kind, f"l{i}", {"parentRefs": [draw(PARENTS)], "rules": rules, **draw(hostnames)}))
    if draw(st.booleans()):
        kinds = ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute")
        from_ = [{"group": "gateway.networking.k8s.io", "kind": kind, "namespace": "default"} for kind in kinds]
        grant = {"from": from_, "to": [{"group": "", "kind": "Service"}]}
        found.append(decoded("ReferenceGrant", "grant", grant, "other"))
    for i in range(draw(st.integers(0, 1))):
        spec = {
            "targetRefs": [{"group": "", "kind": "Service", "name": draw(st.sampled_from(["one", "two"]))}],
            "validation": {**draw(AUTHORITIES_OF_BACKENDS), "hostname": draw(PRECISE), "subjectAltNames": draw(SANS)},
        }
        found.append(decoded("BackendTLSPolicy", f"p{i}", spec))
    if draw(st.booleans()):
        spec = {
            "type": "ExternalHostname",
            "externalHostname": {"hostname": draw(PRECISE)},
            "port": {"port": draw(st.integers(-1, 65536))},
            "tls": {**draw(st.sampled_from([{"mode": "None"}, {"mode": "ServerOnly"}, {"mode": "x"}]))},
        }
        found.append(decoded("XBackend", "one", spec))
    if draw(st.booleans()):
        spec = {
            "targetRefs": [{"group": "", "kind": "Service", "name": draw(st.sampled_from(["one", "two"]))}],
            "retryConstraint": {"budget": {"percent": draw(st.integers(-1, 101))}},
            "sessionPersistence": draw(st.sampled_from([None, {}, {"sessionName": "ä b"}, {"type": "Header"}])),
        }
        found.append(decoded("XBackendTrafficPolicy", "t", spec))
    return {**world(), **dict(found)}
