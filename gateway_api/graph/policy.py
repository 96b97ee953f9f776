"""Policies and what they target → whose word counts where, and where each policy is attached.

A policy is direct: it speaks for Services of its own namespace, whole or by port, and for nothing else. What it says is
an `effect`, whatever kind of policy it is. An XBackend is in the same place: it speaks for itself alone.

Spec: GEP-713; Gateway API v1.6 LocalPolicyTargetReferenceWithSectionName, PolicyStatus
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from immutables import Map

from gateway_api.graph import problems
from gateway_api.graph.lookup import Lookup
from gateway_api.graph.mentions import some
from gateway_api.graph.precedence import seniority
from gateway_api.graph.problems import Problem
from gateway_api.graph.types import Ancestor, Directive, JudgedPolicy, PolicyNode, Use
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.backends import XBackend
from k8s_watch.objects.core import Service
from k8s_watch.objects.policies import Policy, PolicyTargetReference

type DirectivesByService[E] = Map[ObjectKey, tuple[Directive[E], ...]]
"""Service → the directives on it, in order of precedence: the oldest policy's first, then by name."""


def directives_of[E](policies: Iterable[JudgedPolicy[E]]) -> DirectivesByService[E]:
    """Sort what the policies say by Service."""
    found: defaultdict[ObjectKey, list[Directive[E]]] = defaultdict(list)
    for policy in policies:
        for service, directive in _directives(policy):
            found[service].append(directive)
    return Map({service: in_order(directives) for service, directives in found.items()})


def effective[E](directives: Sequence[Directive[E]], port_name: str) -> Directive[E] | None:
    """Return the directive that counts for a port: the first that names it, else the first on the whole Service.

    Spec: Gateway API v1.6 BackendTLSPolicySpec.targetRefs; GEP-713, "more specific"
    """
    named = (directive for directive in directives if directive.section and directive.section == port_name)
    whole = (directive for directive in directives if not directive.section)
    return next(named, None) or next(whole, None)


def attach_policy[E](
    kind: str,
    policy: JudgedPolicy[E],
    directives: Lookup[ObjectKey, tuple[Directive[E], ...]],
    services: Lookup[ObjectKey, Service],
    users: Lookup[Use, Iterable[ObjectKey]],
) -> PolicyNode | None:
    """Say what becomes of a policy of a kind at each Gateway that uses what it targets; None when none of ours does.

    `users` are the Gateways whose traffic something is used for.

    Spec: Gateway API v1.6 PolicyAncestorStatus, PolicyReasonConflicted, PolicyReasonTargetNotFound
    """
    found: dict[ObjectKey, dict[Problem, None]] = {}
    followers: set[ObjectKey] = set()
    for target, said, wrong in _targeted(kind, policy.source, directives, services):
        for gateway in users.get(target) or ():
            found.setdefault(gateway, dict.fromkeys(policy.problems)).update({wrong: None} if wrong else {})
        if wrong is None:
            followers.update(users.get(said) or ())
    if not found:
        return None
    ancestors = (
        Ancestor(gateway=gateway, followed=gateway in followers, problems=tuple(found[gateway]))
        for gateway in sorted(found)
    )
    return PolicyNode(source=policy.source, ancestors=tuple(ancestors), remark=policy.remark)


def _targeted[E](
    kind: str,
    source: Policy | XBackend,
    directives: Lookup[ObjectKey, tuple[Directive[E], ...]],
    services: Lookup[ObjectKey, Service],
) -> Iterator[tuple[Use, Use, Problem | None]]:
    """What is targeted, what is said of it, and why that is in vain."""
    if isinstance(source, XBackend):
        yield Use(kind, source.key), Use(kind, source.key), None
        return
    for service, ref in _targets(source):
        wrong = _target_problem(ref, service, services) or _conflict(source, ref, directives.get(service) or ())
        yield Use("Service", service), Use(kind, service, ref.section_name or ""), wrong


def _targets(policy: Policy) -> Iterator[tuple[ObjectKey, PolicyTargetReference]]:
    """The Services among its targets; what else it targets is for others."""
    for ref in policy.spec.target_refs:
        if (ref.group, ref.kind) == ("", "Service"):
            yield ObjectKey(policy.metadata.namespace, ref.name), ref


def _directives[E](policy: JudgedPolicy[E]) -> Iterator[tuple[ObjectKey, Directive[E]]]:
    source, order = policy.source, seniority(policy.source)
    sections = (
        [(source.key, "")]
        if isinstance(source, XBackend)
        else [(service, ref.section_name or "") for service, ref in _targets(source)]
    )
    for target, section in sections:
        yield target, Directive(policy=source.key, order=order, section=section, effect=policy.effect)


def in_order[E](directives: Iterable[Directive[E]]) -> tuple[Directive[E], ...]:
    """Sort the directives on one Service by precedence."""
    return tuple(sorted(directives, key=lambda directive: (directive.order, directive.section)))


def _target_problem(ref: PolicyTargetReference, key: ObjectKey, services: Lookup[ObjectKey, Service]) -> Problem | None:
    service = services.get(key)
    if service is None:
        return problems.target_not_found(f"Service {key} does not exist.")
    if ref.section_name and all(port.name != ref.section_name for port in service.spec.ports):
        known = some(port.name for port in service.spec.ports if port.name)
        return problems.target_not_found(
            f"Service {key} has no port named {ref.section_name}; its ports' names: {known}."
        )
    return None


def _conflict[E](policy: Policy, ref: PolicyTargetReference, directives: Sequence[Directive[E]]) -> Problem | None:
    first = next((directive for directive in directives if directive.section == (ref.section_name or "")), None)
    if first is None or first.policy == policy.key:
        return None
    part = f" port {ref.section_name}" if ref.section_name else ""
    message = (
        f"For Service {ref.name}{part} {first.policy} takes precedence: it is older, or first by name; remove one."
    )
    return problems.policy_conflicted(message)
