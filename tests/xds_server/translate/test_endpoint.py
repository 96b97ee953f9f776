"""Addresses encoded one by one are the message that has them all."""

from hypothesis import given
from hypothesis import strategies as st

from gateway_api.ir import xds as ir
from protos import core
from protos import endpoint as pb
from protos.encode import encode
from xds_server.translate.endpoint import endpoints

NAME = ir.ClusterName("service/default/web/80")

ENDPOINTS = st.lists(
    st.builds(
        ir.Endpoint,
        address=st.sampled_from(["10.0.0.1", "10.0.0.2", "fd00::1"]),
        port=st.sampled_from([80, 8080, 65535]),
        draining=st.booleans(),
        zone=st.sampled_from(["", "a", "b"]),
    ),
    max_size=6,
)


def plain(of: list[ir.Endpoint]) -> pb.ClusterLoadAssignment:
    """The message, built as a whole."""
    result = pb.ClusterLoadAssignment(cluster_name=NAME)
    serving = any(not each.draining for each in of)
    for zone in sorted({each.zone for each in of}):
        locality = result.endpoints.add(locality=core.Locality(zone=zone) if zone else None)
        for each in sorted((e for e in of if e.zone == zone), key=lambda e: (e.address, e.port)):
            status = core.HealthStatus.DRAINING if each.draining and serving else core.HealthStatus.UNKNOWN
            socket = core.SocketAddress(address=each.address, port_value=each.port)
            locality.lb_endpoints.add(
                endpoint=pb.Endpoint(address=core.Address(socket_address=socket)), health_status=status
            )
    return result


@given(ENDPOINTS)
def test_the_encoding_is_that_of_the_whole_message(found: list[ir.Endpoint]) -> None:
    assert endpoints(ir.Endpoints(cluster=NAME, endpoints=tuple(found))).body == encode(plain(found))


def test_no_number_of_an_address_begins_with_a_zero() -> None:
    """API servers before 1.36 read such an address as decimal, and Envoy would refuse it."""
    written = ["010.000.0.09", "10.20.0.100", "0177.0.0.1", "fd00::00a0"]
    places = tuple(ir.Endpoint(address=each, port=80) for each in written)
    message = pb.ClusterLoadAssignment.FromString(endpoints(ir.Endpoints(cluster=NAME, endpoints=places)).body)
    found = {each.endpoint.address.socket_address.address for each in message.endpoints[0].lb_endpoints}
    assert found == {"10.0.0.9", "10.20.0.100", "177.0.0.1", "fd00::0a0"}
