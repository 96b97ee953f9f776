"""GatewayClass → GatewayClassNode."""

from gateway_api.graph import problems
from gateway_api.graph.references import kind_of
from gateway_api.graph.types import GatewayClassNode
from k8s_watch.objects.gateway import GatewayClass


def judge_gateway_class(gateway_class: GatewayClass) -> GatewayClassNode:
    """Judge a GatewayClass that names our controller.

    No kind of parameters is supported yet, so that any parametersRef makes the class unaccepted: serving without what
    it asks for would be a lie.

    Spec: Gateway API v1.6 GatewayClassSpec.parametersRef, GatewayClassReasonInvalidParameters
    """
    ref = gateway_class.spec.parameters_ref
    if ref is None:
        return GatewayClassNode(source=gateway_class)
    message = f"spec.parametersRef names {kind_of(ref)}, which is not supported; remove it."
    return GatewayClassNode(source=gateway_class, problems=(problems.invalid_parameters(message),))
