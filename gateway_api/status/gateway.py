"""GatewayNode + its proxies' reports → GatewayStatus."""

import ipaddress

from gateway_api.graph import problems
from gateway_api.graph.problems import of_condition
from gateway_api.graph.types import GatewayNode
from gateway_api.ir.fleet import GatewayFleet
from gateway_api.ir.infra import GatewayInfra
from gateway_api.status import catalogue
from gateway_api.status.listener import listener_status
from gateway_api.status.types import Condition, GatewayStatus
from gateway_api.status.words import of_envoy


def gateway_status(node: GatewayNode, fleet: GatewayFleet, infra: GatewayInfra) -> GatewayStatus:
    """Say whether the Gateway is valid and served, and at which addresses.

    Spec: Gateway API v1.6 GatewayStatus
    """
    generation = node.source.metadata.generation
    insecure = of_condition(node.problems, problems.INSECURE_FRONTEND_VALIDATION_MODE)
    obstacle = "" if node.serves else "The Gateway is not accepted."
    return GatewayStatus(
        conditions=(
            _accepted(node),
            _resolved_refs(node),
            _programmed(node, fleet, infra),
            *([catalogue.of_problems(insecure, generation)] if insecure else []),
        ),
        listeners=tuple(listener_status(listener, generation, obstacle) for listener in node.listeners),
        attached_listener_sets=node.accepted_listener_sets if node.serves else 0,
        addresses=infra.addresses if node.serves else (),
    )


def _accepted(node: GatewayNode) -> Condition:
    """Spec: Gateway API v1.6 GatewayConditionAccepted; GatewaySpec.listeners, "Handling indistinct Listeners"."""
    generation = node.source.metadata.generation
    wrong = of_condition(node.problems, problems.ACCEPTED)
    if wrong:
        return catalogue.of_problems(wrong, generation)
    # Routes that rely on it have no parent of ours, and so no status: nobody else would say it. Spec: GEP-3793
    asked = node.source.spec.default_scope not in (None, "None")
    remark = "spec.defaultScope is not supported: routes have to name the Gateway in parentRefs." if asked else ""
    invalid = [listener.spec.name for listener in node.listeners if not listener.serves]
    if not invalid:
        return catalogue.gateway_accepted(generation, remark)
    served = ", ".join(listener.spec.name for listener in node.listeners if listener.serves)
    if not served:
        served = "those of ListenerSets" if any(listener.serves for listener in node.set_listeners) else "none"
    message = f"Listeners not valid: {', '.join(invalid)}; served: {served}. {remark}".rstrip()
    return catalogue.gateway_accepted_in_part(message, generation)


def _resolved_refs(node: GatewayNode) -> Condition:
    """Spec: Gateway API v1.6 GatewayConditionResolvedRefs."""
    generation = node.source.metadata.generation
    own = catalogue.resolved_refs(node.problems, generation)
    unresolved = [
        listener.spec.name for listener in node.listeners if of_condition(listener.problems, problems.RESOLVED_REFS)
    ]
    if own.status == "True" and unresolved:
        message = f"See the ResolvedRefs condition of these listeners: {', '.join(unresolved)}."
        return catalogue.gateway_listeners_not_resolved(message, generation)
    return own


def _programmed(node: GatewayNode, fleet: GatewayFleet, infra: GatewayInfra) -> Condition:
    """Spec: Gateway API v1.6 GatewayConditionProgrammed."""
    generation = node.source.metadata.generation
    if not node.serves:
        return catalogue.gateway_invalid("The Gateway is not accepted.", generation)
    if not any(listener.serves for listener in node.all_listeners):
        return catalogue.gateway_invalid("No listener can be served.", generation)
    if fleet.nacks:
        refused = " ".join(
            f"Envoy {nack.node_id} refuses {', '.join(nack.resources)}: {of_envoy(nack.message)}"
            for nack in fleet.nacks
        )
        return catalogue.gateway_invalid(refused, generation)
    if infra.problem:
        effect = "Changes of its proxies are refused" if infra.replicas_ready else "Its proxies cannot run"
        return catalogue.no_resources(f"{effect}: {infra.problem}.", generation)
    if infra.shortage and not infra.replicas_ready:
        return catalogue.no_resources(f"Its proxies cannot run: {infra.shortage}.", generation)
    missing = _missing_addresses(node, infra)
    if missing:
        return catalogue.address_not_usable(missing, generation)
    if not infra.addresses:
        return catalogue.address_not_assigned(generation)
    replicas = f"{infra.replicas_ready} of {infra.replicas_wanted} proxies are ready"
    if not infra.replicas_ready:
        return catalogue.no_resources(f"{replicas}.", generation)
    refused = ", ".join(sorted({each.source for each in fleet.refused}))
    remark = f" They refuse part of {refused}; see its status." if refused else ""
    remark += f" More cannot be made: {infra.shortage}." if infra.shortage else ""
    return catalogue.gateway_programmed(f"Addresses are assigned, {replicas}.{remark}", generation)


def _missing_addresses(node: GatewayNode, infra: GatewayInfra) -> list[str]:
    """Return the addresses that the Gateway asks for and did not get."""
    given = {(address.type, _spelled(address.type, address.value)) for address in infra.addresses}
    return [
        address.value
        for address in node.source.spec.addresses
        if address.value and (address.type, _spelled(address.type, address.value)) not in given
    ]


def _spelled(kind: str, value: str) -> str:
    """An IPv6 address has many spellings."""
    try:
        return str(ipaddress.ip_address(value)) if kind == "IPAddress" else value
    except ValueError:
        return value
