"""ListenerSet + its Gateway → ListenerSetNode.

What its listeners are beside others' is in `together.py`.
"""

from collections.abc import Container

from gateway_api.graph import problems
from gateway_api.graph.gateways.client_validation import with_client_validation
from gateway_api.graph.gateways.listener import judge_listener
from gateway_api.graph.gateways.listener_conflicts import judge_names
from gateway_api.graph.label_selector import allows
from gateway_api.graph.lookup import Lookup
from gateway_api.graph.references import target_of
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.types import GatewayNode, GraphSettings, ListenerSetNode
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import GROUP, AllowedListeners, ListenerSet


def parent_of(listener_set: ListenerSet) -> ObjectKey | None:
    """Return the Gateway that a ListenerSet names; None when it names another kind of parent.

    Spec: Gateway API v1.6 ParentGatewayReference
    """
    ref = listener_set.spec.parent_ref
    if (ref.group, ref.kind) != (GROUP, "Gateway"):
        return None
    return target_of(ref, listener_set.metadata.namespace)


def is_orphan(listener_set: ListenerSet, gateways: Container[ObjectKey]) -> bool:
    """Whether a ListenerSet still says that something is well though its Gateway is none of all `gateways`.

    Its status does not say whose it is. But nobody who is there has accepted it, so nobody's word is taken away.

    Spec: Gateway API v1.6 ListenerSetReasonPending
    """
    parent = parent_of(listener_set)
    return (
        parent is not None
        and parent not in gateways
        and any(c.status == "True" for c in listener_set.status.conditions)
    )


def judge_listener_set(
    listener_set: ListenerSet,
    gateways: Lookup[ObjectKey, GatewayNode],
    labels: Lookup[str, str],
    resolver: Resolver,
    settings: GraphSettings,
) -> ListenerSetNode | None:
    """Judge a ListenerSet by itself; None when its parentRef names none of `gateways`. Routes are not counted yet.

    `labels` are those of its namespace. No listener of one that its Gateway does not allow is looked at. Which clients
    a listener lets in is for the Gateway to say.

    Spec: Gateway API v1.6 ListenerSet, AllowedListeners
    """
    key = parent_of(listener_set)
    gateway = gateways.get(key) if key else None
    if gateway is None:
        return None
    allowed = gateway.source.spec.allowed_listeners or AllowedListeners()
    if not allows(allowed.namespaces, gateway.key.namespace, listener_set.metadata.namespace, labels):
        message = (
            f"Gateway {gateway.key} does not allow ListenerSets of namespace {listener_set.metadata.namespace}; "
            "see its allowedListeners.namespaces."
        )
        return ListenerSetNode(source=listener_set, gateway=gateway.key, problems=(problems.not_allowed(message),))
    alone = [
        judge_listener(gateway.key, listener, resolver, settings, listener_set=listener_set.key)
        for listener in listener_set.spec.listeners
    ]
    listeners = with_client_validation(gateway.source, judge_names(alone), resolver)
    return ListenerSetNode(source=listener_set, gateway=gateway.key, listeners=listeners)
