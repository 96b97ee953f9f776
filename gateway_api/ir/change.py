"""What differs between one GatewayIR and the next, by name. None stands for what is there no more."""

from collections.abc import Mapping

from gateway_api.ir.xds import Cluster, ClusterName, Endpoints, Listener, Record, Scoping, Secret, VirtualHost

type TableChange = Mapping[str, VirtualHost | None]
"""Hostname → the virtual host that it has now."""

type EndpointsChange = Mapping[ClusterName, Endpoints | None]


class IRChange(Record, frozen=True):
    """The records that were added, changed or removed. What is not named is as it was; a first change names all."""

    listeners: Mapping[str, Listener | None] = {}
    route_tables: Mapping[str, TableChange | None] = {}
    """A table that is new is named too when it has no virtual hosts."""
    scopings: Mapping[str, Scoping | None] = {}
    """Of route tables that are there, by name; None for one that is not scoped any more."""
    clusters: Mapping[ClusterName, Cluster | None] = {}
    secrets: Mapping[str, Secret | None] = {}

    def __bool__(self) -> bool:
        return bool(self.listeners or self.route_tables or self.scopings or self.clusters or self.secrets)


NO_CHANGE = IRChange()
