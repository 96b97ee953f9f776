"""The table of kinds that we watch, and of those that we only count. `docker/install.yaml` is held to it."""

from k8s_watch.keys import AnyKind, Kind
from k8s_watch.objects import backends, core, gateway, grpc_route, policies, routes
from k8s_watch.objects.gateway import EXPERIMENTAL_GROUP, GROUP
from k8s_watch.objects.meta import Object

OURS = "app.kubernetes.io/managed-by=envoy-gateway,app.kubernetes.io/component=proxy"
"""Selects the Deployments that we made."""
NOT_OF_A_GATEWAY = "type!=helm.sh/release.v1,type!=kubernetes.io/dockerconfigjson"
"""Leaves out the Secrets that are many or large and that no Gateway refers to."""
ENVOY_GATEWAY = "gateway.envoyproxy.io"
"""The group of Envoy Gateway's own kinds, of which nothing is read."""
LARGE = 50
"""Objects of a page, where each may be 1 MiB large: a page is held whole for a moment, whoever made what is in it."""

# Essential is what other objects count on: taken for empty, it would change what they do, and statuses would lie.
# Without Namespaces selectors select nothing, without Secrets and ConfigMaps no certificate and no authority exists,
# without ReferenceGrants nothing is granted, without Deployments no Gateway has proxies, and without BackendTLSPolicies
# requests reach their backends in plain text. Not essential is what adds something of its own, which is missing then:
# kinds of routes but the common one, ListenerSets, and the experimental kinds.
#
# GatewayClasses and Gateways are not even optional: without any we delete what we made for them. Who removes a CRD has
# its objects deleted first, which we see one by one; a server that knows no CRD may have started a moment ago.
NAMESPACE = Kind("Namespace", "", ("v1",), "namespaces", core.Namespace, namespaced=False, essential=True)
SERVICE = Kind("Service", "", ("v1",), "services", core.Service, essential=True)
SECRET = Kind(
    "Secret",
    "",
    ("v1",),
    "secrets",
    core.Secret,
    field_selector=NOT_OF_A_GATEWAY,
    essential=True,
    trim=core.certificate_alone,
    page=LARGE,
)
CONFIG_MAP = Kind(
    "ConfigMap", "", ("v1",), "configmaps", core.ConfigMap, essential=True, trim=core.authority_alone, page=LARGE
)
ENDPOINT_SLICE = Kind(
    "EndpointSlice", "discovery.k8s.io", ("v1",), "endpointslices", core.EndpointSlice, essential=True
)
DEPLOYMENT = Kind(
    "Deployment",
    "apps",
    ("v1",),
    "deployments",
    core.Deployment,
    selector=OURS,
    urgent_status=True,
    essential=True,
)
GATEWAY_CLASS = Kind(
    "GatewayClass",
    GROUP,
    ("v1", "v1beta1"),
    "gatewayclasses",
    gateway.GatewayClass,
    namespaced=False,
    essential=True,
)
GATEWAY = Kind("Gateway", GROUP, ("v1", "v1beta1"), "gateways", gateway.Gateway, essential=True)
LISTENER_SET = Kind("ListenerSet", GROUP, ("v1",), "listenersets", gateway.ListenerSet, optional=True)
REFERENCE_GRANT = Kind(
    "ReferenceGrant",
    GROUP,
    ("v1", "v1beta1"),
    "referencegrants",
    gateway.ReferenceGrant,
    optional=True,
    essential=True,
)
HTTP_ROUTE = Kind("HTTPRoute", GROUP, ("v1", "v1beta1"), "httproutes", routes.HTTPRoute, optional=True, essential=True)
GRPC_ROUTE = Kind("GRPCRoute", GROUP, ("v1",), "grpcroutes", grpc_route.GRPCRoute, optional=True)
TCP_ROUTE = Kind("TCPRoute", GROUP, ("v1", "v1alpha2"), "tcproutes", routes.TCPRoute, optional=True)
TLS_ROUTE = Kind("TLSRoute", GROUP, ("v1", "v1alpha3", "v1alpha2"), "tlsroutes", routes.TLSRoute, optional=True)
UDP_ROUTE = Kind("UDPRoute", GROUP, ("v1", "v1alpha2"), "udproutes", routes.UDPRoute, optional=True)
BACKEND_TLS_POLICY = Kind(
    "BackendTLSPolicy",
    GROUP,
    ("v1", "v1alpha3"),
    "backendtlspolicies",
    policies.BackendTLSPolicy,
    optional=True,
    essential=True,
)
BACKEND_TRAFFIC_POLICY = Kind(
    "XBackendTrafficPolicy",
    EXPERIMENTAL_GROUP,
    ("v1alpha1",),
    "xbackendtrafficpolicies",
    policies.XBackendTrafficPolicy,
    optional=True,
)
BACKEND = Kind("XBackend", EXPERIMENTAL_GROUP, ("v1alpha1",), "xbackends", backends.XBackend, optional=True)

ALL: tuple[AnyKind, ...] = (
    NAMESPACE,
    SERVICE,
    SECRET,
    CONFIG_MAP,
    ENDPOINT_SLICE,
    DEPLOYMENT,
    GATEWAY_CLASS,
    GATEWAY,
    LISTENER_SET,
    REFERENCE_GRANT,
    HTTP_ROUTE,
    GRPC_ROUTE,
    TCP_ROUTE,
    TLS_ROUTE,
    UDP_ROUTE,
    BACKEND_TLS_POLICY,
    BACKEND_TRAFFIC_POLICY,
    BACKEND,
)

UNSERVED: tuple[AnyKind, ...] = tuple(
    Kind(name, ENVOY_GATEWAY, ("v1alpha1",), plural, Object, optional=True)
    for name, plural in (
        ("SecurityPolicy", "securitypolicies"),
        ("BackendTrafficPolicy", "backendtrafficpolicies"),
        ("ClientTrafficPolicy", "clienttrafficpolicies"),
        ("EnvoyPatchPolicy", "envoypatchpolicies"),
        ("EnvoyExtensionPolicy", "envoyextensionpolicies"),
    )
)
"""Envoy Gateway's kinds that change what routes do though no route names them. Not watched: counted now and then."""

CRD = Kind(
    "CustomResourceDefinition",
    "apiextensions.k8s.io",
    ("v1",),
    "customresourcedefinitions",
    core.CustomResourceDefinition,
    namespaced=False,
    metadata_alone=True,
)
"""Not watched: looked at now and then."""

NODE = Kind("Node", "", ("v1",), "nodes", core.Node, namespaced=False)
PLACED_SLICE = Kind("EndpointSlice", "discovery.k8s.io", ("v1",), "endpointslices", core.PlacedSlice)
"""Not watched: looked at now and then, where Gateways are reached at the nodes."""
