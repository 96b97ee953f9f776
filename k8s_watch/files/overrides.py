"""`--backend svc=127.0.0.1:3000` → a Service and an EndpointSlice that stand in for what the cluster would have."""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from k8s_watch.files.contents import Id
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import Endpoint, EndpointPort, EndpointSlice, Service, ServicePort, ServiceSpec
from k8s_watch.objects.grpc_route import GRPCRoute, GRPCRouteRule
from k8s_watch.objects.meta import Meta, Object
from k8s_watch.objects.routes import (
    BackendObjectReference,
    HTTPRoute,
    HTTPRouteRule,
    L4RouteRule,
    TCPRoute,
    TLSRoute,
    UDPRoute,
)
from k8s_watch.slices import SERVICE_LABEL, service_of

_OVERRIDE = re.compile(
    r"(?:(?P<namespace>[^/=]+)/)?(?P<name>[^/=]+)=(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d{1,5})"
)


class OverrideError(ValueError):
    """The text names no override. The message says how to write one."""


class Override(msgspec.Struct, frozen=True):
    """`service`, on every port that anybody asks it for, is `address` (an IP address) and `port`."""

    service: ObjectKey
    address: str
    port: int


def parse_override(text: str) -> Override:
    """Read `[NAMESPACE/]SERVICE=HOST:PORT`; HOST is an IP address or localhost. Raises OverrideError."""
    match = _OVERRIDE.fullmatch(text)
    if match is None or not 1 <= int(match["port"]) <= 65535:
        raise OverrideError(f"{text!r} is not [NAMESPACE/]SERVICE=HOST:PORT, for example svc-backend=127.0.0.1:3000")
    host = match["v6"] or match["host"]
    try:
        address = str(ipaddress.ip_address("127.0.0.1" if host == "localhost" else host))
    except ValueError:
        raise OverrideError(f"{text!r}: {host} is not an IP address: a name would not be looked up") from None
    return Override(ObjectKey(match["namespace"] or "default", match["name"]), address, int(match["port"]))


def with_overrides(objects: Mapping[Id, Object], overrides: Sequence[Override]) -> Mapping[Id, Object]:
    """Put a Service and an EndpointSlice of each override in the place of the Service's own.

    A Service that exists keeps its ports. One that does not gets the ports that routes ask it for. Several overrides of
    one Service share its requests.
    """
    if not overrides:
        return objects
    result = dict(objects)
    addresses: dict[ObjectKey, list[Override]] = {}
    for override in dict.fromkeys(overrides):
        addresses.setdefault(override.service, []).append(override)
    for key, several in addresses.items():
        for id_ in [id_ for id_, found in result.items() if _belongs(found, key)]:
            del result[id_]
        service = _service(key, result)
        result["Service", key] = service
        for number, override in enumerate(several, 1):
            endpoints = _slice(override, number, service)
            result["EndpointSlice", endpoints.key] = endpoints
    return result


def _belongs(found: Object, service: ObjectKey) -> bool:
    return isinstance(found, EndpointSlice) and service_of(found) == service


def _service(key: ObjectKey, objects: Mapping[Id, Object]) -> Service:
    found = objects.get(("Service", key))
    if isinstance(found, Service) and found.spec.ports:
        return msgspec.structs.replace(found, spec=ServiceSpec(ports=found.spec.ports))
    asked = sorted({(port, protocol) for named, port, protocol in services_asked(objects.values()) if named == key})
    ports = tuple(
        ServicePort(name=f"{protocol.lower()}-{port}", port=port, protocol=protocol) for port, protocol in asked
    )
    meta = found.metadata if found else _meta(key, key.name)
    return Service(metadata=meta, spec=ServiceSpec(ports=ports))


def services_asked(objects: Iterable[Object]) -> Iterator[tuple[ObjectKey, int, str]]:
    """Service, port and protocol (TCP or UDP) of every reference in the routes among them."""
    for found in objects:
        if isinstance(found, HTTPRoute | GRPCRoute | TCPRoute | TLSRoute | UDPRoute):
            protocol = "UDP" if isinstance(found, UDPRoute) else "TCP"
            for ref in (ref for rule in found.spec.rules for ref in _references(rule)):
                if ref.port is not None and (ref.group, ref.kind) == ("", "Service"):
                    yield ObjectKey(ref.namespace or found.key.namespace, ref.name), ref.port, protocol


def _references(rule: HTTPRouteRule | GRPCRouteRule | L4RouteRule) -> Iterator[BackendObjectReference]:
    """Whatever a rule sends requests to: its backends, mirrors, and those whom it asks for leave."""
    yield from rule.backend_refs
    if not isinstance(rule, L4RouteRule):
        for one in (*rule.filters, *(one for ref in rule.backend_refs for one in ref.filters)):
            yield from (brought.backend_ref for brought in (one.request_mirror, one.external_auth) if brought)


def _slice(override: Override, number: int, service: Service) -> EndpointSlice:
    suffix = "override" if number == 1 else f"override-{number}"
    version = ipaddress.ip_address(override.address).version
    return EndpointSlice(
        metadata=_meta(override.service, f"{override.service.name}-{suffix}", {SERVICE_LABEL: override.service.name}),
        address_type=f"IPv{version}",
        endpoints=(Endpoint(addresses=(override.address,)),),
        ports=tuple(
            EndpointPort(name=port.name, port=override.port, protocol=port.protocol) for port in service.spec.ports
        ),
    )


def _meta(service: ObjectKey, name: str, labels: dict[str, str] | None = None) -> Meta:
    return Meta(name=name, namespace=service.namespace, labels=labels or {})
