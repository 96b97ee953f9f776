"""What the API server would refuse, beyond types."""

import msgspec
import pytest

from k8s_watch.files.paths import dotted
from k8s_watch.files.rules import broken_rules
from k8s_watch.objects import backends, core, gateway, grpc_route, policies, routes
from k8s_watch.objects.meta import Shape


def broken(shape: type[Shape], **fields: object) -> list[str]:
    value = msgspec.convert(fields, shape)
    return [f"{dotted(path)}: {reason}" for path, reason in broken_rules(value)]


LISTENER = {"name": "a", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "c"}]}}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, ""),
        ({"port": 0}, "port"),
        ({"name": "A"}, "name"),
        ({"hostname": "*.example.com"}, ""),
        ({"hostname": "a.*.com"}, "hostname"),
        ({"hostname": "Example.com"}, "hostname"),
        ({"protocol": "HTTP"}, "tls"),
        ({"protocol": "TCP", "tls": None}, ""),
        ({"protocol": "TCP", "tls": None, "hostname": "a.com"}, "hostname"),
        ({"protocol": "TLS", "tls": None}, "tls"),
        ({"tls": {"mode": "Passthrough"}}, "tls.mode"),
        ({"tls": {"mode": "Terminate"}}, "tls.certificateRefs"),
        ({"protocol": "example.com/QUIC", "tls": None}, ""),
    ],
)
def test_a_listener_says_what_goes_with_its_protocol(change: dict[str, object], field: str) -> None:
    found = broken(gateway.Listener, **(LISTENER | change))
    assert [one.partition(":")[0] for one in found] == ([field] if field else [])


def test_listeners_need_names_of_their_own() -> None:
    found = broken(gateway.GatewaySpec, gatewayClassName="eg", listeners=[LISTENER, LISTENER])
    assert found == ["listeners[1].name: 'a' is already taken: names must differ"]


def test_addresses_of_one_type_differ() -> None:
    addresses = [{"value": "a"}, {"type": "Hostname", "value": "a"}, {}, {}, {"type": "IPAddress", "value": "a"}]
    found = broken(gateway.GatewaySpec, gatewayClassName="eg", listeners=[LISTENER], addresses=addresses)
    assert found == ["addresses[4].value: 'a' is already taken: names must differ"]


CA = {"validation": {"caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}]}}


@pytest.mark.parametrize(
    ("frontend", "field"),
    [
        ({"default": CA, "perPort": [{"port": 443, "tls": CA}, {"port": 8443, "tls": {}}]}, ""),
        ({"default": {"validation": {"caCertificateRefs": []}}}, "default.validation.caCertificateRefs"),
        ({"default": {"validation": {**CA["validation"], "mode": "Any"}}}, "default.validation.mode"),
        ({"default": {}, "perPort": [{"port": 0, "tls": CA}]}, "perPort[0].port"),
    ],
)
def test_client_certificates_need_an_authority_and_a_mode(frontend: dict[str, object], field: str) -> None:
    found = broken(gateway.FrontendTls, **frontend)
    assert [one.partition(":")[0] for one in found] == ([field] if field else [])


def test_a_port_has_one_way_of_checking_clients() -> None:
    found = broken(gateway.FrontendTls, default={}, perPort=[{"port": 443, "tls": {}}, {"port": 443, "tls": CA}])
    assert [one.partition(":")[0] for one in found] == ["perPort[0].port", "perPort[1].port"]


def test_a_listener_set_needs_what_a_gateway_needs() -> None:
    found = broken(gateway.ListenerSetSpec, parentRef={"name": "eg", "namespace": "A"}, listeners=[LISTENER, LISTENER])
    assert [one.partition(":")[0] for one in found] == ["parentRef.namespace", "listeners[1].name"]
    assert broken(gateway.ListenerSetSpec, parentRef={"name": "eg"}) == ["listeners: is empty: at least 1 is needed"]


def test_a_scope_of_default_gateways_is_all_or_none() -> None:
    gateway_of = {"gatewayClassName": "eg", "listeners": [LISTENER]}
    assert not broken(gateway.GatewaySpec, **gateway_of, defaultScope="All")
    assert broken(gateway.GatewaySpec, **gateway_of, defaultScope="Some") == [
        "defaultScope: 'Some' is not one of All, None"
    ]
    assert not broken(routes.HTTPRouteSpec, useDefaultGateways="None")
    assert broken(routes.HTTPRouteSpec, useDefaultGateways="Some")


def test_a_gateway_needs_a_listener() -> None:
    assert broken(gateway.GatewaySpec, gatewayClassName="eg") == ["listeners: is empty: at least 1 is needed"]


@pytest.mark.parametrize("value", ["a", "/a//b", "/a/../b", "/a/.", "/%2f", "/a b", "/#"])
def test_a_path_that_no_request_can_have_is_refused(value: str) -> None:
    assert broken(routes.HTTPPathMatch, value=value)
    assert not broken(routes.HTTPPathMatch, type="RegularExpression", value=value)


@pytest.mark.parametrize(
    ("retry", "field"),
    [
        ({"codes": [400, 599], "attempts": 1, "backoff": "1s"}, ""),
        ({"codes": [500, 399]}, "codes"),
        ({"attempts": 0}, "attempts"),
        ({"backoff": "1.5s"}, "backoff"),
    ],
)
def test_a_retry_has_bounds(retry: dict[str, object], field: str) -> None:
    assert [one.partition(":")[0] for one in broken(routes.HTTPRouteRetry, **retry)] == ([field] if field else [])


@pytest.mark.parametrize(
    ("session", "field"),
    [
        ({}, ""),
        ({"type": "Header", "sessionName": "X-Session"}, ""),
        ({"absoluteTimeout": "1h", "cookieConfig": {"lifetimeType": "Permanent"}}, ""),
        ({"type": "Address"}, "type"),
        ({"sessionName": "a" * 129}, "sessionName"),
        ({"absoluteTimeout": "1.5h"}, "absoluteTimeout"),
        ({"type": "Header", "cookieConfig": {}}, "cookieConfig"),
        ({"cookieConfig": {"lifetimeType": "Permanent"}}, "absoluteTimeout"),
        ({"cookieConfig": {"lifetimeType": "Forever"}}, "cookieConfig.lifetimeType"),
    ],
)
def test_a_session_has_what_goes_with_its_type(session: dict[str, object], field: str) -> None:
    assert [one.partition(":")[0] for one in broken(routes.SessionPersistence, **session)] == ([field] if field else [])


@pytest.mark.parametrize(
    ("auth", "field"),
    [
        ({"protocol": "HTTP", "http": {"path": "/check"}, "forwardBody": {"maxSize": 65535}}, ""),
        ({"protocol": "GRPC", "grpc": {}}, ""),
        ({"protocol": "HTTP"}, "http"),
        ({"protocol": "HTTP", "http": {}, "grpc": {}}, "grpc"),
        ({"protocol": "TCP"}, "protocol"),
        ({"protocol": "HTTP", "http": {"path": "a?"}}, "http.path"),
        ({"protocol": "GRPC", "grpc": {}, "forwardBody": {"maxSize": 65536}}, "forwardBody.maxSize"),
    ],
)
def test_an_authorizer_has_what_goes_with_its_protocol(auth: dict[str, object], field: str) -> None:
    found = broken(routes.HTTPExternalAuth, backendRef={"name": "auth", "port": 80}, **auth)
    assert [one.partition(":")[0] for one in found] == ([field] if field else [])


@pytest.mark.parametrize("value", ["/", "/a/", "/a.b/..c", "/%20", "/a;b=c,d"])
def test_a_normal_path_is_fine(value: str) -> None:
    assert not broken(routes.HTTPPathMatch, type="Exact", value=value)


REWRITE = {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}
MIRROR = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "a", "port": 1}}}
CORS = {"type": "CORS", "cors": {}}
REDIRECT = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"filters": [REWRITE]}, ""),
        ({"filters": [REDIRECT]}, ""),
        ({"filters": [REDIRECT, REDIRECT]}, "filters"),
        ({"filters": [REDIRECT, REWRITE]}, "filters"),
        ({"filters": [REDIRECT], "backendRefs": [{"name": "a", "port": 1}]}, "backendRefs"),
        ({"filters": [REWRITE], "matches": [{}, {}]}, "matches"),
        ({"filters": [REWRITE], "matches": [{"path": {"type": "Exact"}}]}, "matches"),
        ({"filters": [{"type": "URLRewrite"}]}, "filters[0].urlRewrite"),
        ({"filters": [{**REDIRECT, "type": "CORS", "cors": {}}]}, "filters[0].requestRedirect"),
        ({"filters": [{"type": "Redirect"}]}, "filters[0].type"),
        ({"filters": [{"type": "CORS"}]}, "filters[0].cors"),
        ({"filters": [CORS, CORS]}, "filters"),
        ({"filters": [MIRROR, MIRROR]}, ""),
        ({"filters": [{"type": "RequestMirror"}]}, "filters[0].requestMirror"),
        ({"backendRefs": [{"name": "a", "port": 1, "filters": [REWRITE]}]}, ""),
        ({"backendRefs": [{"name": "a", "port": 1, "filters": [REDIRECT, REWRITE]}]}, "backendRefs[0].filters"),
        ({"backendRefs": [{"name": "a", "port": 1, "filters": [REWRITE]}], "matches": [{}, {}]}, "matches"),
        ({"backendRefs": [{"name": "a"}]}, "backendRefs[0].port"),
        ({"backendRefs": [{"name": "a", "kind": "Other", "group": "example.com"}]}, ""),
        ({"timeouts": {"request": "10"}}, "timeouts.request"),
        ({"timeouts": {"request": "1h30m"}}, ""),
    ],
)
def test_a_rule_says_what_goes_together(rule: dict[str, object], field: str) -> None:
    found = broken(routes.HTTPRouteRule, **rule)
    assert [one.partition(":")[0] for one in found] == ([field] if field else [])


@pytest.mark.parametrize(
    ("mirror", "field"),
    [
        ({"percent": 100}, ""),
        ({"percent": 101}, "percent"),
        ({"fraction": {"numerator": 1}}, ""),
        ({"fraction": {"numerator": 101}}, "fraction.numerator"),
        ({"fraction": {"numerator": 0, "denominator": 0}}, "fraction.denominator"),
        ({"percent": 1, "fraction": {"numerator": 1}}, "percent"),
        ({"backendRef": {"name": "a"}}, "backendRef.port"),
    ],
)
def test_a_mirror_has_a_port_and_one_share(mirror: dict[str, object], field: str) -> None:
    found = broken(routes.HTTPRequestMirror, **({"backendRef": {"name": "a", "port": 1}} | mirror))
    assert [one.partition(":")[0] for one in found] == ([field] if field else [])


@pytest.mark.parametrize(
    ("cors", "field"),
    [
        ({"allowOrigins": ["*"], "allowMethods": ["*"], "allowHeaders": ["*"], "exposeHeaders": ["*", "a"]}, ""),
        ({"allowOrigins": ["https://*.a.com:8443", "http://*", "http://a"]}, ""),
        ({"allowOrigins": ["a.com"]}, "allowOrigins"),
        ({"allowOrigins": ["https://a.com/"]}, "allowOrigins"),
        ({"allowOrigins": ["*", "http://a"]}, "allowOrigins"),
        ({"allowOrigins": ["http://a", "http://a"]}, "allowOrigins[1]"),
        ({"allowMethods": ["get"]}, "allowMethods"),
        ({"allowMethods": ["*", "GET"]}, "allowMethods"),
        ({"allowHeaders": ["*", "a"]}, "allowHeaders"),
        ({"allowHeaders": ["a b"]}, "allowHeaders"),
        ({"maxAge": 0}, "maxAge"),
    ],
)
def test_cors_lists_what_browsers_know(cors: dict[str, object], field: str) -> None:
    found = broken(routes.HTTPCors, **cors)
    assert [one.partition(":")[0] for one in found] == ([field] if field else [])


def test_a_path_modifier_has_the_field_of_its_type() -> None:
    assert broken(routes.HTTPPathModifier, type="ReplaceFullPath", replacePrefixMatch="/")
    assert not broken(routes.HTTPPathModifier, type="ReplaceFullPath", replaceFullPath="/")


def test_an_endpoint_is_an_address_of_its_slices_type() -> None:
    ipv4 = {"metadata": {"name": "a"}, "endpoints": [{"addresses": ["10.0.0.1", "localhost", "::1"]}]}
    assert len(broken(core.EndpointSlice, addressType="IPv4", **ipv4)) == 2
    assert not broken(core.EndpointSlice, addressType="FQDN", **ipv4)


def test_several_ports_of_a_service_need_names() -> None:
    assert broken(core.ServiceSpec, ports=[{"port": 1}, {"port": 2}])
    assert not broken(core.ServiceSpec, ports=[{"port": 1}])


def test_what_is_not_set_is_not_checked() -> None:
    assert not broken(routes.HTTPRouteSpec)


TARGET = {"group": "", "kind": "Service", "name": "a"}

VALIDATION = {"hostname": "a.com", "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}]}


@pytest.mark.parametrize(
    ("targets", "field"),
    [
        ([{}], ""),
        ([{}, {"name": "b"}, {"kind": "Other"}], ""),
        ([{"sectionName": "x"}, {"sectionName": "y"}], ""),
        ([{"sectionName": "x"}, {"sectionName": "x"}], "spec.targetRefs[1]"),
        ([{}, {"sectionName": "x"}], "spec.targetRefs[1]"),
        ([{"sectionName": "x"}, {}], "spec.targetRefs[1]"),
        ([], "spec.targetRefs"),
    ],
)
def test_a_policy_targets_nothing_twice(targets: list[dict[str, str]], field: str) -> None:
    spec = {"targetRefs": [TARGET | target for target in targets], "validation": VALIDATION}
    found = broken(policies.BackendTLSPolicy, metadata={"name": "p"}, spec=spec)
    assert [one.partition(":")[0] for one in found] == ([field] if field else [])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, ""),
        ({"caCertificateRefs": [], "wellKnownCACertificates": "System"}, ""),
        ({"wellKnownCACertificates": "System"}, "wellKnownCACertificates"),
        ({"caCertificateRefs": []}, "caCertificateRefs"),
        ({"hostname": "*.a.com"}, "hostname"),
        ({"subjectAltNames": [{"type": "Hostname", "hostname": "*.a.com"}, {"type": "URI", "uri": "a://b"}]}, ""),
        ({"subjectAltNames": [{"type": "Hostname", "hostname": "a.com", "uri": "a://b"}]}, "subjectAltNames[0].uri"),
        ({"subjectAltNames": [{"type": "URI"}]}, "subjectAltNames[0].uri"),
        ({"subjectAltNames": [{"type": "URI", "uri": "a"}]}, "subjectAltNames[0].uri"),
        ({"subjectAltNames": [{"type": "Email"}]}, "subjectAltNames[0].type"),
    ],
)
def test_a_backend_is_validated_in_one_way(change: dict[str, object], field: str) -> None:
    found = broken(policies.BackendTLSPolicyValidation, **(VALIDATION | change))
    assert [one.partition(":")[0] for one in found] == ([field] if field else [])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"retryConstraint": {}, "sessionPersistence": {}}, ""),
        ({"targetRefs": [TARGET | {"sectionName": "x"}]}, "targetRefs[0].sectionName"),
        ({"retryConstraint": {"budget": {"percent": 101}}}, "retryConstraint.budget.percent"),
        ({"retryConstraint": {"budget": {"interval": "fast"}}}, "retryConstraint.budget.interval"),
        ({"retryConstraint": {"minRetryRate": {"count": 0}}}, "retryConstraint.minRetryRate.count"),
        ({"sessionPersistence": {"type": "Other"}}, "sessionPersistence.type"),
    ],
)
def test_what_a_policy_says_of_traffic_is_within_bounds(change: dict[str, object], field: str) -> None:
    found = broken(policies.XBackendTrafficPolicySpec, **({"targetRefs": [TARGET]} | change))
    assert [one.partition(":")[0] for one in found] == ([field] if field else [])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, ""),
        ({"tls": {"mode": "ClientAndServer", "clientCertificateRef": {"name": "c"}}}, ""),
        ({"tls": {"mode": "ServerOnly", "validation": VALIDATION}}, ""),
        ({"type": "Other"}, "type"),
        ({"externalHostname": None}, "externalHostname"),
        ({"externalHostname": {"hostname": "a.b.svc.cluster.local"}}, "externalHostname.hostname"),
        ({"externalHostname": {"hostname": "*.a.com"}}, "externalHostname.hostname"),
        ({"port": {"port": 0}}, "port.port"),
        ({"protocol": "SPDY"}, "protocol"),
        ({"tls": {"mode": "Some"}}, "tls.mode"),
        ({"tls": {"mode": "ClientAndServer"}}, "tls.clientCertificateRef"),
        ({"tls": {"mode": "ServerOnly", "clientCertificateRef": {"name": "c"}}}, "tls.clientCertificateRef"),
    ],
)
def test_an_external_backend_is_well_said(change: dict[str, object], field: str) -> None:
    spec = {"type": "ExternalHostname", "externalHostname": {"hostname": "a.com"}, "port": {"port": 443}}
    found = broken(backends.XBackendSpec, **(spec | change))
    assert [one.partition(":")[0] for one in found] == ([field] if field else [])


@pytest.mark.parametrize(
    ("hostnames", "fits"),
    [
        (["a.com", "*.b.com"], True),
        (["10.0.0.1.nip.io"], True),
        ([], False),
        (["10.0.0.1"], False),
        (["*"], False),
        (["A.com"], False),
    ],
)
def test_a_tls_route_has_names_that_a_client_can_ask_for(hostnames: list[str], fits: bool) -> None:
    rules = [{"backendRefs": [{"name": "a", "port": 1}]}]
    found = broken(routes.TLSRouteSpec, hostnames=hostnames, rules=rules)
    assert [one.partition(":")[0] for one in found] == ([] if fits else ["hostnames"])


@pytest.mark.parametrize(
    ("shape", "value", "fits"),
    [
        (routes.HTTPRouteMatch, "a b", True),
        (routes.HTTPRouteMatch, "a  b", False),
        (grpc_route.GRPCRouteMatch, "a  b", True),
        (grpc_route.GRPCRouteMatch, "", False),
        (grpc_route.GRPCRouteMatch, "a" * 4097, False),
    ],
)
def test_a_match_of_a_header_has_a_value_that_its_kind_takes(shape: type[Shape], value: str, fits: bool) -> None:
    found = broken(shape, headers=[{"name": "x", "value": value}])
    assert [one.partition(":")[0] for one in found] == ([] if fits else ["headers[0].value"])


def test_a_route_of_bytes_has_one_rule_with_backends() -> None:
    rule = {"backendRefs": [{"name": "a", "port": 1}]}
    assert broken(routes.L4RouteSpec, rules=[rule]) == []
    assert broken(routes.L4RouteSpec, rules=[rule, rule])
    assert broken(routes.L4RouteSpec, rules=[{"backendRefs": []}])
