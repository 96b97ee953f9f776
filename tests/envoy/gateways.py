"""The plainest IR that a real Envoy serves: what tests write out is then what they are about."""

from collections.abc import Sequence
from typing import Any

from gateway_api.ir import xds as ir
from k8s_watch.keys import ObjectKey

KEY = ObjectKey("default", "eg")


def prefix(value: str) -> ir.PathMatch:
    return ir.PathMatch(kind="prefix", value=value)


def forward(*clusters: ir.ClusterName, **fields: Any) -> ir.Forward:
    """To each of the clusters as often as to the others."""
    return ir.Forward(destinations=tuple(ir.Destination(cluster=name, weight=1) for name in clusters), **fields)


def route(path: str, action: ir.Action, **fields: Any) -> ir.Route:
    """All requests below a path, which is the route's name, too."""
    return ir.Route(name=path, match=ir.Match(path=prefix(path)), action=action, **fields)


def host(hostname: str, *routes: ir.Route) -> ir.VirtualHost:
    return ir.VirtualHost(hostname=hostname, routes=routes)


def http_chain(table: str = "http", **fields: Any) -> ir.FilterChain:
    return ir.FilterChain(name=table, handler=ir.HttpChain(route_table=table), **fields)


def listener(name: str, bind_port: int, *chains: ir.FilterChain, **fields: Any) -> ir.Listener:
    """On this port of loopback, whatever port a user would ask for."""
    settings = {"port": 80, "bind_address": "127.0.0.1", **fields}
    return ir.Listener(name=name, bind_port=bind_port, filter_chains=chains, **settings)


PLAIN = (http_chain(),)


def http_gateway(
    port: int, *hosts: ir.VirtualHost, chains: Sequence[ir.FilterChain] = PLAIN, **fields: Any
) -> ir.GatewayIR:
    """One table of these hosts, on this port of loopback. `fields` are what a Gateway has besides, such as clusters."""
    return ir.GatewayIR(
        gateway=KEY,
        listeners=(listener("tcp-80", port, *chains),),
        route_tables=(ir.RouteTable(name="http", virtual_hosts=hosts),),
        **fields,
    )


def clusters(*names: ir.ClusterName, **fields: Any) -> tuple[ir.Cluster, ...]:
    """Backends that differ in their names."""
    return tuple(ir.Cluster(name=name, backend=KEY, port=80, **fields) for name in names)


def endpoints(cluster: ir.ClusterName, *ports: int) -> ir.Endpoints:
    """Ports of loopback."""
    return ir.Endpoints(cluster=cluster, endpoints=tuple(ir.Endpoint(address="127.0.0.1", port=port) for port in ports))
