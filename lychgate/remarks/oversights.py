"""ClusterSnapshot and Graph → what is written in vain, and no condition says so.

In a cluster silence is right: a route whose Gateway is not ours may be somebody else's, and pods come and go. In a
folder everything is ours, and what leads nowhere was most likely misspelt.
"""

import difflib
from collections.abc import Collection, Iterable, Iterator, Set

from gateway_api.graph.gateways.listener_set import parent_of
from gateway_api.graph.references import target_of
from gateway_api.graph.routes.mirror import mirrors_of
from gateway_api.graph.types import Graph, HTTPRuleNode, L4RuleNode
from gateway_api.ir.xds import Cluster
from gateway_api.lowering.endpoints import lower_endpoints
from k8s_apply.status_report import Oversight, oversight
from k8s_watch.files.overrides import Override, services_asked
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import GROUP
from k8s_watch.objects.policies import Policy
from k8s_watch.objects.routes import ParentReference
from k8s_watch.slices import SERVICE_LABEL
from k8s_watch.snapshot import ClusterSnapshot, objects_of

MOST_NAMES = 100
"""Among more than that we do not look for the one that was meant: thousands may be misspelt, and every edit asks."""


def oversights(cluster: ClusterSnapshot, graph: Graph, overrides: Iterable[Override] = ()) -> tuple[Oversight, ...]:
    """Find what has no effect and no status that says so, `overrides` among it, which `cluster` has been given, and
    Services that are sent to and have no endpoint.

    By kind, in the order of keys. Each names the object, and the remedy. Cost: linear in all objects.
    """
    return (
        *_classes(cluster, graph),
        *_gateways(cluster, graph),
        *_listener_sets(cluster, graph),
        *_routes(cluster, graph),
        *_policies(cluster, graph),
        *_services(cluster, graph),
        *_overrides(cluster, graph, {override.service for override in overrides}),
    )


def _classes(cluster: ClusterSnapshot, graph: Graph) -> Iterator[Oversight]:
    ours = graph.settings.controller_name
    for key, source in sorted(cluster.gateway_classes.items()):
        if key not in graph.gateway_classes:
            name = source.spec.controller_name
            yield oversight(
                "GatewayClass", key, f"spec.controllerName {name} is not ours: write {ours} for it to be served"
            )


def _gateways(cluster: ClusterSnapshot, graph: Graph) -> Iterator[Oversight]:
    ours = graph.settings.controller_name
    for key, source in sorted(cluster.gateways.items()):
        if key not in graph.gateways:
            name = source.spec.gateway_class_name
            if ObjectKey("", name) in cluster.gateway_classes:
                wrong = f"is not served: GatewayClass {name} is not of our controller"
            else:  # what was served before goes on
                missing = _missing(ObjectKey("", name), graph.gateway_classes)
                remedy = "" if graph.gateway_classes else f": add one, with controllerName {ours}"
                wrong = f"is not served as it is written: GatewayClass {name} {missing}{remedy}"
            yield oversight("Gateway", key, wrong)


def _listener_sets(cluster: ClusterSnapshot, graph: Graph) -> Iterator[Oversight]:
    for key, source in sorted(cluster.listener_sets.items()):
        if key not in graph.listener_sets:
            parent, ref = parent_of(source), source.spec.parent_ref
            wrong = _lost("Gateway", parent, cluster, graph) if parent else f"{ref.kind} {ref.name} is not a Gateway"
            yield oversight("ListenerSet", key, f"is not served: its parentRef: {wrong}")


def _routes(cluster: ClusterSnapshot, graph: Graph) -> Iterator[Oversight]:
    for kind in graph.routes:
        for key, source in sorted(objects_of(cluster, kind).items()):
            if not source.spec.parent_refs:
                yield oversight(kind, key, "is not served: it has no parentRefs, name the Gateway there")
            elif source.spec.use_default_gateways not in (None, "None"):
                yield oversight(kind, key, "useDefaultGateways is not supported: name the Gateways in parentRefs")
            for number, ref in enumerate(source.spec.parent_refs):
                if wrong := _wrong_parent(ref, key.namespace, cluster, graph):
                    yield oversight(kind, key, f"parentRefs[{number}] leads nowhere: {wrong}")


def _wrong_parent(ref: ParentReference, namespace: str, cluster: ClusterSnapshot, graph: Graph) -> str:
    key = target_of(ref, namespace)
    if ref.group != GROUP or ref.kind not in ("Gateway", "ListenerSet"):
        return f"{ref.kind} {key} is neither a Gateway nor a ListenerSet"
    return _lost(ref.kind, key, cluster, graph)


def _lost(kind: str, key: ObjectKey, cluster: ClusterSnapshot, graph: Graph) -> str:
    """Why a Gateway or ListenerSet is no parent; "" for one that is."""
    served = graph.gateways if kind == "Gateway" else graph.listener_sets
    if key in served:
        return ""
    if key in objects_of(cluster, kind):
        return f"{kind} {key} is not served itself"
    return f"{kind} {key} {_missing(key, served)}"


def _policies(cluster: ClusterSnapshot, graph: Graph) -> Iterator[Oversight]:
    for kind, policies in graph.policies.items():
        for key, source in sorted(objects_of(cluster, kind).items()):
            ancestors = policies.nodes[key].ancestors if key in policies.nodes else ()
            if isinstance(source, Policy) and not any(one.followed or one.problems for one in ancestors):
                for number, ref in enumerate(source.spec.target_refs):
                    target = ObjectKey(key.namespace, ref.name)
                    if (ref.group, ref.kind) != ("", "Service"):
                        wrong = f"{ref.kind} {ref.name} is not a Service"
                    elif target in cluster.services:
                        about = " that it can be about" if ancestors else ""
                        wrong = f"nothing{about} is sent to Service {target}"
                    else:
                        wrong = f"Service {target} {_missing(target, cluster.services, elsewhere=False)}"
                    yield oversight(kind, key, f"targetRefs[{number}] has no effect: {wrong}")


def _services(cluster: ClusterSnapshot, graph: Graph) -> Iterator[Oversight]:
    rules = (rule for routes in graph.routes.values() for node in routes.nodes.values() for rule in node.rules)
    used = {(c.backend, c.port, c.protocol == "udp"): c for rule in rules for c in _clusters(rule) if not c.hostname}
    for (key, port, _), each in sorted(used.items()):
        service, slices = cluster.services.get(key), cluster.slices_by_service.get(key, ())
        if service and not lower_endpoints(each, service, slices).endpoints:
            name = next((p.name for p in service.spec.ports if p.port == port), "")
            named = f"named {name}" if name else "without a name"
            short = key.name if key.namespace == "default" else str(key)
            yield oversight(
                "Service",
                key,
                f"has no ready endpoint for port {port}, what is sent there fails: say --backend {short}=HOST:PORT, or"
                f" add an EndpointSlice with the label {SERVICE_LABEL}: {key.name} and a port {named}",
            )


def _clusters(rule: HTTPRuleNode | L4RuleNode) -> Iterator[Cluster]:
    """Whatever the rule sends to."""
    found = [backend.cluster for backend in rule.backends if backend.weight]
    if isinstance(rule, HTTPRuleNode):
        found += [mirror.cluster for mirror in mirrors_of(rule)]
        found += [rule.authorizer] if rule.authorizer else []
    yield from (cluster for cluster in found if isinstance(cluster, Cluster))


def _overrides(cluster: ClusterSnapshot, graph: Graph, keys: Set[ObjectKey]) -> Iterator[Oversight]:
    """Those of Services that have no port, neither of their own nor one that a route asks for."""
    vain = sorted(key for key in keys if (found := cluster.services.get(key)) and not found.spec.ports)
    if not vain:
        return
    routes = (route for kind in graph.routes for route in objects_of(cluster, kind).values())
    known = {named for named, _, _ in services_asked(routes)} | set(cluster.services).difference(vain)
    for key in vain:
        meant = _meant(key, known)
        reason = "--backend has no effect: no route names this Service, and no file defines it with a port"
        yield oversight("Service", key, f"{reason}: did you mean {meant}?" if meant else reason)


def _missing(key: ObjectKey, known: Collection[ObjectKey], *, elsewhere: bool = True) -> str:
    """That it is not there, and which of `known` was probably meant."""
    meant = _meant(key, known, elsewhere=elsewhere)
    return f"is not there: did you mean {meant}?" if meant else "is not there, or was rejected"


def _meant(key: ObjectKey, known: Collection[ObjectKey], *, elsewhere: bool = True) -> str:
    """Which of `known` was probably meant: a namesake elsewhere, or a similar name here; "" for none."""
    names = sorted(known) if len(known) <= MOST_NAMES else []
    close = difflib.get_close_matches(key.name, [each.name for each in names if each.namespace == key.namespace], 1)
    meant = [str(each) for each in names if elsewhere and each.name == key.name]
    meant += [str(ObjectKey(key.namespace, name)) for name in close]
    return next(iter(meant), "")
