"""Gateway + its class → GatewayNode."""

import ipaddress

from gateway_api.graph import problems
from gateway_api.graph.certificate import certificate
from gateway_api.graph.gateways.client_validation import insecure_problems, with_client_validation
from gateway_api.graph.gateways.listener import judge_listener
from gateway_api.graph.gateways.listener_conflicts import judge_together
from gateway_api.graph.hostnames import is_precise
from gateway_api.graph.problems import Problem
from gateway_api.graph.references import Referrer, kind_of
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.types import GatewayClassNode, GatewayNode, GraphSettings
from gateway_api.ir.xds import TlsSecret
from k8s_watch.objects.gateway import Gateway, GatewayAddress


def judge_gateway(
    gateway: Gateway, gateway_class: GatewayClassNode, resolver: Resolver, settings: GraphSettings
) -> GatewayNode:
    """Judge a Gateway of one of our classes, its listeners one by one and together. Routes are not counted yet.

    Whether there is a listener to accept it for is not said yet: `together.with_listener_sets` does.

    Spec: Gateway API v1.6 Gateway, GatewayConditionAccepted
    """
    alone = [judge_listener(gateway.key, listener, resolver, settings) for listener in gateway.spec.listeners]
    # First what they are to each other: neither a conflict nor the Gateway hinges on a ConfigMap that comes and goes.
    distinct = judge_together(alone)
    shown = _client_certificate(gateway, resolver)
    return GatewayNode(
        source=gateway,
        listeners=with_client_validation(gateway, distinct, resolver),
        problems=(
            *_class_problems(gateway_class),
            *_parameters_problems(gateway),
            *_address_problems(gateway),
            *insecure_problems(gateway),
            *([shown] if isinstance(shown, Problem) else []),
        ),
        client_certificate=shown if isinstance(shown, TlsSecret) else None,
    )


def _class_problems(gateway_class: GatewayClassNode) -> list[Problem]:
    if not gateway_class.problems:
        return []
    message = f"GatewayClass {gateway_class.source.metadata.name} is not accepted: {gateway_class.problems[0].message}"
    return [problems.invalid_parameters(message)]


def _parameters_problems(gateway: Gateway) -> list[Problem]:
    """Spec: Gateway API v1.6 GatewayInfrastructure.parametersRef, GatewayReasonInvalidParameters."""
    ref = gateway.spec.infrastructure and gateway.spec.infrastructure.parameters_ref
    if not ref:
        return []
    message = f"spec.infrastructure.parametersRef names {kind_of(ref)}, which is not supported; remove it."
    return [problems.invalid_parameters(message)]


def _address_problems(gateway: Gateway) -> list[Problem]:
    """Spec: Gateway API v1.6 GatewaySpec.addresses."""
    wrong = [address for address in gateway.spec.addresses if not _is_supported(address)]
    return [
        problems.unsupported_address(f"spec.addresses has {address.type} {address.value!r}, which is not supported.")
        for address in wrong
    ]


def _is_supported(address: GatewayAddress) -> bool:
    if address.type not in ("IPAddress", "Hostname"):
        return False
    # Without a value any address of the type will do. Spec: Gateway API v1.6 GatewaySpecAddress.value
    return not address.value or (_is_ip(address.value) if address.type == "IPAddress" else is_precise(address.value))


def _is_ip(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _client_certificate(gateway: Gateway, resolver: Resolver) -> TlsSecret | Problem | None:
    """What to show backends; one that insists on a certificate refuses us where there is none.

    Spec: Gateway API v1.6 GatewayBackendTLS.clientCertificateRef
    """
    ref = gateway.spec.tls and gateway.spec.tls.backend and gateway.spec.tls.backend.client_certificate_ref
    if not ref:
        return None
    found = certificate(ref, Referrer("Gateway", gateway.metadata.namespace), resolver)
    if isinstance(found, TlsSecret) or found.reason == problems.REF_NOT_PERMITTED:
        return found
    return problems.invalid_client_certificate_ref(f"spec.tls.backend.clientCertificateRef: {found.message}")
