"""Policies and what they target → whose word counts where, and where each policy is attached.

A policy is direct: it speaks for Services of its own namespace, whole or by port, and for nothing else. What it says is
an `effect`, whatever kind of policy it is.

Spec: GEP-713; Gateway API v1.6 LocalPolicyTargetReferenceWithSectionName, PolicyStatus
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gateway_api.graph import problems
from gateway_api.graph.lookup import Lookup
from gateway_api.graph.mappings import replaced
from gateway_api.graph.precedence import route_precedence
from gateway_api.graph.readers import Moved
from gateway_api.graph.types import Ancestor, Claim, JudgedPolicy, PolicyNode, Problem
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import Service
from k8s_watch.objects.policies import Policy, PolicyTargetReference

type ClaimsByService[E] = Mapping[ObjectKey, tuple[Claim[E], ...]]
"""Service → the claims on it, in order of precedence: the oldest policy's first, then by name."""


def claims_of[E](policies: Iterable[JudgedPolicy[E]]) -> ClaimsByService[E]:
    """Sort what the policies claim by Service. The definition: `Claims` must equal this."""
    found: defaultdict[ObjectKey, list[Claim[E]]] = defaultdict(list)
    for policy in policies:
        for service, claim in _claims(policy):
            found[service].append(claim)
    return {service: _in_order(claims) for service, claims in found.items()}


class Claims[E]:
    """`claims_of` one set of policies after the other, at the cost of what moved."""

    def __init__(self) -> None:
        self.of: ClaimsByService[E] = {}
        """Never mutated: a change makes a new mapping."""

    def get(self, service: ObjectKey, /) -> tuple[Claim[E], ...] | None:
        """Return the claims on a Service; None when there are none."""
        return self.of.get(service)

    def __contains__(self, service: object, /) -> bool:
        return service in self.of

    def move(self, moved: Mapping[ObjectKey, Moved[JudgedPolicy[E]]]) -> frozenset[ObjectKey]:
        """Take in what moved; return the Services on which a claim differs."""
        joined = claims_of(node.after for node in moved.values() if node.after)
        left = claims_of(node.before for node in moved.values() if node.before)
        news: dict[ObjectKey, tuple[Claim[E], ...]] = {}
        for service in {*joined, *left}:
            before = self.of.get(service, ())
            after = _in_order([*(c for c in before if c.policy not in moved), *joined.get(service, ())])
            if after != before:
                news[service] = after
        if news:
            self.of = replaced(self.of, {service: claims or None for service, claims in news.items()})
        return frozenset(news)


def effective[E](claims: Sequence[Claim[E]], port_name: str) -> Claim[E] | None:
    """Return the claim that counts for a port: the first that names it, else the first on the whole Service.

    Spec: Gateway API v1.6 BackendTLSPolicySpec.targetRefs; GEP-713, "more specific"
    """
    named = (claim for claim in claims if claim.section and claim.section == port_name)
    whole = (claim for claim in claims if not claim.section)
    return next(named, None) or next(whole, None)


def attach_policy[E](
    policy: JudgedPolicy[E],
    claims: Lookup[ObjectKey, tuple[Claim[E], ...]],
    services: Lookup[ObjectKey, Service],
    users: Lookup[ObjectKey, Iterable[ObjectKey]],
) -> PolicyNode | None:
    """Say what becomes of a policy at each Gateway that uses what it targets; None when none of ours does.

    `users` are the Gateways that send traffic to a Service.

    Spec: Gateway API v1.6 PolicyAncestorStatus, PolicyReasonConflicted, PolicyReasonTargetNotFound
    """
    found: dict[ObjectKey, dict[Problem, None]] = {}
    for service, ref in _targets(policy.source):
        wrong = _target_problem(ref, service, services) or _conflict(policy.source, ref, claims.get(service) or ())
        for gateway in users.get(service) or ():
            found.setdefault(gateway, dict.fromkeys(policy.problems)).update({wrong: None} if wrong else {})
    if not found:
        return None
    ancestors = (Ancestor(gateway=gateway, problems=tuple(found[gateway])) for gateway in sorted(found))
    return PolicyNode(source=policy.source, ancestors=tuple(ancestors))


def _targets(policy: Policy) -> Iterator[tuple[ObjectKey, PolicyTargetReference]]:
    """The Services among its targets; what else it targets is for others."""
    for ref in policy.spec.target_refs:
        if (ref.group, ref.kind) == ("", "Service"):
            yield ObjectKey(policy.metadata.namespace, ref.name), ref


def _claims[E](policy: JudgedPolicy[E]) -> Iterator[tuple[ObjectKey, Claim[E]]]:
    order = route_precedence(policy.source)
    for service, ref in _targets(policy.source):
        section = ref.section_name or ""
        yield service, Claim(policy=policy.source.key, order=order, section=section, effect=policy.effect)


def _in_order[E](claims: Iterable[Claim[E]]) -> tuple[Claim[E], ...]:
    return tuple(sorted(claims, key=lambda claim: (claim.order, claim.section)))


def _target_problem(ref: PolicyTargetReference, key: ObjectKey, services: Lookup[ObjectKey, Service]) -> Problem | None:
    service = services.get(key)
    if service is None:
        return problems.target_not_found(f"Service {key} does not exist.")
    if ref.section_name and all(port.name != ref.section_name for port in service.spec.ports):
        known = ", ".join(port.name for port in service.spec.ports if port.name) or "none"
        return problems.target_not_found(
            f"Service {key} has no port named {ref.section_name}; its ports' names: {known}."
        )
    return None


def _conflict[E](policy: Policy, ref: PolicyTargetReference, claims: Sequence[Claim[E]]) -> Problem | None:
    first = next((claim for claim in claims if claim.section == (ref.section_name or "")), None)
    if first is None or first.policy == policy.key:
        return None
    part = f" port {ref.section_name}" if ref.section_name else ""
    message = (
        f"For Service {ref.name}{part} {first.policy} takes precedence: it is older, or first by name; remove one."
    )
    return problems.policy_conflicted(message)
