"""What it means that Envoy Gateway's own kinds are not read: docs/from-envoy-gateway.md in short."""

from collections.abc import Mapping

from k8s_watch.kinds import ENVOY_GATEWAY

_ADDS = "what it adds, such as a firewall, is missing"
MEANING: Mapping[str, str] = {
    "SecurityPolicy": "the routes that it protects are served without it, HTTPRoute's filters ExternalAuth and CORS do"
    " part of what it does",
    "ClientTrafficPolicy": "clients are asked for no certificate (Gateway spec.tls.frontend does that), PROXY protocol"
    " is not understood, limits are ours",
    "BackendTrafficPolicy": "there are no rate limits and no circuit breakers, timeouts and retries are HTTPRoute's",
    "EnvoyExtensionPolicy": _ADDS,
    "EnvoyPatchPolicy": _ADDS,
    "EnvoyProxy": "a GatewayClass or Gateway whose parametersRef names it is not served, remove the reference",
    "HTTPRouteFilter": "a rule with it answers 500",
    "Backend": "its share of the requests is answered with 500, write an XBackend or a Service",
}


def meaning(kind: str, group: str) -> str:
    """What it means for requests that an object of this kind is not read; "" for kinds of others."""
    return MEANING.get(kind, f"nothing of {group} is") if group == ENVOY_GATEWAY else ""
