"""gateway.networking.k8s.io kinds: GatewayClass, Gateway, ListenerSet, ReferenceGrant."""

import msgspec

from k8s_watch.objects.meta import Condition, LabelSelector, Object, Shape

GROUP = "gateway.networking.k8s.io"
EXPERIMENTAL_GROUP = "gateway.networking.x-k8s.io"


class ParametersReference(Shape, frozen=True):
    group: str
    kind: str
    name: str
    namespace: str | None = None


class GatewayClassSpec(Shape, frozen=True):
    controller_name: str
    parameters_ref: ParametersReference | None = None


class SupportedFeature(Shape, frozen=True):
    name: str


class GatewayClassStatus(Shape, frozen=True):
    conditions: tuple[Condition, ...] = ()
    supported_features: tuple[SupportedFeature | str, ...] = ()
    """Up to Gateway API v1.1, names alone: what was written then is still there."""


class GatewayClass(Object, frozen=True):
    spec: GatewayClassSpec
    status: GatewayClassStatus = GatewayClassStatus()


class RouteGroupKind(Shape, frozen=True):
    kind: str
    group: str = GROUP


class RouteNamespaces(Shape, frozen=True):
    from_: str = msgspec.field(name="from", default="Same")
    """All, Selector, Same or None."""
    selector: LabelSelector | None = None


class AllowedRoutes(Shape, frozen=True):
    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: tuple[RouteGroupKind, ...] = ()


class SecretObjectReference(Shape, frozen=True):
    name: str
    group: str = ""
    kind: str = "Secret"
    namespace: str | None = None


class ListenerTls(Shape, frozen=True):
    mode: str = "Terminate"
    certificate_refs: tuple[SecretObjectReference, ...] = ()
    options: dict[str, str] = {}


class Listener(Shape, frozen=True):
    name: str
    port: int
    protocol: str
    """HTTP, HTTPS, TLS, TCP, UDP, or a name of another implementation."""
    hostname: str | None = None
    tls: ListenerTls | None = None
    allowed_routes: AllowedRoutes = AllowedRoutes()


class GatewayAddress(Shape, frozen=True):
    value: str = ""
    type: str = "IPAddress"


class LocalParametersReference(Shape, frozen=True):
    group: str
    kind: str
    name: str


class GatewayInfrastructure(Shape, frozen=True):
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    parameters_ref: LocalParametersReference | None = None


class ListenerNamespaces(RouteNamespaces, frozen=True):
    from_: str = msgspec.field(name="from", default="None")


class AllowedListeners(Shape, frozen=True):
    namespaces: ListenerNamespaces = ListenerNamespaces()


class ObjectReference(Shape, frozen=True):
    group: str
    kind: str
    name: str
    namespace: str | None = None


class FrontendValidation(Shape, frozen=True):
    """Which client certificates are accepted."""

    ca_certificate_refs: tuple[ObjectReference, ...]
    mode: str = "AllowValidOnly"
    """AllowValidOnly or AllowInsecureFallback."""


class TlsConfig(Shape, frozen=True):
    validation: FrontendValidation | None = None


class TlsPortConfig(Shape, frozen=True):
    port: int
    tls: TlsConfig


class FrontendTls(Shape, frozen=True):
    default: TlsConfig
    per_port: tuple[TlsPortConfig, ...] = ()


class BackendTls(Shape, frozen=True):
    client_certificate_ref: SecretObjectReference | None = None


class GatewayTls(Shape, frozen=True):
    """`backend` is about connections to backends, `frontend` about those of clients."""

    backend: BackendTls | None = None
    frontend: FrontendTls | None = None


class GatewaySpec(Shape, frozen=True):
    gateway_class_name: str
    listeners: tuple[Listener, ...] = ()
    addresses: tuple[GatewayAddress, ...] = ()
    infrastructure: GatewayInfrastructure | None = None
    allowed_listeners: AllowedListeners | None = None
    tls: GatewayTls | None = None
    default_scope: str | None = None


class ListenerStatus(Shape, frozen=True, omit_defaults=False):
    """Said in full when it is written back: the API server wants its zeros too."""

    name: str
    supported_kinds: tuple[RouteGroupKind, ...] = ()
    attached_routes: int = 0
    conditions: tuple[Condition, ...] = ()


class GatewayStatus(Shape, frozen=True):
    addresses: tuple[GatewayAddress, ...] = ()
    conditions: tuple[Condition, ...] = ()
    listeners: tuple[ListenerStatus, ...] = ()
    attached_listener_sets: int = 0


class Gateway(Object, frozen=True):
    spec: GatewaySpec
    status: GatewayStatus = GatewayStatus()


class ParentGatewayReference(Shape, frozen=True):
    """Spec: Gateway API v1 ParentGatewayReference. `namespace` None is the ListenerSet's own."""

    name: str
    group: str = GROUP
    kind: str = "Gateway"
    namespace: str | None = None


class ListenerSetSpec(Shape, frozen=True):
    parent_ref: ParentGatewayReference
    listeners: tuple[Listener, ...] = ()


class ListenerSetStatus(Shape, frozen=True):
    conditions: tuple[Condition, ...] = ()
    listeners: tuple[ListenerStatus, ...] = ()


class ListenerSet(Object, frozen=True):
    spec: ListenerSetSpec
    status: ListenerSetStatus = ListenerSetStatus()


class GrantFrom(Shape, frozen=True):
    group: str
    kind: str
    namespace: str


class GrantTo(Shape, frozen=True):
    group: str
    kind: str
    name: str | None = None


class ReferenceGrantSpec(Shape, frozen=True):
    from_: tuple[GrantFrom, ...] = msgspec.field(name="from", default=())
    to: tuple[GrantTo, ...] = ()


class ReferenceGrant(Object, frozen=True):
    spec: ReferenceGrantSpec = ReferenceGrantSpec()
