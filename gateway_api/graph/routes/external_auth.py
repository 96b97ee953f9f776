"""HTTPExternalAuthFilter → what is wrong with it, and the cluster that is asked.

Spec: Gateway API v1.6 HTTPExternalAuthFilter; GEP-1494
"""

from gateway_api.graph.problems import Problem
from gateway_api.graph.references import Referrer
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.routes.backend import http_cluster
from gateway_api.graph.routes.http_match import TOKEN, path_problem
from gateway_api.ir.xds import Cluster
from k8s_watch.objects.routes import HTTPAuthConfig, HTTPExternalAuth, HTTPPathMatch, HTTPRouteRule

_MAX_BODY = 65535


def external_auth_problem(auth: HTTPExternalAuth) -> str | None:
    """Return what is wrong with the filter, its reference aside."""
    match auth.protocol:
        case "HTTP" if auth.http is not None and auth.grpc is None:
            headers = (*auth.http.allowed_headers, *auth.http.allowed_response_headers)
        case "GRPC" if auth.grpc is not None and auth.http is None:
            headers = auth.grpc.allowed_headers
        case "HTTP" | "GRPC":
            return (
                f"externalAuth has protocol {auth.protocol}; set {auth.protocol.lower()} and no other protocol's field"
            )
        case other:
            return f"externalAuth has the unknown protocol {other}; use HTTP or GRPC"
    for name in headers:
        if not TOKEN.fullmatch(name):
            return f"externalAuth has the invalid header name {name!r}"
    prefix = path_prefix(auth.http) if auth.http else ""
    if prefix and (wrong := path_problem(HTTPPathMatch(value=prefix))):
        return f"externalAuth.http.path {wrong}"
    if auth.forward_body and not 0 <= auth.forward_body.max_size <= _MAX_BODY:
        return f"externalAuth.forwardBody.maxSize is {auth.forward_body.max_size}; use 0 to {_MAX_BODY} bytes"
    return None


def path_prefix(auth: HTTPAuthConfig) -> str:
    """Return what comes before the paths that an authorizer is asked about: with a slash before and none after it.

    Spec: Gateway API v1.6 HTTPAuthConfig.path, "implementations MUST sanitize this input"
    """
    path = auth.path.rstrip("/")
    return path if not path or path.startswith("/") else f"/{path}"


def authorizer(rule: HTTPRouteRule, referrer: Referrer, resolver: Resolver) -> Cluster | Problem | None:
    """Resolve whom a rule asks whether a request may go on; None when it asks nobody."""
    auth = external_auth_of(rule)
    if auth is None:
        return None
    return http_cluster(auth.backend_ref, referrer, resolver, grpc=auth.protocol == "GRPC")


def external_auth_of(rule: HTTPRouteRule) -> HTTPExternalAuth | None:
    """Return the rule's ExternalAuth filter, if it has one."""
    return next((one.external_auth for one in rule.filters if one.external_auth is not None), None)
