"""ExternalAuth filter of a rule → ir.ExternalAuth."""

from gateway_api.graph.durations import seconds
from gateway_api.graph.problems import Problem
from gateway_api.graph.routes.external_auth import external_auth_of, path_prefix
from gateway_api.graph.types import HTTPRuleNode
from gateway_api.ir import xds as ir
from k8s_watch.objects.routes import ForwardBodyConfig, GRPCAuthConfig, HTTPAuthConfig, HTTPRouteTimeouts


def external_auth(rule: HTTPRuleNode) -> ir.ExternalAuth | None:
    """Say whom a rule asks and what it shows; None when it asks nobody, or cannot.

    Spec: Gateway API v1.6 HTTPExternalAuthFilter
    """
    spec = external_auth_of(rule.spec)
    if spec is None or rule.authorizer is None or isinstance(rule.authorizer, Problem):
        return None
    http, grpc = spec.http or HTTPAuthConfig(), spec.grpc or GRPCAuthConfig()
    cluster = rule.authorizer
    return ir.ExternalAuth(
        cluster=cluster.name,
        authority=f"{cluster.hostname or f'{cluster.backend.name}.{cluster.backend.namespace}'}:{cluster.port}",
        protocol="grpc" if spec.protocol == "GRPC" else "http",
        path=path_prefix(http),
        request_headers=_names(*http.allowed_headers, *grpc.allowed_headers),
        response_headers=_names(*http.allowed_response_headers),
        max_body=(spec.forward_body or ForwardBodyConfig()).max_size,
        timeout=_timeout(rule.spec.timeouts or HTTPRouteTimeouts()),
    )


def _timeout(timeouts: HTTPRouteTimeouts) -> float | None:
    """Who may not wait longer for an answer does not wait longer to be let in.

    Spec: Gateway API v1.6 HTTPRouteTimeouts.request, "the whole request-response transaction"
    """
    return seconds(timeouts.request or "") or None


def _names(*names: str) -> tuple[str, ...]:
    return tuple(sorted({name.lower() for name in names}))
