"""GatewayClassNode → GatewayClassStatus."""

from gateway_api.features import supported
from gateway_api.graph.types import GatewayClassNode, Settings
from gateway_api.status import catalogue
from gateway_api.status.types import GatewayClassStatus


def gateway_class_status(node: GatewayClassNode, settings: Settings) -> GatewayClassStatus:
    """Say whether Gateways of the class are served, and what they can do.

    Spec: Gateway API v1.6 GatewayClassStatus, GatewayClassConditionStatusAccepted
    """
    generation = node.source.metadata.generation
    if node.problems:
        accepted = catalogue.of_problems(node.problems, generation)
    else:
        accepted = catalogue.class_accepted(generation)
    features = supported(gateway_namespace_mode=settings.gateway_namespace_mode)
    return GatewayClassStatus(conditions=(accepted,), supported_features=features)
