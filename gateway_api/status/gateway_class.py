"""GatewayClassNode + the versions of the CRDs → GatewayClassStatus."""

from collections.abc import Mapping

from gateway_api.features import API_VERSION, supported
from gateway_api.graph.mentions import some
from gateway_api.graph.types import GatewayClassNode, GraphSettings
from gateway_api.status import catalogue
from gateway_api.status.types import Condition, GatewayClassStatus


def gateway_class_status(
    node: GatewayClassNode, settings: GraphSettings, bundles: Mapping[str, str] | None
) -> GatewayClassStatus:
    """Say whether Gateways of the class are served, what they can do, and whether the CRDs are those that we know.

    For `bundles` see `InfraReport`.

    Spec: Gateway API v1.6 GatewayClassStatus, GatewayClassConditionStatusAccepted
    """
    generation = node.source.metadata.generation
    if node.problems:
        accepted = catalogue.of_problems(node.problems, generation)
    else:
        accepted = catalogue.class_accepted(generation)
    features = supported(gateway_namespace_mode=settings.gateway_namespace_mode)
    version = [_supported_version(bundles, generation)] if bundles else []
    return GatewayClassStatus(conditions=(accepted, *version), supported_features=features)


def _supported_version(bundles: Mapping[str, str], generation: int) -> Condition:
    """Spec: Gateway API v1.6 GatewayClassConditionStatusSupportedVersion."""
    crds: dict[str, list[str]] = {}
    for crd, version in sorted(bundles.items()):
        crds.setdefault(version, []).append(crd)
    unknown = [version for version in sorted(crds) if not version.startswith(f"{API_VERSION}.")]
    if not unknown:
        return catalogue.class_version_supported(" and ".join(sorted(crds)), generation)
    return catalogue.class_version_unsupported(
        "; ".join(f"{version or 'no version'} ({some(crds[version])})" for version in unknown), generation
    )
