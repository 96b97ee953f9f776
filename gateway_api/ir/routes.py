"""What a request must be, and what is done with it: matches, actions, virtual hosts, route tables."""

from typing import Literal

from gateway_api.ir.record import FAILURE, ClusterName, Record


class PathMatch(Record, frozen=True):
    """`prefix` matches whole path elements: /a matches /a and /a/b, not /ab. No trailing slash; "/" alone is all."""

    kind: Literal["exact", "prefix", "regex"]
    value: str


class ValueMatch(Record, frozen=True):
    """A header (name lower-case) or a query parameter (name as written)."""

    name: str
    kind: Literal["exact", "regex"]
    value: str


class Match(Record, frozen=True):
    """All parts must hold."""

    path: PathMatch
    method: str | None = None
    headers: tuple[ValueMatch, ...] = ()
    queries: tuple[ValueMatch, ...] = ()
    grpc: bool = False
    """Whether the request must be one of gRPC, or of gRPC-Web, by its content type."""


class HeaderMods(Record, frozen=True):
    """Applied in the order set, add, remove. Names and values as the user wrote them, not yet escaped for any proxy."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


class PathRewrite(Record, frozen=True):
    """`prefix` replaces the matched prefix `matched` by whole elements; `full` replaces the whole path, query kept, but
    for a redirect whose value has a query of its own."""

    kind: Literal["full", "prefix"]
    value: str
    matched: str = ""
    """The prefix of the rule's match; for kind `prefix` only."""


class Session(Record, frozen=True):
    """Send a client's later requests to the destination, and the address of it, that answered its first.

    A cookie is named for one destination, so that the client returns to it whatever its weight is by then.
    """

    kind: Literal["cookie", "header"]
    """`header`: only for a lone destination."""
    name: str
    """Of the cookie or header."""
    path: str = "/"
    """Of the cookie; "" has none."""
    lifetime: float | None = None
    """Seconds that the cookie lives; None is until the browser closes."""
    secure: bool = False
    """Whether the cookie is for TLS alone."""


class Destination(Record, frozen=True):
    """One backend of a rule. `weight` is relative; 0 receives nothing."""

    cluster: ClusterName
    weight: int
    request_headers: HeaderMods = HeaderMods()
    response_headers: HeaderMods = HeaderMods()
    session: Session | None = None


class Retry(Record, frozen=True):
    """Try again after these answers of a backend, and after any failure or timeout of a try, at another address if
    there is one."""

    codes: tuple[int, ...] = ()
    """Of HTTP statuses, ascending."""
    attempts: int | None = None
    """At most so often, 0 is never; None leaves it to the proxy."""
    backoff: float | None = None
    """Seconds to wait before the first; None leaves it to the proxy."""


class Mirror(Record, frozen=True):
    """Send a copy of `numerator` of every `denominator` requests there; nobody waits for the answers."""

    cluster: ClusterName
    numerator: int = 1
    denominator: int = 1


class Origin(Record, frozen=True):
    """Where a page comes from."""

    scheme: str
    """`http` or `https`."""
    host: str
    """Lower-case: exact, `*.suffix` (any number of labels, at least one), or `*`."""
    port: int


class Cors(Record, frozen=True):
    """Which pages may ask with what, and read which of the answers' headers. Their preflights are answered, and so are
    those of other pages, which then get no permission. `*` alone stands for whatever is asked for.

    Spec: Fetch standard, "CORS protocol"
    """

    origins: tuple[Origin, ...] = ()
    any_origin: bool = False
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    credentials: bool = False
    max_age: int = 5
    """Seconds for which a browser may remember the answer to a preflight."""


class Forward(Record, frozen=True):
    """Send to one of the destinations, by weight."""

    destinations: tuple[Destination, ...]
    host: str | None = None
    """Replaces the Host header."""
    path: PathRewrite | None = None
    timeout: float | None = None
    """Seconds for the whole request; 0 is without limit; None is the default, which is without limit."""
    try_timeout: float | None = None
    """Seconds from when a try is connected to a backend to when its answer begins; 0 and None are without limit."""
    retry: Retry | None = None
    """None: only failures after which the backend has seen nothing of the request are tried again."""
    failure: int = FAILURE
    """The status for the share of requests of a destination that is not there: 500 or 503."""
    mirrors: tuple[Mirror, ...] = ()
    cors: Cors | None = None


class Redirect(Record, frozen=True):
    """None keeps that part of the request's URL."""

    status: int
    scheme: str | None = None
    host: str | None = None
    """Comes without the request's port."""
    port: int | None = None
    """Follows Gateway API's rules already."""
    implied_port: int | None = None
    """Instead of `port`: one that goes without saying, for it is the scheme's. The request's must not stay."""
    path: PathRewrite | None = None
    cors: Cors | None = None
    """Which pages may follow it. Their preflights are not for it to answer."""


class Respond(Record, frozen=True):
    """Answer without a backend, for example 500 for a rule that cannot work."""

    status: int
    body: str = ""
    closes: bool = False
    """Whether to close the connection, too, if it was made for the hostname of the request."""


class ExternalAuth(Record, frozen=True):
    """Ask whether a request may go on. What is denied is answered as the authorizer says; who cannot ask denies."""

    cluster: ClusterName
    authority: str
    """Of the authorizer: `<service>.<namespace>:<port>`."""
    protocol: Literal["http", "grpc"]
    path: str = ""
    """Comes before the path of the request; no trailing slash."""
    request_headers: tuple[str, ...] = ()
    """What the authorizer sees, lower-case; `http`: beside a few that it always sees; `grpc`: none is all."""
    response_headers: tuple[str, ...] = ()
    """What of its answer the backend sees, lower-case; none is all that is not about the answer itself."""
    max_body: int = 0
    """Bytes of a body that the authorizer sees; a longer one is denied. 0 shows it none."""
    timeout: float | None = None
    """Seconds after which who has not answered denies, if the proxy's own limit is not shorter."""


class Share(Record, frozen=True):
    """One of several ways that requests go. `weight` is relative; 0 gets none."""

    weight: int
    action: Forward | Redirect | Respond
    response_headers: HeaderMods = HeaderMods()
    """After those of the route."""


class Split(Record, frozen=True):
    """Each request goes one of these ways, by weight: for backends that differ in more than their headers."""

    shares: tuple[Share, ...]


type Action = Forward | Redirect | Respond | Split


class Route(Record, frozen=True):
    """One match of one rule."""

    name: str
    """`httproute/<ns>/<name>/rule/<i>/match/<j>`. What it begins with says whose it is: who hears of a refusal."""
    match: Match
    action: Action
    request_headers: HeaderMods = HeaderMods()
    response_headers: HeaderMods = HeaderMods()
    external_auth: ExternalAuth | None = None


class VirtualHost(Record, frozen=True):
    """Routes of one hostname: exact, `*.suffix` (any number of labels, at least one), or `*`."""

    hostname: str
    routes: tuple[Route, ...]
    """In the order of matching: the most specific first (`gateway_api.graph.precedence`)."""
    heir: str = ""
    """Of what this table gave up: the table that has its requests now, for connections that are made from now on."""


class Scoping(Record, frozen=True):
    """Choose a request's virtual host by scope, one an exact hostname: a change of one costs the proxy no other.

    Only for tables without the hostname `*`.
    """

    wildcards: tuple[str, ...] = ()
    """The `*.suffix` hostnames that have a scope each, in order of their names. Those below another of them are
    left out: a request for them is one for it too."""


class RouteTable(Record, frozen=True):
    """What one HTTP listener, or one HTTPS filter chain, serves. Hostnames are unique; the most specific wins."""

    name: str
    virtual_hosts: tuple[VirtualHost, ...]
    scoping: Scoping | None = None
    """None: requests look through the table as a whole."""
