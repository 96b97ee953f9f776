"""What a GatewayIR names and does not hold: a law has it empty."""

from collections.abc import Iterator

from gateway_api.ir import xds as ir


def missing(gateway: ir.GatewayIR) -> set[str]:
    """Names of route tables, secrets and clusters that are named and not there, INVALID_BACKEND aside."""
    held = {each.name for each in (*gateway.route_tables, *gateway.secrets, *gateway.clusters)}
    return set(_named(gateway)) - held - {ir.INVALID_BACKEND}


def _named(gateway: ir.GatewayIR) -> Iterator[str]:
    for listener in gateway.listeners:
        for chain in listener.filter_chains:
            yield from chain.tls.secrets if chain.tls else ()
            if chain.tls and chain.tls.client:
                yield chain.tls.client.ca
            match chain.handler:
                case ir.HttpChain(route_table=name):
                    yield name
                case ir.TcpChain(destinations=destinations):
                    yield from (destination.cluster for destination in destinations)
        yield from (to.cluster for to in (listener.datagrams.destinations if listener.datagrams else ()))
    for cluster in gateway.clusters:
        yield from (secret.name for secret in cluster.secrets)
    for table in gateway.route_tables:
        for host in table.virtual_hosts:
            for route in host.routes:
                if route.external_auth:
                    yield route.external_auth.cluster
                yield from _sent_to(route.action)


def _sent_to(action: ir.Action) -> Iterator[str]:
    match action:
        case ir.Forward(destinations=destinations, mirrors=mirrors):
            yield from (to.cluster for to in destinations)
            yield from (to.cluster for to in mirrors)
        case ir.Split(shares=shares):
            for share in shares:
                yield from _sent_to(share.action)
