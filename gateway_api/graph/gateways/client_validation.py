"""Gateway.spec.tls.frontend → which clients each HTTPS listener lets in. No TLS listener asks, decrypting or not.

It fails closed: a listener that shall ask for certificates, and has nobody to trust, is not served.

The check goes by port and never by hostname: a client may send requests for several hostnames over one connection, and
has shown its certificate, or none, when it opened that. Spec: Gateway API GEP-91, GEP-3567
"""

from collections.abc import Iterable

import msgspec

from gateway_api.graph import problems
from gateway_api.graph.ca_certificates import JUDGES, merged, too_large
from gateway_api.graph.problems import Problem
from gateway_api.graph.references import Referrer, kind_of, target_of
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.types import ClientValidation, ListenerNode
from gateway_api.ir.xds import CaBundle
from k8s_watch.objects.gateway import FrontendTls, FrontendValidation, Gateway, ObjectReference

_INSECURE = "AllowInsecureFallback"


def with_client_validation(
    gateway: Gateway, listeners: Iterable[ListenerNode], resolver: Resolver
) -> tuple[ListenerNode, ...]:
    """Add to each listener of a Gateway which clients it lets in, and what is wrong with that.

    Spec: Gateway API v1.6 GatewayTLSConfig.frontend
    """
    frontend = gateway.spec.tls and gateway.spec.tls.frontend
    if not frontend:
        return tuple(listeners)
    return tuple(
        _validated(frontend, listener, Referrer("Gateway", gateway.key.namespace), resolver) for listener in listeners
    )


def insecure_problems(gateway: Gateway) -> list[Problem]:
    """Warn of every place where the Gateway lets in clients without a valid certificate.

    Spec: Gateway API v1.6 GatewayConditionInsecureFrontendValidationMode
    """
    frontend = gateway.spec.tls and gateway.spec.tls.frontend
    if not frontend:
        return []
    places = {"spec.tls.frontend.default": frontend.default.validation}
    places |= {_place(one.port): one.tls.validation for one in frontend.per_port}
    return [
        problems.insecure_frontend_validation(
            f"{place} lets in clients without a valid certificate; use AllowValidOnly."
        )
        for place, validation in places.items()
        if validation and validation.mode == _INSECURE
    ]


def _validated(frontend: FrontendTls, node: ListenerNode, referrer: Referrer, resolver: Resolver) -> ListenerNode:
    validation, place = _validation_of(frontend, node.spec.port)
    if validation is None or node.spec.protocol != "HTTPS":
        return node
    answers = [_ca_bundle(ref, referrer, resolver) for ref in validation.ca_certificate_refs]
    found = [problem for problem in answers if isinstance(problem, Problem)]
    bundles = [bundle for bundle in answers if isinstance(bundle, CaBundle)]
    clients, said = None, too_large(bundles)
    if bundles and not said:
        clients = ClientValidation(authorities=merged(bundles), required=validation.mode != _INSECURE)
    else:
        refs = f"{place}.validation.caCertificateRefs"
        message = f"{refs} {said}; until then" if said else f"None of {refs} can be used; until one can"
        found.append(problems.no_valid_ca_certificate(f"{message}, no client is let in."))
    return msgspec.structs.replace(node, client_validation=clients, problems=(*node.problems, *found))


def _validation_of(frontend: FrontendTls, port: int) -> tuple[FrontendValidation | None, str]:
    """Return what is asked of clients on a port, and where that is written.

    Spec: Gateway API v1.6 FrontendTLSConfig.perPort
    """
    for own in frontend.per_port:
        if own.port == port:
            return own.tls.validation, _place(port)
    return frontend.default.validation, "spec.tls.frontend.default"


def _place(port: int) -> str:
    return f"spec.tls.frontend.perPort[port {port}].tls"


def _ca_bundle(ref: ObjectReference, referrer: Referrer, resolver: Resolver) -> CaBundle | Problem:
    if ref.group or ref.kind not in JUDGES:
        return problems.invalid_ca_certificate_kind(
            f"caCertificateRef {ref.name} is of kind {kind_of(ref)}; use a ConfigMap or a Secret."
        )
    return resolver.ca_bundle(referrer, ref.kind, target_of(ref, referrer.namespace))
