"""ir.ExternalAuth → what a route says to the filter that asks somebody whether a request may go on.

Envoy's ext_authz takes most of its settings from the listener alone. So a route that asks puts a filter of its own into
the place that every connection manager has.

Spec: Gateway API v1.6 HTTPExternalAuthFilter
Spec: Envoy v1.40 extensions.filters.http.ext_authz.v3.ExtAuthz
"""

from collections.abc import Iterable

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration

from gateway_api.ir import xds as ir
from protos import core, matcher
from protos import external_auth as pb
from protos.encode import pack
from protos.values import seconds
from xds_server.translate.answer_guard import guarded
from xds_server.translate.composite import place, put, put_several

FILTER = "external-auth"

TIMEOUT = 10.0
"""Seconds that an authorizer has at most; as Envoy Gateway."""

ABOUT_THE_CONNECTION = "connection|content-length|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade"
"""Headers of an authorizer's answer that must not become the request's: who says where a request ends decides what the
backend takes for the next one, of another client."""

ABOUT_THE_ANSWER = "content-.*|date|server"
"""Headers that say something of the answer itself: the request's only when the user names them."""


EXTERNAL_AUTH = place(FILTER)


def authorization(of: ir.ExternalAuth) -> AnyMessage:
    """The route's filter, in its place. Neither an answer nor the lack of one makes Envoy choose another route.

    Over gRPC an authorizer may change the answers to those that it lets in, and Envoy has no rules for that.
    """
    asking = core.TypedExtensionConfig(name="envoy.filters.http.ext_authz", typed_config=pack(_ext_authz(of)))
    return put_several(*guarded(asking)) if of.protocol == "grpc" else put(asking)


def _ext_authz(of: ir.ExternalAuth) -> pb.ExtAuthz:
    message = pb.ExtAuthz(
        transport_api_version=core.ApiVersion.V3,
        status_on_error=pb.HttpStatus(code=pb.StatusCode.ServiceUnavailable),
        validate_mutations=True,  # a line break in a value would be the end of a header, or of all of them
    )
    if of.max_body:
        message.with_request_body.max_request_bytes = of.max_body
        # As a string each byte that is no UTF-8 would be a `!`: another body than the backend gets.
        message.with_request_body.pack_as_bytes = of.protocol == "grpc"
    unwanted = ABOUT_THE_CONNECTION
    match of.protocol:
        case "grpc":
            service = core.GrpcService.EnvoyGrpc(cluster_name=of.cluster, authority=of.authority)
            message.grpc_service.CopyFrom(core.GrpcService(envoy_grpc=service, timeout=_timeout(of)))
            if of.request_headers:
                message.allowed_headers.CopyFrom(_any_of(of.request_headers))
        case "http":
            message.http_service.CopyFrom(_http_service(of))
            message.allowed_headers.CopyFrom(_any_of(("authorization", *of.request_headers)))
            if not of.response_headers:
                unwanted += f"|{ABOUT_THE_ANSWER}"
    message.decoder_header_mutation_rules.disallow_expression.regex = unwanted
    return message


def _http_service(of: ir.ExternalAuth) -> pb.HttpService:
    """Envoy lets only a 200 pass, and its own header rules keep the answer from changing the request's Host."""
    everything = matcher.ListStringMatcher(
        patterns=[matcher.StringMatcher(safe_regex=matcher.RegexMatcher(regex=".*"))]
    )
    return pb.HttpService(
        server_uri=pb.HttpUri(uri=f"http://{of.authority}", cluster=of.cluster, timeout=_timeout(of)),
        path_prefix=of.path,
        authorization_response=pb.AuthorizationResponse(
            allowed_upstream_headers=_any_of(of.response_headers) if of.response_headers else everything
        ),
    )


def _timeout(of: ir.ExternalAuth) -> Duration:
    return seconds(min(of.timeout or TIMEOUT, TIMEOUT))


def _any_of(names: Iterable[str]) -> matcher.ListStringMatcher:
    return matcher.ListStringMatcher(patterns=[matcher.StringMatcher(exact=name, ignore_case=True) for name in names])
