"""Configurations that broke other gateways: whatever reaches translation, Envoy accepts, or says no to one thing alone.

A table accepted here is one that Envoy would apply. What must be stopped before translation, because no faithful and
valid encoding exists, is in `MUST_BE_STOPPED_BEFORE`: the graph and the secrets' own checks do that, and Envoy's
verdict here shows why.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway_api.ir import xds as ir
from tests.certificates import ODDLY_WRITTEN, UNUSABLE
from tests.envoy.gateways import clusters, forward, host, http_chain, http_gateway, prefix
from tests.envoy.validation import validation_bootstrap
from tests.gateway_api.conftest import certificate
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

NAME = ir.ClusterName("service/default/svc/80")
TO = ir.Destination(cluster=NAME, weight=1)


def verdict(
    ask: Callable[[str], str],
    *,
    hosts: Sequence[ir.VirtualHost] = (),
    tls: ir.DownstreamTls | None = None,
    places: Sequence[ir.Endpoints] = (),
    **fields: Any,
) -> str:
    backends = clusters(NAME, protocol="http2")
    gateway = http_gateway(10080, *hosts, chains=[http_chain(tls=tls)], clusters=backends, **fields)
    return ask(validation_bootstrap(assemble(gateway, places)))


def route(action: ir.Action | None = None, path: ir.PathMatch | None = None, **match: Any) -> ir.Route:
    found = ir.Match(path=path or prefix("/"), **match)
    return ir.Route(name="incident", match=found, action=action or forward(NAME))


def regex(value: str) -> ir.PathMatch:
    return ir.PathMatch(kind="regex", value=value)


def modified(**mods: Any) -> ir.Route:
    headers = ir.HeaderMods(**mods)
    destination = ir.Destination(cluster=NAME, weight=1, request_headers=headers, response_headers=headers)
    action = ir.Forward(destinations=(TO, destination))
    match = ir.Match(path=prefix("/"))
    return ir.Route(name="incident", match=match, action=action, request_headers=headers, response_headers=headers)


def rewritten(kind: Literal["full", "prefix"], value: str, matched: str = "/a") -> tuple[ir.Route, ir.Route]:
    path = ir.PathRewrite(kind=kind, value=value, matched=matched)
    return route(ir.Forward(destinations=(TO,), path=path)), route(ir.Redirect(status=302, path=path))


ACCEPTED = {
    "no routes at all": (),
    "Host among the headers to set": (modified(set=(("Host", "x"), (":authority", "x"))),),
    "Host among the headers to remove": (modified(remove=("Host", ":path")),),
    "a command that Envoy does not know": (modified(set=(("x", "%RES()% %FOO%"),)),),
    "a lone percent sign": (modified(add=(("x", "100%"),)),),
    "a line break in a header": (modified(set=(("x", "a\r\nb: c"),)),),
    "a header name that is none": (modified(set=(("x y", "z"),), remove=("é",)),),
    "a line break in a rewritten prefix": rewritten("prefix", "/a\r\nX: y"),
    "a line break in a rewritten path": rewritten("full", "/a\r\nX: y"),
    "a group that the pattern has not": rewritten("full", r"/\9"),
    "a prefix of special characters": rewritten("prefix", "/", matched="/a.(b)+[c]\\"),
    "an empty rewrite": (*rewritten("prefix", ""), *rewritten("full", "")),
    "weights that sum to zero": (route(ir.Forward(destinations=(ir.Destination(cluster=NAME, weight=0),))),),
    "no destination": (route(ir.Forward(destinations=())),),
    "only an invalid backend": (
        route(ir.Forward(destinations=(ir.Destination(cluster=ir.INVALID_BACKEND, weight=1),))),
    ),
    "a timeout of zero": (route(ir.Forward(destinations=(TO,), timeout=0, try_timeout=0)),),
    "a try that may take longer than its request": (route(ir.Forward(destinations=(TO,), timeout=1, try_timeout=2)),),
    "a regex larger than Envoy's default limit": (route(path=regex("/(a{1,50}b{1,50})")),),
    "an empty regex": (
        route(path=regex("")),
        route(headers=(ir.ValueMatch(name="x", kind="regex", value=""),)),
    ),
    "an empty header value": (route(headers=(ir.ValueMatch(name="x", kind="exact", value=""),)),),
    "a prefix with a query": (route(path=prefix("/a?b")), route(path=prefix("/a#b"))),
    "a prefix that ends in slashes": (route(path=prefix("/a//")), route(path=prefix("//")), route(path=prefix(""))),
    "a redirect code that Envoy has not": (route(ir.Redirect(status=399)),),
    "the largest weights": (route(ir.Forward(destinations=(ir.Destination(cluster=NAME, weight=1_000_000),) * 16)),),
}


@pytest.mark.parametrize("incident", ACCEPTED)
def test_an_incident_is_translated_to_what_envoy_accepts(envoy_verdict, incident: str) -> None:
    assert verdict(envoy_verdict, hosts=[host("*", *ACCEPTED[incident])]) == ""


def test_an_address_with_leading_zeros_is_taken(envoy_verdict) -> None:
    place = ir.Endpoint(address="010.0.0.01", port=80)
    assert verdict(envoy_verdict, places=[ir.Endpoints(cluster=NAME, endpoints=(place,))]) == ""


def secret(chain: bytes, key: bytes) -> ir.TlsSecret:
    return ir.TlsSecret(name="default/cert", certificate_chain=chain, private_key=ir.PrivateBytes(key))


MUST_BE_STOPPED_BEFORE: dict[str, dict[str, Any]] = {
    "a regex that is none": {"hosts": [host("*", route(path=regex("(")))]},
    "a regex beyond RE2": {"hosts": [host("*", route(path=regex("(?=a)b")))]},
    "a regex that explodes": {"hosts": [host("*", route(path=regex("(a{1000}){1000}")))]},
    "two hosts of one name": {"hosts": [host("*", route()), host("*", route())]},
    "an endpoint without an address": {
        "places": [ir.Endpoints(cluster=NAME, endpoints=(ir.Endpoint(address="", port=80),))]
    },
    "a certificate that is none": {
        "tls": ir.DownstreamTls(secrets=("default/cert",)),
        "secrets": (secret(b"garbage", b"garbage"),),
    },
    "an authority that is none": {
        "secrets": (ir.CaBundle(name="ca/default/ca", certificates=(b"garbage",)),),
    },
}


@pytest.mark.parametrize("wrong", UNUSABLE)
def test_a_certificate_that_is_unusable_would_be_refused(envoy_verdict, wrong: str) -> None:
    extensions, name = UNUSABLE[wrong]
    key = ec.generate_private_key(ec.SECP256R1())
    chain = certificate(key, *extensions, common_name=name)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    tls = ir.DownstreamTls(secrets=("default/cert",))
    assert verdict(envoy_verdict, tls=tls, secrets=(secret(chain, pem),))


@pytest.mark.parametrize("oddly", ODDLY_WRITTEN)
def test_a_certificate_that_is_written_oddly_would_be_refused(envoy_verdict, oddly: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain = ODDLY_WRITTEN[oddly](certificate(key))
    tls = ir.DownstreamTls(secrets=("default/cert",))
    assert verdict(envoy_verdict, tls=tls, secrets=(secret(chain, pem),))


def test_an_authority_is_taken(envoy_verdict) -> None:
    bundle = ir.CaBundle(name="ca/default/ca", certificates=(certificate(ec.generate_private_key(ec.SECP256R1())),))
    assert verdict(envoy_verdict, secrets=(bundle,)) == ""


@pytest.mark.parametrize("incident", MUST_BE_STOPPED_BEFORE)
def test_an_incident_without_a_valid_form_is_what_the_trial_finds(envoy_verdict, incident: str) -> None:
    assert verdict(envoy_verdict, **MUST_BE_STOPPED_BEFORE[incident])
