"""Two snapshots of a cluster → what moved between them, as far as judges can see it."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from gateway_api.graph.judges import namespace_labels
from gateway_api.graph.lookup import Read
from gateway_api.graph.mappings import not_equal, not_same
from gateway_api.graph.occupied import Occupied
from gateway_api.graph.routes.attachment import Section
from gateway_api.graph.types import GatewayClassNode, GatewayNode, ListenerSetNode
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import Service
from k8s_watch.objects.gateway import Listener, RouteGroupKind
from k8s_watch.snapshot import FIELDS, ClusterSnapshot, objects_of

type Keys = AbstractSet[ObjectKey]

NO_KEYS: frozenset[ObjectKey] = frozenset()

SLICES = "EndpointSlice"
UNSEEN = frozenset({"Deployment", SLICES})
"""Kinds of which no judge sees an object: they matter to the graph only where they move a read."""

NOTHING = ClusterSnapshot(revision=-1)
"""What came before the first snapshot."""


def changed_keys(before: ClusterSnapshot, cluster: ClusterSnapshot) -> Mapping[str, Keys]:
    """Return, by kind name, the objects that may differ between two snapshots of one source.

    The newer one says so itself when it is the very next one. Else the objects are compared by identity, which costs
    about 0.1 µs each: revisions may be skipped.
    """
    if cluster.changed is not None and cluster.revision == before.revision + 1:
        return cluster.changed
    slices = not_same(before.slices_by_service, cluster.slices_by_service)
    return {kind: not_same(objects_of(before, kind), objects_of(cluster, kind)) for kind in FIELDS} | {SLICES: slices}


def moved_reads(before: ClusterSnapshot, cluster: ClusterSnapshot, changed: Mapping[str, Keys]) -> set[Read]:
    """Return the Services, Secrets and ConfigMaps that differ in what judges read of them, each label that does, and
    the Services that got their first address or lost their last.

    A Service's pods or load balancer, or the annotations of any of them, may change as they like: with each rollout
    some tools turn the selector of a Service that thousands of routes name.
    """
    services = _moved("Service", before.services, cluster.services, changed, _read_of_service)
    secrets = _moved("Secret", before.secrets, cluster.secrets, changed, lambda of: of.data)
    config_maps = _moved("ConfigMap", before.config_maps, cluster.config_maps, changed, lambda of: of.data)
    labels, vacancies = _moved_labels(before, cluster, changed), _moved_vacancies(before, cluster, changed)
    return services | secrets | config_maps | labels | vacancies


def _read_of_service(of: Service) -> object:
    return of.spec.ports, of.spec.type, of.spec.traffic_distribution


def _moved_vacancies(before: ClusterSnapshot, cluster: ClusterSnapshot, changed: Mapping[str, Keys]) -> set[Read]:
    was, is_ = Occupied(before.slices_by_service), Occupied(cluster.slices_by_service)
    return {(SLICES, key) for key in changed.get(SLICES, ()) if (key in was) != (key in is_)}


def _moved_labels(before: ClusterSnapshot, cluster: ClusterSnapshot, changed: Mapping[str, Keys]) -> set[Read]:
    """Of namespaces: who selects by one label is not concerned by the others, which many people and tools set."""
    return {
        ("Namespace", (key, label))
        for key in changed.get("Namespace", ())
        for label in not_equal(namespace_labels(before, key.name), namespace_labels(cluster, key.name))
    }


def _moved[T](
    kind: str,
    before: Mapping[ObjectKey, T],
    now: Mapping[ObjectKey, T],
    changed: Mapping[str, Keys],
    facet: Callable[[T], object],
) -> set[Read]:
    def at(objects: Mapping[ObjectKey, T], key: ObjectKey) -> object:
        found = objects.get(key)
        return () if found is None else (facet(found),)

    return {(kind, key) for key in changed.get(kind, ()) if at(before, key) != at(now, key)}


def governs_alike(one: GatewayClassNode | None, other: GatewayClassNode | None) -> bool:
    """Whether Gateways see no difference: their judge reads no more of a class than this."""
    if one is None or other is None:
        return one is other
    return one.problems == other.problems


def lets_in_alike(one: GatewayNode | None, other: GatewayNode | None) -> bool:
    """Whether ListenerSets see no difference, and routes none but in a `moved_sections`: their judges read no more."""
    if one is None or other is None:
        return one is other
    spec, other_spec = one.source.spec, other.source.spec
    return (spec.allowed_listeners, spec.tls) == (other_spec.allowed_listeners, other_spec.tls)


def moved_sections(one: GatewayNode | None, other: GatewayNode | None) -> frozenset[Section]:
    """Return what routes may select of a Gateway that is there before and after, and find otherwise than before."""
    if one is None or other is None or one.listeners == other.listeners:
        return frozenset()
    return frozenset(Section(one.key, name) for name in not_equal(_offers(one), _offers(other)))


def _offers(gateway: GatewayNode) -> Mapping[str, Sequence[tuple[Listener, Sequence[RouteGroupKind]]]]:
    """By the name that selects it. As much of a listener as a route sees."""
    found = {"": [(listener.spec, listener.kinds) for listener in gateway.listeners]}
    for spec, kinds in found[""]:
        found.setdefault(spec.name, []).append((spec, kinds))
    return found


def offers_alike(one: ListenerSetNode | None, other: ListenerSetNode | None) -> bool:
    """Whether routes see no difference: `attachment.attach` reads no more of a ListenerSet than this."""
    if one is None or other is None:
        return one is other
    return one.gateway == other.gateway and [(listener.spec, listener.kinds) for listener in one.listeners] == [
        (listener.spec, listener.kinds) for listener in other.listeners
    ]
