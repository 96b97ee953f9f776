"""PolicyNode → PolicyStatus; of an XBackend, a status with the fields of a route's."""

from gateway_api.graph import problems
from gateway_api.graph.problems import of_condition
from gateway_api.graph.types import Ancestor, PolicyNode
from gateway_api.status import catalogue
from gateway_api.status.types import AncestorStatus, Condition, ParentStatus, PolicyStatus, RouteStatus
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.backends import XBackend
from k8s_watch.objects.routes import ParentReference


def policy_status(node: PolicyNode, controller_name: str) -> PolicyStatus | RouteStatus:
    """Say, for each Gateway of ours that uses what the policy targets, whether it is and can be followed there.

    Spec: Gateway API v1.6 PolicyStatus, PolicyAncestorStatus, BackendStatus
    """
    said = [(_reference(one.gateway), _conditions(one, node)) for one in node.ancestors]
    if isinstance(node.source, XBackend):
        parents = tuple(ParentStatus(parent_ref=ref, conditions=conditions) for ref, conditions in said)
        return RouteStatus(controller_name=controller_name, parents=parents)
    ancestors = tuple(AncestorStatus(ancestor_ref=ref, conditions=conditions) for ref, conditions in said)
    return PolicyStatus(controller_name=controller_name, ancestors=ancestors)


def withdrawn_policy(kind: str, controller_name: str) -> PolicyStatus | RouteStatus:
    """Return the status of what no Gateway of ours has to do with any more: no entry of ours.

    Spec: Gateway API v1.6 PolicyAncestorStatus.controllerName, BackendAncestorStatus.controllerName
    """
    if kind == "XBackend":
        return RouteStatus(controller_name=controller_name, parents=())
    return PolicyStatus(controller_name=controller_name, ancestors=())


def _reference(gateway: ObjectKey) -> ParentReference:
    return ParentReference(namespace=gateway.namespace, name=gateway.name)


def _conditions(ancestor: Ancestor, node: PolicyNode) -> tuple[Condition, ...]:
    """Spec: Gateway API v1.6 PolicyConditionAccepted, BackendTLSPolicyConditionResolvedRefs."""
    generation = node.source.metadata.generation
    refused = of_condition(ancestor.problems, problems.ACCEPTED)
    if refused:
        accepted = catalogue.of_problems(refused, generation)
    elif isinstance(node.source, XBackend):
        accepted = catalogue.backend_accepted(generation)
    elif ancestor.followed:
        accepted = catalogue.policy_accepted(generation, node.remark)
    else:
        accepted = catalogue.policy_idle(generation)
    return (accepted, catalogue.resolved_refs(ancestor.problems, generation))
