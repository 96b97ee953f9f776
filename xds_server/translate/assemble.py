"""GatewayIR and Endpoints → Snapshot. The definition: what `keeper` keeps up to date must equal this."""

from collections.abc import Iterable

from gateway_api.ir import xds as ir
from xds_server.snapshot.resource import ResourceType, Snapshot, make_set
from xds_server.translate.cluster import cluster
from xds_server.translate.endpoint import endpoints as endpoints_of
from xds_server.translate.listener import listener
from xds_server.translate.route_table import route_table
from xds_server.translate.scope import scopes
from xds_server.translate.secret import secret


def assemble(gateway: ir.GatewayIR, endpoints: Iterable[ir.Endpoints]) -> Snapshot:
    """Everything that the proxies of one Gateway get.

    Each of the Gateway's clusters without a hostname has its endpoints in the result: empty ones when `endpoints` has
    none, because Envoy holds back a cluster whose endpoints never come. Endpoints of other clusters are left out.
    """
    given = {each.cluster: each for each in endpoints}
    wanted = [
        given.get(of.name) or ir.Endpoints(cluster=of.name, endpoints=()) for of in gateway.clusters if not of.hostname
    ]
    return Snapshot(
        {
            ResourceType.CLUSTER: make_set(map(cluster, gateway.clusters)),
            ResourceType.ENDPOINT: make_set(map(endpoints_of, wanted)),
            ResourceType.SECRET: make_set(map(secret, gateway.secrets)),
            ResourceType.SCOPED_ROUTE: make_set(scope for table in gateway.route_tables for scope in scopes(table)),
            ResourceType.LISTENER: make_set(map(listener, gateway.listeners)),
            ResourceType.ROUTE: make_set(map(route_table, gateway.route_tables)),
        }
    )
