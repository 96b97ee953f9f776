"""ir.Endpoints → ClusterLoadAssignment.

An address is encoded by itself, and a cluster is its addresses' encodings one after the other: when one of a thousand
comes or goes, the others are known.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from operator import attrgetter

from gateway_api.ir import xds as ir
from protos import core
from protos import endpoint as pb
from protos.encode import as_field, encode
from xds_server.snapshot.resource import Resource, make_resource

ADDRESSES = 32_768
"""As many, of all clusters, are kept encoded: with 10 MB."""

LEADING_ZEROS = re.compile(r"\b0+(?=[0-9])")
"""API servers before 1.36 let 010.0.0.1 pass for 10.0.0.1. Envoy would refuse it, and all other addresses with it."""


def endpoints(of: ir.Endpoints) -> Resource:
    """The addresses of a cluster, one locality per zone; without addresses, requests are answered 503.

    Draining addresses get nothing new while another is ready. When all drain, all are served: better a pod that is
    about to end than an error, as kube-proxy does it.

    Spec: Envoy v1.40 config.endpoint.v3.ClusterLoadAssignment
    """
    some_ready = any(not e.draining for e in of.endpoints)
    by_zone = groupby(sorted(of.endpoints, key=lambda e: (e.zone, e.address, e.port)), key=attrgetter("zone"))
    localities = [_locality(zone, members, some_ready=some_ready) for zone, members in by_zone]
    start = encode(pb.ClusterLoadAssignment(cluster_name=of.cluster))
    return make_resource(of.cluster, b"".join([start, *(as_field(LOCALITIES, each) for each in localities)]))


class EndpointsEncoder:
    """`endpoints`, once for each record: the Gateways of one pass that share a Service share its bytes."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[ir.Endpoints, Resource]] = {}
        """By identity of the record, which is kept here."""

    def __call__(self, of: ir.Endpoints) -> Resource:
        """As `endpoints`."""
        if id(of) not in self._known:
            self._known[id(of)] = of, endpoints(of)
        return self._known[id(of)][1]


LOCALITIES = pb.ClusterLoadAssignment.ENDPOINTS_FIELD_NUMBER
ENDPOINTS = pb.LocalityLbEndpoints.LB_ENDPOINTS_FIELD_NUMBER


def _locality(zone: str, members: Iterable[ir.Endpoint], *, some_ready: bool) -> bytes:
    start = encode(pb.LocalityLbEndpoints(locality=core.Locality(zone=zone) if zone else None))
    return b"".join([start, *(_endpoint(e.address, e.port, draining=e.draining and some_ready) for e in members)])


@lru_cache(maxsize=ADDRESSES)
def _endpoint(address: str, port: int, *, draining: bool) -> bytes:
    """One address as a field of its locality's encoding."""
    plain = LEADING_ZEROS.sub("", address)
    place = core.Address(socket_address=core.SocketAddress(address=plain, port_value=port))
    status = core.HealthStatus.DRAINING if draining else core.HealthStatus.UNKNOWN
    return as_field(ENDPOINTS, encode(pb.LbEndpoint(endpoint=pb.Endpoint(address=place), health_status=status)))
