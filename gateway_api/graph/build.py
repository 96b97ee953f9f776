"""ClusterSnapshot → Graph: the order in which the judges are asked.

`build_graph` is the definition. `incremental.keeper.GraphKeeper` arrives at equal graphs by judging only what a change
touches.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

from immutables import Map

from gateway_api.graph import ca_certificates, policy_kinds, route_kinds
from gateway_api.graph.attached import (
    attached_listeners,
    bound_gateways,
    counted,
    owner_of,
    users,
)
from gateway_api.graph.certificate import tls_secret
from gateway_api.graph.forsaken import forsaken
from gateway_api.graph.gateways.listener_set import is_orphan
from gateway_api.graph.gateways.together import listeners_by_set, with_listener_sets, with_listeners
from gateway_api.graph.judges import Judges, namespace_labels
from gateway_api.graph.lookup import Judged
from gateway_api.graph.occupied import Occupied
from gateway_api.graph.policy import attach_policy, directives_of
from gateway_api.graph.precedence import seniority
from gateway_api.graph.reference_grant import Grants, permissions
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.route_kinds import Judge
from gateway_api.graph.routes.attachment import Parents, Sections
from gateway_api.graph.types import (
    GatewayNode,
    Graph,
    GraphSettings,
    ListenerSetNode,
    Policies,
    PolicyNode,
    RouteNode,
    Routes,
)
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.backends import XBackend
from k8s_watch.objects.policies import Policy
from k8s_watch.objects.routes import Route
from k8s_watch.snapshot import ClusterSnapshot, objects_of


def build_graph(cluster: ClusterSnapshot, settings: GraphSettings) -> Graph:
    """Judge and connect everything of ours. The definition: an update of a part must equal this.

    Never raises for what an object says; each error is a `Problem` on the node it concerns. Linear in the number of
    objects.

    Spec: Gateway API v1.6
    """
    grants = Grants(permissions(cluster.grants.values()))
    certificates = Judged(cluster.secrets, tls_secret)
    bundles = {kind: Judged(objects_of(cluster, kind), judge) for kind, judge in ca_certificates.JUDGES.items()}
    doors = (grants, cluster.services, certificates, bundles)
    occupied = Occupied(cluster.slices_by_service)
    alone = Resolver(*doors, occupied=occupied, directives={})
    judged = {
        kind: {key: judge(policy, alone, settings) for key, policy in objects_of(cluster, kind).items()}
        for kind, judge in policy_kinds.JUDGES.items()
    }
    directives = {kind: directives_of(policies.values()) for kind, policies in judged.items()}
    resolver = Resolver(*doors, occupied=occupied, directives=directives)
    judges = Judges(cluster, settings, resolver=resolver, labels=lambda name: namespace_labels(cluster, name))
    classes = _nodes(cluster.gateway_classes, judges.gateway_class)
    gateways = _nodes(cluster.gateways, lambda key: judges.gateway(key, classes))

    listener_sets = _nodes(cluster.listener_sets, lambda key: judges.listener_set(key, gateways))
    parents = Parents(gateways, Sections(gateways), listener_sets)

    def routes[N: RouteNode](kind: str, judge: Judge[N]) -> Routes[N]:
        return _routes(objects_of(cluster, kind), judges.routes(kind, judge, parents), settings)

    http = {kind: routes(kind, judge) for kind, judge in route_kinds.HTTP.items()}
    l4 = {kind: routes(kind, judge) for kind, judge in route_kinds.L4.items()}
    nodes: list[RouteNode] = [node for kind in (*http.values(), *l4.values()) for node in kind.nodes.values()]
    attached = _counted(map(attached_listeners, nodes))
    used = _counted(map(users, nodes))

    def policies(kind: str) -> Policies:
        def attach(key: ObjectKey) -> PolicyNode | None:
            return attach_policy(kind, judged[kind][key], directives[kind], cluster.services, used)

        return _policies(objects_of(cluster, kind), attach, settings)

    whole = _with_listener_sets(gateways, listener_sets)
    beside = {key: found for gateway in whole.values() for key, found in listeners_by_set(gateway).items()}
    return Graph(
        settings=settings,
        gateway_classes=classes,
        gateways=Map({key: counted(gateway, attached[owner_of(gateway)]) for key, gateway in whole.items()}),
        listener_sets=Map(
            {
                key: counted(with_listeners(node, beside), attached[owner_of(node)])
                for key, node in listener_sets.items()
            }
        ),
        orphans=frozenset(
            key
            for key, source in cluster.listener_sets.items()
            if key not in listener_sets and is_orphan(source, cluster.gateways)
        ),
        http=http,
        l4=l4,
        policies={kind: policies(kind) for kind in judged},
    )


def _nodes[N](keys: Iterable[ObjectKey], judge: Callable[[ObjectKey], N | None]) -> Map[ObjectKey, N]:
    return Map({key: node for key in keys if (node := judge(key)) is not None})


def _with_listener_sets(
    gateways: Mapping[ObjectKey, GatewayNode], listener_sets: Mapping[ObjectKey, ListenerSetNode]
) -> dict[ObjectKey, GatewayNode]:
    found: defaultdict[ObjectKey, list[ListenerSetNode]] = defaultdict(list)
    for node in sorted(listener_sets.values(), key=lambda node: seniority(node.source)):
        found[node.gateway].append(node)
    return {key: with_listener_sets(gateway, found[key]) for key, gateway in gateways.items()}


def _counted[K, L](routes: Iterable[frozenset[tuple[K, L]]]) -> defaultdict[K, Counter[L]]:
    found: defaultdict[K, Counter[L]] = defaultdict(Counter)
    for pairs in routes:
        for key, other in pairs:
            found[key][other] += 1
    return found


def _routes[N: RouteNode](
    sources: Mapping[ObjectKey, Route], judge: Callable[[ObjectKey], N | None], settings: GraphSettings
) -> Routes[N]:
    nodes = _nodes(sources, judge)
    return Routes(nodes=nodes, of=_routes_of(nodes), forsaken=forsaken(sources, sources, nodes, settings))


def _policies(
    sources: Mapping[ObjectKey, Policy | XBackend],
    attach: Callable[[ObjectKey], PolicyNode | None],
    settings: GraphSettings,
) -> Policies:
    nodes = _nodes(sources, attach)
    return Policies(nodes=nodes, forsaken=forsaken(sources, sources, nodes, settings))


def _routes_of(routes: Mapping[ObjectKey, RouteNode]) -> Map[ObjectKey, tuple[ObjectKey, ...]]:
    found: defaultdict[ObjectKey, list[ObjectKey]] = defaultdict(list)
    for key in sorted(routes, key=lambda key: seniority(routes[key].source)):
        for gateway in bound_gateways(routes[key]):
            found[gateway].append(key)
    return Map({gateway: tuple(keys) for gateway, keys in found.items()})
