"""Settings → what the graph needs to know of its surroundings. Pure."""

import msgspec

from gateway_api.graph.durations import seconds
from gateway_api.graph.types import GraphSettings
from gateway_api.ir.xds import Paths
from lychgate.settings import Settings


def graph_settings(settings: Settings, address: str) -> GraphSettings:
    """What counts for the proxies' configuration, in a cluster and without one."""
    return GraphSettings(
        controller_name=settings.controller_name,
        privileged_port_shift=settings.privileged_port_shift,
        route_scoping=settings.route_scoping,
        system_ca_file=settings.system_ca_file,
        bind_address=address,
        paths=Paths(merge_slashes=settings.merge_slashes, escaped_slashes=settings.escaped_slashes),
        request_timeout=seconds(settings.request_timeout) if settings.request_timeout else None,
    )


def cluster_graph_settings(settings: Settings) -> GraphSettings:
    """As `graph_settings`, for proxies in pods."""
    made = graph_settings(settings, bind_address(settings))
    return msgspec.structs.replace(
        made, gateway_namespace_mode=settings.gateway_namespace_mode, cluster_domain=settings.cluster_domain
    )


def bind_address(settings: Settings) -> str:
    """What the listeners of proxies in pods bind."""
    return "0.0.0.0" if settings.proxy_ip_family == "IPv4" else "::"  # which takes IPv4 too, see `ipv4_compat`
