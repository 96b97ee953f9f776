"""Scoped routes that were refused in company, as another message of the same meaning.

An Envoy (1.40, seen) goes through a response's scopes in order and gives up at the first that it cannot take. Those
before it are noted down and not put to use; and when they come again, just the same, they are taken for known and
skipped: no request finds them until their content changes. So they come again with a field set to what it is anyway.

A scope that names its table instead of having it in itself cannot be varied like that. It is always the same, hence
never what is refused: it comes last, where nothing happens to it when another is.
"""

from collections.abc import Sequence, Set

import msgspec
from google.protobuf.wrappers_pb2 import BoolValue

from protos import route as pb
from protos.encode import as_field, encode
from xds_server.snapshot.resource import Resource, ResourceType
from xds_server.snapshot.scope_names import table_of

SAME_AGAIN = as_field(
    pb.ScopedRouteConfiguration.ROUTE_CONFIGURATION_FIELD_NUMBER,
    encode(pb.RouteConfiguration(validate_clusters=BoolValue(value=False))),
)
"""Behind an encoded scope it joins the table in it: to look for clusters is not the default for what comes over xDS."""


def in_order(scopes: Sequence[Resource]) -> Sequence[Resource]:
    """Those that cannot be varied last. `scopes` are in order of their names, which is enough for one table's."""
    if scopes and table_of(scopes[0].name) == table_of(scopes[-1].name):
        return scopes
    return sorted(scopes, key=names_its_table)


def varied(scopes: Sequence[Resource], names: Set[str]) -> tuple[Resource, ...]:
    """Variations of those with these names, and the others. The version is the same: who has the one has the other."""
    return tuple(
        msgspec.structs.replace(scope, encoding=(*scope.pieces, SAME_AGAIN), framed=())
        if scope.name in names
        else scope
        for scope in scopes
    )


def names_its_table(scope: Resource) -> bool:
    """Whether the table is a resource of its own."""
    return (ResourceType.ROUTE, table_of(scope.name)) in scope.depends_on
