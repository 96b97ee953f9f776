"""HTTPRouteFilters → header modifications, a rewrite, a redirect."""

from collections.abc import Iterable
from typing import NamedTuple

from gateway_api.graph.routes.cors import ANY, origins
from gateway_api.graph.types import MirrorNode
from gateway_api.ir import xds as ir
from gateway_api.lowering.frontend import Frontend
from gateway_api.lowering.matches import prefix_of
from k8s_watch.objects.routes import (
    HTTPHeader,
    HTTPHeaderFilter,
    HTTPPathModifier,
    HTTPRequestRedirect,
    HTTPRouteFilter,
)

UNCHANGED = ir.HeaderMods()
"""Most headers are: one value for all of them is quick to make and to compare."""


def request_headers(filters: Iterable[HTTPRouteFilter]) -> ir.HeaderMods:
    """Collect what the filters do to the request's headers.

    Spec: Gateway API v1.6 HTTPRouteFilter.requestHeaderModifier
    """
    return _header_mods(f.request_header_modifier for f in filters)


def response_headers(filters: Iterable[HTTPRouteFilter]) -> ir.HeaderMods:
    """Collect what the filters do to the response's headers.

    Spec: Gateway API v1.6 HTTPRouteFilter.responseHeaderModifier
    """
    return _header_mods(f.response_header_modifier for f in filters)


def mirrors(nodes: Iterable[MirrorNode]) -> tuple[ir.Mirror, ...]:
    """Say who gets copies. A mirror that could not be resolved gets none, and costs the request nothing.

    Spec: Gateway API v1.6 HTTPRequestMirrorFilter.backendRef, "must be dropped from the Gateway"
    """
    return tuple(
        ir.Mirror(cluster=node.cluster.name, numerator=node.numerator, denominator=node.denominator)
        for node in nodes
        if isinstance(node.cluster, ir.Cluster) and node.numerator
    )


def cors(filters: Iterable[HTTPRouteFilter]) -> ir.Cors | None:
    """Say which pages may ask; None where no filter tells.

    Browsers take `*` for exposed headers literally where credentials are allowed, so it is left out there.

    Spec: Gateway API v1.6 HTTPCORSFilter
    """
    found = next((f.cors for f in filters if f.cors is not None), None)
    if found is None:
        return None
    credentials = bool(found.allow_credentials)
    return ir.Cors(
        origins=origins(found.allow_origins),
        any_origin=ANY in found.allow_origins,
        methods=found.allow_methods,
        headers=found.allow_headers,
        exposed=tuple(name for name in found.expose_headers if not (credentials and name == ANY)),
        credentials=credentials,
        max_age=found.max_age,
    )


def path_rewrite(modifier: HTTPPathModifier | None, match: ir.PathMatch) -> ir.PathRewrite | None:
    """Say what becomes of the path of a request that `match` let in; None keeps it.

    Spec: Gateway API v1.6 HTTPPathModifier
    """
    if modifier is None:
        return None
    if modifier.type == "ReplaceFullPath":
        return ir.PathRewrite(kind="full", value=modifier.replace_full_path or "/")
    return ir.PathRewrite(kind="prefix", value=prefix_of(modifier.replace_prefix_match or "/"), matched=match.value)


def redirect(
    spec: HTTPRequestRedirect, match: ir.PathMatch, frontend: Frontend, cors: ir.Cors | None = None
) -> ir.Redirect:
    """Say where a request that came in through `frontend` is sent, and which pages may follow.

    Spec: Gateway API v1.6 HTTPRequestRedirectFilter
    """
    port, implied = redirect_port(spec, frontend)
    return ir.Redirect(
        status=spec.status_code,
        scheme=spec.scheme,
        host=spec.hostname,
        port=port,
        implied_port=implied,
        path=path_rewrite(spec.path, match),
        cors=cors,
    )


class RedirectPort(NamedTuple):
    """The port for the Location header: written out, or implied by the scheme. Neither: as the client reached us."""

    written: int | None = None
    implied: int | None = None


def redirect_port(spec: HTTPRequestRedirect, frontend: Frontend) -> RedirectPort:
    """Return the user's own; else the well-known port of the user's scheme; else that of the listener.

    A listener's well-known port says nothing: who came through another (a NodePort, a forwarded one) stays there.

    Spec: Gateway API v1.6 HTTPRequestRedirectFilter.port
    """
    implied = ir.WELL_KNOWN_PORTS.get(spec.scheme or frontend.scheme)
    port = spec.port
    if port is None:
        port = ir.WELL_KNOWN_PORTS.get(spec.scheme, frontend.port) if spec.scheme else frontend.port
    if port != implied:
        return RedirectPort(written=port)
    return RedirectPort(implied=port if spec.port or spec.scheme else None)


def _header_mods(modifiers: Iterable[HTTPHeaderFilter | None]) -> ir.HeaderMods:
    present = [modifier for modifier in modifiers if modifier is not None]
    if not present:
        return UNCHANGED
    return ir.HeaderMods(
        set=tuple(pair for modifier in present for pair in _first_of_each(modifier.set)),
        add=tuple(pair for modifier in present for pair in _first_of_each(modifier.add)),
        remove=tuple(name for modifier in present for name in modifier.remove),
    )


def _first_of_each(headers: Iterable[HTTPHeader]) -> Iterable[tuple[str, str]]:
    """Spec: Gateway API v1.6 HTTPHeader.name, "the first entry with an equivalent name MUST be considered"."""
    found: dict[str, tuple[str, str]] = {}
    for header in headers:
        found.setdefault(header.name.lower(), (header.name, header.value))
    return found.values()
