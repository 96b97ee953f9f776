"""The features of Gateway API that this code serves, as GatewayClass.status.supportedFeatures names them.

One table: a feature enters it together with the code that serves it, and the conformance suite is run with it.
Spec: Gateway API v1.6 pkg/features; GEP-2162
"""

API_VERSION = "v1.6"
"""Whose kinds and fields we know. A bundle of CRDs adds a number: v1.6.3."""

BACKEND_TLS_POLICY = frozenset({"BackendTLSPolicy", "BackendTLSPolicySANValidation"})

CORE = frozenset({"GRPCRoute", "Gateway", "HTTPRoute", "ReferenceGrant", "TCPRoute", "TLSRoute", "UDPRoute"})

GATEWAY_EXTENDED = frozenset(
    {
        "GatewayAddressEmpty",
        "GatewayBackendClientCertificate",
        "GatewayFrontendClientCertificateValidation",
        "GatewayFrontendClientCertificateValidationInsecureFallback",
        "GatewayHTTPListenerIsolation",
        "GatewayHTTPSListenerDetectMisdirectedRequests",
        "GatewayPort8080",
        "GatewayStaticAddresses",
        "ListenerSet",
    }
)

HTTP_ROUTE_EXTENDED = frozenset(
    {
        "HTTPRoute303RedirectStatusCode",
        "HTTPRoute307RedirectStatusCode",
        "HTTPRoute308RedirectStatusCode",
        "HTTPRouteBackendProtocolH2C",
        "HTTPRouteBackendProtocolWebSocket",
        "HTTPRouteBackendRequestHeaderModification",
        "HTTPRouteBackendRequestRedirect",
        "HTTPRouteBackendTimeout",
        "HTTPRouteBackendURLRewrite",
        "HTTPRouteCORS",
        "HTTPRouteDestinationPortMatching",
        "HTTPRouteHostRewrite",
        "HTTPRouteMethodMatching",
        "HTTPRouteNamedRouteRule",
        "HTTPRouteParentRefPort",
        "HTTPRoutePathRedirect",
        "HTTPRoutePathRewrite",
        "HTTPRoutePortRedirect",
        "HTTPRouteQueryParamMatching",
        "HTTPRouteRequestMirror",
        "HTTPRouteRequestMultipleMirrors",
        "HTTPRouteRequestPercentageMirror",
        "HTTPRouteRequestTimeout",
        "HTTPRouteResponseHeaderModification",
        "HTTPRouteRetry",
        "HTTPRouteRetryBackendTimeout",
        "HTTPRouteRetryConnectionError",
        "HTTPRouteSchemeRedirect",
    }
)

TLS_ROUTE_EXTENDED = frozenset({"TLSRouteModeMixed", "TLSRouteModeTerminate"})

GATEWAY_NAMESPACE_MODE = frozenset({"GatewayInfrastructure"})
"""What its test can only find where a Gateway's proxies are in its own namespace."""

GRPC_ROUTE_EXTENDED = frozenset({"GRPCRouteNamedRouteRule"})
"""The suite tests it, and has it in no profile: no report names it."""

SUPPORTED = tuple(
    sorted(
        CORE | GATEWAY_EXTENDED | HTTP_ROUTE_EXTENDED | TLS_ROUTE_EXTENDED | GRPC_ROUTE_EXTENDED | BACKEND_TLS_POLICY
    )
)


def supported(*, gateway_namespace_mode: bool) -> tuple[str, ...]:
    """Every feature that is served with this setting, sorted."""
    return tuple(sorted({*SUPPORTED, *GATEWAY_NAMESPACE_MODE})) if gateway_namespace_mode else SUPPORTED
