"""Small snapshots: what a test's world looks like, in one line."""

from collections.abc import Iterator, Mapping

from xds_server.snapshot.resource import Resource, ResourceType, Snapshot, make_resource, make_set

CLUSTER, ENDPOINT, SECRET, SCOPED_ROUTE, LISTENER, ROUTE = ResourceType


def world(
    *,
    listeners: Mapping[str, str] | None = None,
    routes: Mapping[str, str] | None = None,
    scopes: Mapping[str, Mapping[str, str]] | None = None,
    clusters: str = "",
    secrets: str = "",
    revisions: Mapping[str, object] | None = None,
) -> Snapshot:
    """Listeners name a route table, or a cluster as `tcp:<cluster>`, and secrets; route tables name clusters, and heirs
    as `heir:<table>`.

    A table that has `scopes` travels in those: hostname, or wildcard, → the clusters that the scope names. Names are
    separated by spaces. A cluster exists when it is listed or named, and has endpoints of its own name. `revisions`
    gives content: `{"route r": 2}` makes another version of r than without.
    """
    listeners, routes, scopes, revisions = listeners or {}, routes or {}, scopes or {}, revisions or {}
    names_of_clusters = set(clusters.split())
    for named in (*routes.values(), *(named for hosts in scopes.values() for named in hosts.values())):
        names_of_clusters.update(name for name in named.split() if not name.startswith("heir:"))
    for named in listeners.values():
        names_of_clusters.update(n.removeprefix("tcp:") for n in named.split() if n.startswith("tcp:"))

    def make(type_: ResourceType, name: str, depends_on: list[tuple[ResourceType, str]] | None = None) -> Resource:
        content = f"{type_.name} {name} {depends_on} {revisions.get(f'{type_.name.lower()} {name}', 1)}"
        return make_resource(name, content.encode(), depends_on or [])

    def targets(name: str) -> list[tuple[ResourceType, str]]:
        if name.startswith("tcp:"):
            return [(CLUSTER, name.removeprefix("tcp:"))]
        if name in scopes:
            return [(SCOPED_ROUTE, f"{name}/{of}") for of in ("~", *scopes[name]) if of[0] in "~*"]
        return [(SECRET, name) if name in secrets.split() else (ROUTE, name)]

    def named_by(routes: str) -> list[tuple[ResourceType, str]]:
        found = [(ROUTE, n.removeprefix("heir:")) if n.startswith("heir:") else (CLUSTER, n) for n in routes.split()]
        return sorted(found)

    def scopes_of(table: str) -> Iterator[Resource]:
        whole = SCOPED_ROUTE, f"{table}/~"
        yield make(*whole, [(ROUTE, table)])
        for host, named in scopes[table].items():
            yield make(
                SCOPED_ROUTE,
                f"{table}/{host}",
                sorted([*named_by(named), *([whole] if host[0] != "*" else [])]),
            )

    return Snapshot(
        {
            CLUSTER: make_set(make(CLUSTER, n, [(ENDPOINT, n)]) for n in names_of_clusters),
            ENDPOINT: make_set(make(ENDPOINT, n) for n in names_of_clusters),
            SECRET: make_set(make(SECRET, n) for n in secrets.split()),
            SCOPED_ROUTE: make_set(scope for table in scopes for scope in scopes_of(table)),
            LISTENER: make_set(
                make(LISTENER, n, [target for t in to.split() for target in targets(t)]) for n, to in listeners.items()
            ),
            ROUTE: make_set(make(ROUTE, n, named_by(to)) for n, to in routes.items()),
        }
    )
