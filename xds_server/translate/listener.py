"""ir.Listener → Listener.

Envoy replaces only the filter chains that changed and leaves the connections of the others alone, as long as the rest
of the listener is the same. So the rest depends on as little as possible.

Spec: Envoy v1.40 config.listener.v3.Listener, "Filter chain only update"
"""

from collections.abc import Iterable, Iterator, Mapping

from gateway_api.ir import xds as ir
from protos import listener as pb
from protos.encode import encode, pack
from protos.values import TRUE, socket_address, uint32
from xds_server.snapshot.resource import Reference, Resource, ResourceType, make_resource
from xds_server.translate.access_log import WITHOUT_FILTER_CHAIN
from xds_server.translate.datagrams import SOCKET, datagram_filter
from xds_server.translate.filter_chain import filter_chain
from xds_server.translate.scope import named_scopes
from xds_server.translate.socket_options import KEEPALIVE

BUFFER_LIMIT = 32 * 1024
"""Bytes held per connection before its reader is paused."""


def listener(of: ir.Listener) -> Resource:
    """One bound port. Names the route tables, secrets and clusters that it depends on."""
    return _resource(of, (filter_chain(chain, port=of.port) for chain in of.filter_chains))


class ListenerKeeper:
    """Equals `listener`, for one listener of a name after the other: filter chains that stay are not made anew."""

    def __init__(self) -> None:
        self._chains: Mapping[ir.FilterChain, pb.FilterChain] = {}

    def update(self, of: ir.Listener) -> Resource:
        """Return the listener. Cost: that of its new filter chains; for each of the others some microseconds."""
        known = self._chains
        self._chains = {chain: known.get(chain) or filter_chain(chain, port=of.port) for chain in of.filter_chains}
        return _resource(of, self._chains.values())


def _resource(of: ir.Listener, chains: Iterable[pb.FilterChain]) -> Resource:
    message = _of_connections(of, chains) if of.datagrams is None else _of_datagrams(of, of.datagrams)
    return make_resource(of.name, encode(message), sorted(set(_dependencies(of))))


def _of_connections(of: ir.Listener, chains: Iterable[pb.FilterChain]) -> pb.Listener:
    return pb.Listener(
        name=of.name,
        address=socket_address(of.bind_address, of.bind_port),
        listener_filters=[TLS_INSPECTOR] if _needs_tls_inspector(of) else [],
        filter_chains=chains,
        per_connection_buffer_limit_bytes=uint32(BUFFER_LIMIT),
        enable_reuse_port=TRUE,
        max_connections_to_accept_per_socket_event=uint32(1),
        socket_options=KEEPALIVE,
        access_log=[WITHOUT_FILTER_CHAIN],
    )


def _of_datagrams(of: ir.Listener, datagrams: ir.Datagrams) -> pb.Listener:
    return pb.Listener(
        name=of.name,
        address=socket_address(of.bind_address, of.bind_port, udp=True),
        udp_listener_config=pb.UdpListenerConfig(downstream_socket_config=SOCKET),
        listener_filters=[datagram_filter(datagrams, stat_prefix=of.name)],
        enable_reuse_port=TRUE,
    )


def _needs_tls_inspector(of: ir.Listener) -> bool:
    """Also for a lone TLS chain without names: the next one may have some, and must not cost the connections of
    this."""
    return any(chain.tls or chain.server_names for chain in of.filter_chains)


def _dependencies(of: ir.Listener) -> Iterator[Reference]:
    for chain in of.filter_chains:
        if chain.tls:
            named = (*chain.tls.secrets, *([chain.tls.client.ca] if chain.tls.client else []))
            yield from ((ResourceType.SECRET, name) for name in named)
        match chain.handler:
            case ir.HttpChain(route_table=name, scoping=None):
                yield ResourceType.ROUTE, name
            case ir.HttpChain() as handler:
                yield from named_scopes(handler)
            case ir.TcpChain(destinations=destinations):
                yield from _clusters(destinations)
    yield from _clusters(of.datagrams.destinations if of.datagrams else ())


def _clusters(destinations: Iterable[ir.Destination]) -> Iterator[Reference]:
    for to in destinations:
        if to.weight > 0 and to.cluster != ir.INVALID_BACKEND:
            yield ResourceType.CLUSTER, to.cluster


TLS_INSPECTOR = pb.ListenerFilter(name="envoy.filters.listener.tls_inspector", typed_config=pack(pb.TlsInspector()))
