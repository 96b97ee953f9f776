"""EndpointSlices → the addresses behind a cluster. Past the graph: a pod that comes or goes changes nothing else, but
for a Service's first one, or its last (`gateway_api.graph.occupied`)."""

from collections.abc import Iterator

import msgspec

from gateway_api.graph.occupied import is_draining
from gateway_api.ir import xds as ir
from k8s_watch.objects.core import Endpoint, EndpointSlice, Service

_ADDRESS_TYPES = ("IPv4", "IPv6")
_LAST_PORT = 65535


def lower_endpoints(cluster: ir.Cluster, service: Service | None, slices: tuple[EndpointSlice, ...]) -> ir.Endpoints:
    """List the addresses of one port of a Service: those that are ready, and those that finish what they have.

    `slices` are those of `service`. A Service that does not exist, or not with this port, has no endpoints. An address
    in several slices is listed once, as ready when it is so in any of them. A cluster with a hostname has none. One
    that is near is for all zones alike unless each ready address says for which it is.

    A port has its addresses by its name. The slices that Kubernetes makes follow a Service some moments after it, so
    that those of a port that was given another name, as a second port makes it have one, are known by their number.

    Spec: Kubernetes discovery/v1 EndpointSlice, EndpointHints
    """
    if cluster.hostname:
        return ir.Endpoints(cluster=cluster.name, endpoints=())
    found: dict[tuple[str, int], ir.Endpoint] = {}
    for endpoint in (e for piece in slices for e in _endpoints_of(piece, cluster, service)):
        key = (endpoint.address, endpoint.port)
        if key not in found or found[key].draining:
            found[key] = endpoint
    endpoints = tuple(found[key] for key in sorted(found))
    if cluster.near and any(not each.zone for each in endpoints if not each.draining):
        endpoints = tuple(msgspec.structs.replace(each, zone="") for each in endpoints)
    return ir.Endpoints(cluster=cluster.name, endpoints=endpoints)


def _endpoints_of(piece: EndpointSlice, cluster: ir.Cluster, service: Service | None) -> Iterator[ir.Endpoint]:
    if piece.address_type not in _ADDRESS_TYPES or service is None:
        return
    # The API server looks at the address of an endpoint, and not at its port.
    numbers = [number for number in _numbers(piece, cluster, service) if 1 <= number <= _LAST_PORT]
    for endpoint in piece.endpoints:
        draining = is_draining(endpoint.conditions)
        if draining is None:
            continue
        zone = _meant_zone(endpoint) if cluster.near else endpoint.zone or ""
        for number in numbers:
            for address in endpoint.addresses:
                yield ir.Endpoint(address=address, port=number, draining=draining, zone=zone)


def _numbers(piece: EndpointSlice, cluster: ir.Cluster, service: Service) -> list[int]:
    """The numbers that the cluster's port has in a slice: several, if pods give its name to different ones.

    Two ports of a Service may have one number: one for TCP, one for UDP.
    """
    transport = "UDP" if cluster.protocol == "udp" else "TCP"
    asked = next((port for port in service.spec.ports if (port.port, port.protocol) == (cluster.port, transport)), None)
    if asked is None:
        return []
    ports = [(port.name, port.port) for port in piece.ports if port.protocol == transport and port.port is not None]
    named = [number for name, number in ports if name == asked.name]
    if named or not service.spec.selector:
        return named
    names = {port.name for port in service.spec.ports}
    target = asked.target_port or asked.port
    return [number for name, number in ports if name not in names and number == target]


def _meant_zone(of: Endpoint) -> str:
    """The zone that an address is for; where it is, if that is one of several, for an address has one in Envoy."""
    zones = [zone.name for zone in of.hints.for_zones] if of.hints else []
    return of.zone if of.zone in zones else next(iter(zones), "")
