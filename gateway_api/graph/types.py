"""Validated, connected Gateway API: what the user meant, and what is wrong with it."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec
from immutables import Map

from gateway_api.graph.hostnames import ANY
from gateway_api.graph.problems import ACCEPTED, OVERLAPPING_TLS_CONFIG, RESOLVED_REFS, Problem
from gateway_api.ir.xds import FAILURE, CaBundle, Cluster, Paths, RetryBudget, TlsSecret, UpstreamTls
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.backends import XBackend
from k8s_watch.objects.gateway import Gateway, GatewayClass, Listener, ListenerSet, RouteGroupKind
from k8s_watch.objects.grpc_route import GRPCRoute
from k8s_watch.objects.policies import Policy
from k8s_watch.objects.routes import (
    HTTPRoute,
    HTTPRouteRule,
    L4Route,
    ParentReference,
    Route,
    SessionPersistence,
)


class Use(NamedTuple):
    """What a route uses: a Service, an XBackend, or what the policies of a kind say of a Service."""

    kind: str
    """Service or a kind of `policy_kinds`."""
    key: ObjectKey
    """That of the Service or XBackend."""
    section: str = ""
    """Of a policy: the section of the directive that the route goes by, see `Directive.section`."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every record of the graph: frozen, compared by value."""


type RouteScoping = Literal["auto", "always", "never"]
"""Whether requests choose by scope (see `gateway_api.lowering.scoping`): where it pays, wherever it can be, not."""


class GraphSettings(Node, frozen=True):
    """What the pure middle needs to know of its surroundings."""

    controller_name: str = "gateway.envoyproxy.io/gatewayclass-controller"
    """GatewayClasses that name it are ours."""
    privileged_port_shift: int = 10000
    """Added to listener ports below 1024 to get the port that the proxy binds; 0 binds the listener's own."""
    bind_address: str = "0.0.0.0"
    gateway_namespace_mode: bool = False
    """Whether a Gateway's proxies are in its own namespace. Only then is GatewayInfrastructure a feature of ours."""
    cluster_domain: str = "cluster.local"
    """The DNS suffix of the cluster: no external name is below it."""
    system_ca_file: str = "/etc/ssl/certs/ca-certificates.crt"
    """Where the proxies find the authorities that their system trusts; "" is nowhere."""
    route_scoping: RouteScoping = "auto"
    paths: Paths = Paths()
    """For the requests to all listeners."""
    request_timeout: float | None = None
    """Seconds from a request's end to that of its answer, where a rule of an HTTPRoute says nothing of a timeout; None:
    without limit."""


class ClientValidation(Node, frozen=True):
    """Which clients a listener lets in: those with a certificate of these authorities."""

    authorities: CaBundle
    required: bool
    """False lets in those without a valid certificate, too."""


class ListenerNode(Node, frozen=True):
    """One listener of a Gateway, judged."""

    gateway: ObjectKey
    spec: Listener
    bind_port: int
    kinds: tuple[RouteGroupKind, ...]
    """The kinds of route that may attach: those it allows and its protocol can carry."""
    listener_set: ObjectKey | None = None
    """The ListenerSet that brings it; None for a listener of the Gateway itself."""
    certificates: tuple[TlsSecret, ...] = ()
    """Those of its certificateRefs that are usable, in their order."""
    client_validation: ClientValidation | None = None
    """None asks clients for no certificate."""
    problems: tuple[Problem, ...] = ()
    attached_routes: int = 0
    """Routes with at least one accepted parentRef that covers this listener."""

    @property
    def name(self) -> str:
        """What tells it from all other listeners of the Gateway: names in ListenerSets need not differ from others'."""
        return self.spec.name if self.listener_set is None else f"{self.listener_set}/{self.spec.name}"

    @property
    def hostname(self) -> str:
        """That which it listens for; `*` when it has none."""
        return self.spec.hostname or ANY

    @property
    def namespace(self) -> str:
        """That of the object that brings it."""
        return (self.listener_set or self.gateway).namespace

    @property
    def serves(self) -> bool:
        """Whether it gets a place in the proxies' configuration. ResolvedRefs problems alone need not prevent it:
        an HTTPS listener with at least one good certificate, or with an invalid kind in allowedRoutes, serves."""
        return all(p.condition in (RESOLVED_REFS, OVERLAPPING_TLS_CONFIG) for p in self.problems)


class GatewayNode(Node, frozen=True):
    """A Gateway of one of our classes."""

    source: Gateway
    listeners: tuple[ListenerNode, ...]
    """Its own, in spec order."""
    listener_sets: tuple[ObjectKey, ...] = ()
    """The ListenerSets that name it, in order of precedence."""
    set_listeners: tuple[ListenerNode, ...] = ()
    """Those of its ListenerSets, in order of precedence. Without counts, which are in the ListenerSets' nodes."""
    accepted_listener_sets: int = 0
    """Those with a listener that is not refused. Spec: Gateway API v1.6 GatewayStatus.attachedListenerSets"""
    problems: tuple[Problem, ...] = ()
    """Of the Gateway as a whole. One with condition Accepted means that nothing of it is served."""
    client_certificate: TlsSecret | None = None
    """What its proxies show to backends that ask who they are."""

    @property
    def all_listeners(self) -> tuple[ListenerNode, ...]:
        """What its proxies have to serve, in order of precedence."""
        return (*self.listeners, *self.set_listeners)

    @property
    def key(self) -> ObjectKey:
        return self.source.key

    @property
    def serves(self) -> bool:
        return not any(p.condition == ACCEPTED for p in self.problems)


class ListenerSetNode(Node, frozen=True):
    """A ListenerSet whose parentRef names a Gateway of ours."""

    source: ListenerSet
    gateway: ObjectKey
    listeners: tuple[ListenerNode, ...] = ()
    """In spec order; none when the Gateway does not allow the ListenerSet."""
    problems: tuple[Problem, ...] = ()
    """Of the ListenerSet as a whole: condition Accepted. Nothing of it is served then."""


class GatewayClassNode(Node, frozen=True):
    """A GatewayClass that names our controller."""

    source: GatewayClass
    problems: tuple[Problem, ...] = ()


class Binding(Node, frozen=True):
    """A route on one listener: the hostnames that both sides share.

    `hostnames` holds the intersection of the route's hostnames with the listener's, at least one: each exact,
    `*.suffix`, or `*` when neither side names any.
    """

    listener: str
    """Its `ListenerNode.name`."""
    hostnames: tuple[str, ...]


class Parent(Node, frozen=True):
    """One parentRef of a route that points to a Gateway of ours, or to a ListenerSet of one."""

    ref: ParentReference
    gateway: ObjectKey
    listener_set: ObjectKey | None = None
    """The ListenerSet that it points to; None when that is the Gateway."""
    bindings: tuple[Binding, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Of the attachment: condition Accepted."""


class MirrorNode(Node, frozen=True):
    """One RequestMirror filter, resolved."""

    numerator: int
    """Of every `denominator` requests, so many are copied."""
    denominator: int
    cluster: Cluster | Problem
    """Who gets the copies, or why nobody does."""


class BackendNode(Node, frozen=True):
    """One backendRef, resolved."""

    weight: int
    cluster: Cluster | Problem
    """Where it leads, or why it leads nowhere."""
    mirrors: tuple[MirrorNode, ...] = ()
    """Those among its filters, in their order."""
    session: SessionPersistence | None = None
    """What its policies say of sessions; a rule that says something itself goes before."""
    vacant: bool = False
    """Whether it has no address, so that clients in a session with it must go elsewhere. Asked only where they can."""
    unencrypted: Cluster | None = None
    """For connections that are passed through: what a client has encrypted is not encrypted again, whatever is said of
    the backend. None: as the others say."""


class HTTPRuleNode(Node, frozen=True):
    """One rule of a route of requests, judged."""

    index: int
    spec: HTTPRouteRule
    backends: tuple[BackendNode, ...]
    """In backendRefs order, one each."""
    mirrors: tuple[MirrorNode, ...] = ()
    """Those among the rule's filters, in their order."""
    authorizer: Cluster | Problem | None = None
    """Whom it asks whether a request may go on; a rule that cannot ask answers its failure. None: it asks nobody."""
    problems: tuple[Problem, ...] = ()
    """Condition Accepted, what its references lead to aside. A rule with any is dropped: it answers `failure`."""
    unusable: frozenset[int] = frozenset()
    """The places of those matches that are themselves what is wrong: of a dropped rule they match nothing."""
    failure: int = FAILURE
    """The HTTP status for requests that it, or one of its backends, cannot serve."""


class RouteId(NamedTuple):
    """One route of all kinds."""

    kind: str
    key: ObjectKey


class RouteNode(Node, frozen=True):
    """A route with at least one parent of ours."""

    source: Route
    """As its user wrote it, see `written`."""
    parents: tuple[Parent, ...]
    problems: tuple[Problem, ...] = ()
    """Of the route itself, whatever the parent: condition Accepted or ResolvedRefs; each rule's are included."""
    rejection: Problem | None = None
    """Why no parent can accept it, if so: the route itself is wrong (it is bound to nothing then), or every rule is."""
    uses: frozenset[Use] = frozenset()
    """The Services that it names and may name, also where they are not there or cannot be used, and what policies and
    XBackends say to it."""


class HTTPRouteNode(RouteNode, frozen=True, kw_only=True):
    """A route of requests."""

    source: HTTPRoute | GRPCRoute
    rules: tuple[HTTPRuleNode, ...]
    remark: str = ""
    """Of one that is accepted: what of it has no effect."""


class L4RuleNode(Node, frozen=True):
    """The one rule of a route of bytes."""

    backends: tuple[BackendNode, ...]


class L4RouteNode(RouteNode, frozen=True, kw_only=True):
    """A route of bytes: nothing in them is read that could choose a backend, but the server name in front of TLS."""

    source: L4Route
    rules: tuple[L4RuleNode, ...]


class Routes[N: RouteNode](Node, frozen=True):
    """The routes of one kind."""

    nodes: Map[ObjectKey, N] = Map()
    of: Map[ObjectKey, tuple[ObjectKey, ...]] = Map()
    """Gateway → the routes bound to any of its listeners, in order of precedence (oldest, then by name)."""
    forsaken: frozenset[ObjectKey] = frozenset()
    """Those that name no Gateway of ours any more and whose observed status still has an entry of ours."""


class JudgedPolicy[E](Node, frozen=True):
    """A policy by itself. `E` is what its kind can say of what it targets. An XBackend is one whose target it is
    itself."""

    source: Policy | XBackend
    effect: E | Problem
    """A problem: what it targets cannot be used, and the problem says why to those who would."""
    problems: tuple[Problem, ...] = ()
    """Wherever it is attached: condition Accepted or ResolvedRefs."""
    remark: str = ""
    """Of one that is followed: how, where that is not quite as it says."""


class BackendTraffic(Node, frozen=True):
    """How the requests to a Service are sent."""

    retry_budget: RetryBudget | None = None
    session: SessionPersistence | None = None
    """For requests of rules that say nothing of sessions."""


class ExternalBackend(Node, frozen=True):
    """A destination outside of the cluster."""

    hostname: str
    port: int
    protocol: str | None = None
    """As the XBackend says: TCP, HTTP, HTTP2, HTTP11, H2C or GRPC; None is as the route says."""
    tls: UpstreamTls | None = None


class Directive[E](Node, frozen=True):
    """What one targetRef of a policy says of a Service."""

    policy: ObjectKey
    order: tuple[str, str]
    """See `precedence.seniority`."""
    section: str
    """The name of the port that it is about; "" is the whole Service."""
    effect: E | Problem


class Ancestor(Node, frozen=True):
    """What becomes of a policy at one Gateway: where none of `problems` has condition Accepted, it can be followed."""

    gateway: ObjectKey
    followed: bool
    """Whether a route of the Gateway goes by it. Not so where all go to other ports, or are of another kind."""
    problems: tuple[Problem, ...] = ()


class PolicyNode(Node, frozen=True):
    """A policy for something that a Gateway of ours uses."""

    source: Policy | XBackend
    ancestors: tuple[Ancestor, ...]
    """By Gateway, in order of their keys."""
    remark: str = ""
    """See `JudgedPolicy.remark`."""


class Policies(Node, frozen=True):
    """The policies of one kind."""

    nodes: Map[ObjectKey, PolicyNode] = Map()
    forsaken: frozenset[ObjectKey] = frozenset()
    """Those that no Gateway of ours has to do with any more, and whose observed status still has an entry of ours."""


class Graph(Node, frozen=True):
    """Everything of ours, judged and connected. What belongs to other controllers is not here."""

    settings: GraphSettings
    gateway_classes: Map[ObjectKey, GatewayClassNode] = Map()
    gateways: Map[ObjectKey, GatewayNode] = Map()
    listener_sets: Map[ObjectKey, ListenerSetNode] = Map()
    orphans: frozenset[ObjectKey] = frozenset()
    """The ListenerSets whose Gateway is no more and whose observed status still says that something is well."""
    http: Mapping[str, Routes[HTTPRouteNode]] = {}
    """Kind → its routes, of the kinds of `route_kinds.HTTP`."""
    l4: Mapping[str, Routes[L4RouteNode]] = {}
    """Kind → its routes, of the kinds of `route_kinds.L4`."""
    policies: Mapping[str, Policies] = {}
    """Kind → its policies."""

    @property
    def routes(self) -> Mapping[str, Routes[HTTPRouteNode] | Routes[L4RouteNode]]:
        """Every kind of route."""
        return {**self.http, **self.l4}
