"""The policies of the worlds in `worlds`, without their metadata."""

from typing import Any

from hypothesis import strategies as st

SERVICE = {"group": "", "kind": "Service"}
CONFIG_MAP = {"group": "", "kind": "ConfigMap"}
NAMES = [{"type": "URI", "uri": "spiffe://a/b"}, {"type": "Hostname", "hostname": "b"}]
GOOD: dict[str, Any] = {"hostname": "a.example.com", "caCertificateRefs": [CONFIG_MAP | {"name": "ca"}]}

FIRST: dict[str, Any] = {"spec": {"targetRefs": [SERVICE | {"name": "api"}], "validation": GOOD}}
"""One that is followed where the ConfigMap `ca` is one of authorities."""
FIRST_TRAFFIC: dict[str, Any] = {
    "spec": {"targetRefs": [SERVICE | {"name": "web"}], "retryConstraint": {}, "sessionPersistence": {}}
}


def backend_tls_policies(controller: str) -> st.SearchStrategy[dict[str, Any]]:
    """BackendTLSPolicies of the Services `web` and `api`; some have been told of by the controller, or by another."""
    target = st.builds(
        lambda name, section, kind: kind | {"name": name} | section,
        st.sampled_from(["web", "api"]),
        st.sampled_from([{}, {}, {"sectionName": "http"}, {"sectionName": "other"}]),
        st.sampled_from([SERVICE, SERVICE, SERVICE, {"group": "example.com", "kind": "Other"}]),
    )
    changes: list[dict[str, Any]] = [
        {},
        {},
        {"hostname": "b.example.com"},
        {"hostname": "BAD"},
        {"subjectAltNames": NAMES},
        {"caCertificateRefs": [CONFIG_MAP | {"name": "ca"}, CONFIG_MAP | {"name": "key"}]},
        {"caCertificateRefs": [CONFIG_MAP | {"name": "key"}]},
        {"caCertificateRefs": [{"group": "", "kind": "Secret", "name": "cert"}]},
        {"caCertificateRefs": [{"group": "", "kind": "Other", "name": "ca"}]},
        {"caCertificateRefs": [], "wellKnownCACertificates": "System"},
        {"wellKnownCACertificates": "System"},
    ]
    entries = [{"ancestorRef": {"name": "g"}, "controllerName": name} for name in (controller, "example.com/theirs")]
    return st.fixed_dictionaries(
        {
            "spec": st.fixed_dictionaries(
                {
                    "targetRefs": st.lists(target, max_size=2),
                    "validation": st.sampled_from(changes).map(lambda change: GOOD | change),
                }
            ),
            "status": st.sampled_from([[], entries[:1], entries[1:]]).map(lambda found: {"ancestors": found}),
        }
    )


def backend_traffic_policies(controller: str) -> st.SearchStrategy[dict[str, Any]]:
    """XBackendTrafficPolicies of the Services `web` and `api`, in the same way."""
    entries = [{"ancestorRef": {"name": "g"}, "controllerName": name} for name in (controller, "example.com/theirs")]
    return st.fixed_dictionaries(
        {
            "spec": st.fixed_dictionaries(
                {"targetRefs": st.lists(st.sampled_from([SERVICE | {"name": n} for n in ("web", "api")]), max_size=2)},
                optional={"retryConstraint": st.sampled_from(CONSTRAINTS), "sessionPersistence": SESSIONS},
            ),
            "status": st.sampled_from([[], entries[:1], entries[1:]]).map(lambda found: {"ancestors": found}),
        }
    )


CONSTRAINTS: list[dict[str, Any]] = [
    {},
    {"budget": {"percent": 30}},
    {"minRetryRate": {"count": 1, "interval": "1m"}},
    {"budget": {"interval": "2h"}},
]
SESSIONS = st.sampled_from([{}, {"sessionName": "s"}, {"type": "Header"}])


def backends(controller: str) -> st.SearchStrategy[dict[str, Any]]:
    """XBackends that may be wrong in every way, told of in the same way."""
    entries = [{"parentRef": {"name": "g"}, "controllerName": name} for name in (controller, "example.com/theirs")]
    return st.fixed_dictionaries(
        {
            "spec": st.fixed_dictionaries(
                {
                    "type": st.sampled_from(["ExternalHostname"] * 5 + ["Other"]),
                    "port": st.sampled_from([{"port": 443}, {"port": 443}, {"port": 80}, {"port": 19000}]),
                },
                optional={
                    "externalHostname": st.sampled_from(["a.example.com", "web", "a.svc"]).map(
                        lambda n: {"hostname": n}
                    ),
                    "protocol": st.sampled_from(["HTTP", "H2C", "GRPC", "TCP", "MCP"]),
                    "tls": st.sampled_from(TLS),
                },
            ),
            "status": st.sampled_from([[], entries[:1], entries[1:]]).map(lambda found: {"parents": found}),
        }
    )


TLS: list[dict[str, Any]] = [
    {"mode": "None"},
    {"mode": "ServerOnly"},
    {"mode": "ServerOnly", "validation": GOOD},
    {"mode": "ServerOnly", "validation": GOOD | {"hostname": "BAD"}},
    {"mode": "ClientAndServer", "clientCertificateRef": {"name": "cert"}, "validation": GOOD},
    {"mode": "ClientAndServer", "clientCertificateRef": {"name": "cert", "namespace": "b"}},
    {"mode": "ClientAndServer"},
]
FIRST_BACKEND: dict[str, Any] = {
    "spec": {"type": "ExternalHostname", "port": {"port": 443}, "externalHostname": {"hostname": "a.example.com"}}
    | {"tls": TLS[4]}
}
