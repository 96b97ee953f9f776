"""ir.Datagrams → the listener filter that proxies them.

Envoy's UDP proxy knows no weights, only a matcher; so the hash of where a client sends from takes their place. Its port
chooses, which most clients take anew for each conversation. For those that all use one port (as NTP and SIP do) it is
shifted by a share that depends on the address: the weights then hold among addresses, to the nearest sixteenth.

Spec: Envoy v1.40 extensions.filters.udp.udp_proxy.v3.UdpProxyConfig, "Example", xds.type.matcher.v3.Matcher
"""

from collections.abc import Sequence
from itertools import accumulate

from google.protobuf.message import Message

from gateway_api.ir import xds as ir
from protos import listener as pb
from protos import udp
from protos.encode import pack
from protos.values import uint64
from xds_server.translate.access_log import STDOUT

MAX_DATAGRAM = 9000
"""Bytes; what is longer is lost. Envoy's own 1500 would lose what came in fragments, as long answers of DNS do."""

SHIFTS = 16

SOCKET = udp.UdpSocketConfig(max_rx_datagram_size=uint64(MAX_DATAGRAM))


def datagram_filter(of: ir.Datagrams, *, stat_prefix: str) -> pb.ListenerFilter:
    """Proxy the datagrams of each client to one destination, chosen by weight. Envoy drops what is for a cluster that
    it does not know."""
    proxy = udp.UdpProxyConfig(
        stat_prefix=stat_prefix, matcher=_choice(of), upstream_socket_config=SOCKET, access_log=[STDOUT]
    )
    return pb.ListenerFilter(name="envoy.filters.udp_listener.udp_proxy", typed_config=pack(proxy))


def _choice(of: ir.Datagrams) -> udp.Matcher:
    receivers = [destination for destination in of.destinations if destination.weight > 0]
    match receivers:
        case []:
            return udp.Matcher(on_no_match=_route(ir.INVALID_BACKEND))
        case [only]:
            return udp.Matcher(on_no_match=_route(only.cluster))
    shifts = [udp.Matcher.OnMatch(matcher=_by_port(receivers, shift)) for shift in range(SHIFTS)]
    return _at_least(_SOURCE_IP, SHIFTS, list(enumerate(shifts)))


def _by_port(receivers: Sequence[ir.Destination], shift: int) -> udp.Matcher:
    """Give each receiver as many hashes of the port as it has weight, all of them turned by a share of the whole."""
    *starts, total = accumulate((each.weight for each in receivers), initial=0)
    turned = ((start - shift * total // SHIFTS) % total for start in starts)
    places = sorted(zip(turned, (each.cluster for each in receivers), strict=True))
    return _at_least(_SOURCE_PORT, total, [(start, _route(cluster)) for start, cluster in places])


def _at_least(
    source: udp.TypedExtensionConfig, modulo: int, places: Sequence[tuple[int, udp.Matcher.OnMatch]]
) -> udp.Matcher:
    """Take the last place that starts at or before the hash of `source`; if there is none, the last of all."""
    matchers = [
        udp.Matcher.MatcherList.FieldMatcher(predicate=_predicate(source, modulo, start), on_match=then)
        for start, then in reversed(places)
        if start > 0
    ]
    otherwise = places[0] if places[0][0] == 0 else places[-1]
    return udp.Matcher(matcher_list=udp.Matcher.MatcherList(matchers=matchers), on_no_match=otherwise[1])


def _predicate(source: udp.TypedExtensionConfig, modulo: int, threshold: int) -> udp.Matcher.MatcherList.Predicate:
    return udp.Matcher.MatcherList.Predicate(
        single_predicate=udp.Matcher.MatcherList.Predicate.SinglePredicate(
            input=source,
            custom_match=_extension(
                "envoy.matching.matchers.consistent_hashing",
                udp.ConsistentHashing(threshold=threshold, modulo=modulo),
            ),
        )
    )


def _route(cluster: str) -> udp.Matcher.OnMatch:
    return udp.Matcher.OnMatch(action=_extension("route", udp.Route(cluster=cluster)))


def _extension(name: str, config: Message) -> udp.TypedExtensionConfig:
    return udp.TypedExtensionConfig(name=name, typed_config=pack(config))


_SOURCE_IP = _extension("envoy.matching.inputs.source_ip", udp.SourceIPInput())
_SOURCE_PORT = _extension("envoy.matching.inputs.source_port", udp.SourcePortInput())
