"""gateway.networking.x-k8s.io XBackend."""

from k8s_watch.objects.gateway import SecretObjectReference
from k8s_watch.objects.meta import Object, Shape
from k8s_watch.objects.policies import BackendTLSPolicyValidation
from k8s_watch.objects.routes import RouteStatus


class BackendPort(Shape, frozen=True):
    port: int
    name: str | None = None


class ExternalHostname(Shape, frozen=True):
    hostname: str


class XBackendTls(Shape, frozen=True):
    mode: str
    """None, ServerOnly or ClientAndServer."""
    client_certificate_ref: SecretObjectReference | None = None
    validation: BackendTLSPolicyValidation | None = None


class XBackendSpec(Shape, frozen=True):
    type: str
    """ExternalHostname: the one that there is."""
    port: BackendPort
    external_hostname: ExternalHostname | None = None
    protocol: str | None = None
    """TCP, HTTP, HTTP2, HTTP11, H2C, GRPC, MCP; None is as the route says."""
    tls: XBackendTls | None = None


class XBackend(Object, frozen=True):
    """Its status has the fields of a route's."""

    spec: XBackendSpec
    status: RouteStatus = RouteStatus()
