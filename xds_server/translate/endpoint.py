"""ir.Endpoints → ClusterLoadAssignment."""

from itertools import groupby
from operator import attrgetter

from gateway_api.ir import xds as ir
from protos import core
from protos import endpoint as pb
from protos.encode import encode
from xds_server.snapshot.resource import Resource, make_resource


def endpoints(of: ir.Endpoints) -> Resource:
    """The addresses of a cluster, one locality per zone; without addresses, requests are answered 503.

    Draining addresses get nothing new while another is ready. When all drain, all are served: better a pod that is
    about to end than an error, as kube-proxy does it.

    Spec: Envoy v1.40 config.endpoint.v3.ClusterLoadAssignment
    """
    some_ready = any(not e.draining for e in of.endpoints)
    by_zone = groupby(sorted(of.endpoints, key=lambda e: (e.zone, e.address, e.port)), key=attrgetter("zone"))
    assignment = pb.ClusterLoadAssignment(
        cluster_name=of.cluster,
        endpoints=[
            pb.LocalityLbEndpoints(
                locality=core.Locality(zone=zone) if zone else None,
                lb_endpoints=[_endpoint(e, draining=e.draining and some_ready) for e in members],
            )
            for zone, members in by_zone
        ],
    )
    return make_resource(of.cluster, encode(assignment))


def _endpoint(of: ir.Endpoint, *, draining: bool) -> pb.LbEndpoint:
    address = core.Address(socket_address=core.SocketAddress(address=of.address, port_value=of.port))
    status = core.HealthStatus.DRAINING if draining else core.HealthStatus.UNKNOWN
    return pb.LbEndpoint(endpoint=pb.Endpoint(address=address), health_status=status)
