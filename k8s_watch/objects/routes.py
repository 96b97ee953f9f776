"""gateway.networking.k8s.io routes."""

from k8s_watch.objects.gateway import GROUP
from k8s_watch.objects.meta import Condition, Object, Shape


class ParentReference(Shape, frozen=True):
    """Spec: Gateway API v1 ParentReference. `namespace` None is the route's own."""

    name: str
    group: str = GROUP
    kind: str = "Gateway"
    namespace: str | None = None
    section_name: str | None = None
    port: int | None = None


class BackendObjectReference(Shape, frozen=True):
    """Spec: Gateway API v1 BackendObjectReference. `namespace` None is the route's own."""

    name: str
    group: str = ""
    kind: str = "Service"
    namespace: str | None = None
    port: int | None = None


class BackendRef(BackendObjectReference, frozen=True):
    """Spec: Gateway API v1 BackendRef. `weight` is relative to its siblings, 0 to 1,000,000."""

    weight: int = 1


class HTTPHeader(Shape, frozen=True):
    name: str
    value: str


class HTTPHeaderFilter(Shape, frozen=True):
    set: tuple[HTTPHeader, ...] = ()
    add: tuple[HTTPHeader, ...] = ()
    remove: tuple[str, ...] = ()


class HTTPPathModifier(Shape, frozen=True):
    type: str
    """ReplaceFullPath or ReplacePrefixMatch."""
    replace_full_path: str | None = None
    replace_prefix_match: str | None = None


class HTTPRequestRedirect(Shape, frozen=True):
    scheme: str | None = None
    hostname: str | None = None
    path: HTTPPathModifier | None = None
    port: int | None = None
    status_code: int = 302


class HTTPUrlRewrite(Shape, frozen=True):
    hostname: str | None = None
    path: HTTPPathModifier | None = None


class Fraction(Shape, frozen=True):
    numerator: int
    denominator: int = 100


class HTTPRequestMirror(Shape, frozen=True):
    """`percent` or `fraction` of the requests; neither means all."""

    backend_ref: BackendObjectReference
    percent: int | None = None
    fraction: Fraction | None = None


class HTTPCors(Shape, frozen=True):
    """`*` stands for any origin, method or header; `max_age` is in seconds."""

    allow_origins: tuple[str, ...] = ()
    allow_credentials: bool | None = None
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: int = 5


class HTTPAuthConfig(Shape, frozen=True):
    """`path` comes before the request's; headers are those sent beside the usual ones, and taken from the answer."""

    path: str = ""
    allowed_headers: tuple[str, ...] = ()
    allowed_response_headers: tuple[str, ...] = ()


class GRPCAuthConfig(Shape, frozen=True):
    """No `allowed_headers` are all."""

    allowed_headers: tuple[str, ...] = ()


class ForwardBodyConfig(Shape, frozen=True):
    max_size: int = 0
    """Bytes; 0 forwards no body."""


class HTTPExternalAuth(Shape, frozen=True):
    protocol: str
    """HTTP or GRPC: names which of the two fields is set."""
    backend_ref: BackendObjectReference
    grpc: GRPCAuthConfig | None = None
    http: HTTPAuthConfig | None = None
    forward_body: ForwardBodyConfig | None = None


class LocalObjectReference(Shape, frozen=True):
    group: str
    kind: str
    name: str


class HTTPRouteFilter(Shape, frozen=True):
    """`type` names which of the others is set; a type without its field here is one that we do not serve."""

    type: str
    request_header_modifier: HTTPHeaderFilter | None = None
    response_header_modifier: HTTPHeaderFilter | None = None
    request_redirect: HTTPRequestRedirect | None = None
    url_rewrite: HTTPUrlRewrite | None = None
    request_mirror: HTTPRequestMirror | None = None
    cors: HTTPCors | None = None
    external_auth: HTTPExternalAuth | None = None
    extension_ref: LocalObjectReference | None = None


class HTTPBackendRef(BackendRef, frozen=True):
    filters: tuple[HTTPRouteFilter, ...] = ()


class HTTPPathMatch(Shape, frozen=True):
    type: str = "PathPrefix"
    """Exact, PathPrefix or RegularExpression."""
    value: str = "/"


class HTTPHeaderMatch(Shape, frozen=True):
    name: str
    value: str
    type: str = "Exact"


class HTTPQueryParamMatch(Shape, frozen=True):
    name: str
    value: str
    type: str = "Exact"


class HTTPRouteMatch(Shape, frozen=True):
    path: HTTPPathMatch = HTTPPathMatch()
    headers: tuple[HTTPHeaderMatch, ...] = ()
    query_params: tuple[HTTPQueryParamMatch, ...] = ()
    method: str | None = None


class HTTPRouteTimeouts(Shape, frozen=True):
    """Durations as GEP-2257 text, for example 1h30m or 500ms; 0s turns the timeout off."""

    request: str | None = None
    backend_request: str | None = None


class HTTPRouteRetry(Shape, frozen=True):
    """Which responses of a backend are tried again, how often at most, and after which GEP-2257 duration."""

    codes: tuple[int, ...] = ()
    attempts: int | None = None
    backoff: str | None = None


class CookieConfig(Shape, frozen=True):
    lifetime_type: str = "Session"
    """Session: until the browser closes; Permanent: for the session's absolute timeout."""


class SessionPersistence(Shape, frozen=True):
    """A client's later requests go to the backend that answered its first. `absolute_timeout` is GEP-2257 text."""

    session_name: str | None = None
    absolute_timeout: str | None = None
    type: str = "Cookie"
    """Cookie or Header."""
    cookie_config: CookieConfig | None = None


class HTTPRouteRule(Shape, frozen=True):
    """No matches means one match of every path."""

    name: str | None = None
    matches: tuple[HTTPRouteMatch, ...] = (HTTPRouteMatch(),)
    filters: tuple[HTTPRouteFilter, ...] = ()
    backend_refs: tuple[HTTPBackendRef, ...] = ()
    timeouts: HTTPRouteTimeouts | None = None
    retry: HTTPRouteRetry | None = None
    session_persistence: SessionPersistence | None = None


class HTTPRouteSpec(Shape, frozen=True):
    parent_refs: tuple[ParentReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[HTTPRouteRule, ...] = (HTTPRouteRule(),)
    use_default_gateways: str | None = None


class RouteParentStatus(Shape, frozen=True):
    parent_ref: ParentReference
    controller_name: str
    conditions: tuple[Condition, ...] = ()


class RouteStatus(Shape, frozen=True):
    parents: tuple[RouteParentStatus, ...] = ()


class Route(Object, frozen=True):
    """What every kind of route has."""

    status: RouteStatus = RouteStatus()

    @property
    def title(self) -> str:
        """`<kind>/<namespace>/<name>`, the kind in lower case: what it is called in the proxies' configuration."""
        return f"{type(self).__name__.lower()}/{self.key}"


class HTTPRoute(Route, frozen=True):
    spec: HTTPRouteSpec = HTTPRouteSpec()


class L4RouteRule(Shape, frozen=True):
    """Spec: Gateway API v1 TCPRouteRule, TLSRouteRule, UDPRouteRule."""

    name: str | None = None
    backend_refs: tuple[BackendRef, ...] = ()


class L4RouteSpec(Shape, frozen=True):
    """Spec: Gateway API v1 TCPRouteSpec, UDPRouteSpec."""

    parent_refs: tuple[ParentReference, ...] = ()
    rules: tuple[L4RouteRule, ...] = ()
    use_default_gateways: str | None = None


class TLSRouteSpec(L4RouteSpec, frozen=True):
    """Up to v1alpha2 there may be no hostnames, which means any."""

    hostnames: tuple[str, ...] = ()


class TCPRoute(Route, frozen=True):
    spec: L4RouteSpec = L4RouteSpec()


class TLSRoute(Route, frozen=True):
    spec: TLSRouteSpec = TLSRouteSpec()


class UDPRoute(Route, frozen=True):
    spec: L4RouteSpec = L4RouteSpec()


type L4Route = TCPRoute | TLSRoute | UDPRoute
