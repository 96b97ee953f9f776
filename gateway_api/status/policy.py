"""PolicyNode → PolicyStatus."""

from gateway_api.graph import problems
from gateway_api.graph.types import Ancestor, PolicyNode
from gateway_api.status import catalogue
from gateway_api.status.types import AncestorStatus, Condition, PolicyStatus
from k8s_watch.objects.routes import ParentReference


def policy_status(node: PolicyNode, controller_name: str) -> PolicyStatus:
    """Say, for each Gateway of ours that uses what the policy targets, whether it is followed there.

    Spec: Gateway API v1.6 PolicyStatus, PolicyAncestorStatus
    """
    generation = node.source.metadata.generation
    return PolicyStatus(
        controller_name=controller_name,
        ancestors=tuple(
            AncestorStatus(
                ancestor_ref=ParentReference(namespace=ancestor.gateway.namespace, name=ancestor.gateway.name),
                conditions=_conditions(ancestor, generation, node.remark),
            )
            for ancestor in node.ancestors
        ),
    )


def _conditions(ancestor: Ancestor, generation: int, remark: str) -> tuple[Condition, ...]:
    """Spec: Gateway API v1.6 PolicyConditionAccepted, BackendTLSPolicyConditionResolvedRefs."""
    refused = [problem for problem in ancestor.problems if problem.condition == problems.ACCEPTED]
    unresolved = [problem for problem in ancestor.problems if problem.condition == problems.RESOLVED_REFS]
    return (
        catalogue.of_problems(refused, generation) if refused else catalogue.policy_accepted(generation, remark),
        catalogue.of_problems(unresolved, generation) if unresolved else catalogue.policy_refs_resolved(generation),
    )
