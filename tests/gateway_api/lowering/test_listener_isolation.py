"""Which routes answer for a host, against a plain reading of the specification."""

from collections.abc import Sequence, Set

from hypothesis import given
from hypothesis import strategies as st

from gateway_api.graph.hostnames import covers, intersect, specificity
from gateway_api.ir import xds as ir
from gateway_api.lowering.route_tables import FEW_HOSTNAMES, misdirected, owner
from tests.gateway_api.lowering.graphs import WITHOUT_CERTIFICATE, backend, listener, lower, object_of, route, rule

LABELS = st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=3).map(".".join)
HOSTS = LABELS.map(lambda labels: f"{labels}.com")
HOSTNAMES = st.one_of(HOSTS, HOSTS.map(lambda host: f"*.{host}"), st.just("*.com"), st.just("*"))


def answering(table: ir.RouteTable, host: str) -> list[str]:
    """The names of the route objects that Envoy would look through: the most specific virtual host alone."""
    found = [v for v in table.virtual_hosts if covers(v.hostname, host)]
    best = min(found, key=lambda v: specificity(v.hostname), default=None)
    return [object_of(r) for r in best.routes] if best else []


def expected(host: str, listeners: Sequence[str], routes: Sequence[tuple[int, Sequence[str]]]) -> list[str]:
    """Host → its most specific listener → the most specific hostname of that listener's routes → these routes."""
    owning = min((h for h in listeners if covers(h, host)), key=specificity, default=None)
    if owning is None:
        return []
    shared = {
        f"r{i}": {s for h in hostnames if (s := intersect(listeners[to], h)) is not None and covers(s, host)}
        for i, (to, hostnames) in enumerate(routes)
        if listeners[to] == owning
    }
    best = min((h for hostnames in shared.values() for h in hostnames), key=specificity, default=None)
    return [name for name, hostnames in shared.items() if best in hostnames]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Distinct listener hostnames of one port, and routes: which listener, which hostnames."""
    listeners = draw(st.lists(HOSTNAMES, min_size=1, max_size=5, unique=True))
    to = st.integers(0, len(listeners) - 1)
    routes = draw(st.lists(st.tuples(to, st.lists(HOSTNAMES, min_size=1, max_size=3, unique=True)), max_size=5))
    return listeners, routes


def lower_world(
    listeners: list[str], routes: list[tuple[int, list[str]]], protocol: str, unserved: Set[int] = frozenset()
) -> ir.GatewayIR:
    nodes = (
        route(
            f"r{i}",
            tuple(dict.fromkeys(s for h in hostnames if (s := intersect(listeners[to], h)) is not None)),
            rule("/", backend("one")),
            to=f"l{to}",
        )
        for i, (to, hostnames) in enumerate(routes)
    )
    hostname_of = {hostname: None if hostname == "*" else hostname for hostname in listeners}
    problems = dict.fromkeys(unserved, (WITHOUT_CERTIFICATE,))
    return lower(
        tuple(
            listener(f"l{i}", 80, hostname_of[h], protocol=protocol, problems=problems.get(i, ()))
            for i, h in enumerate(listeners)
        ),
        *nodes,
    )


def connected(port: ir.Listener, server_name: str) -> ir.FilterChain | None:
    """The chain that Envoy would choose: the one with the most specific server name."""
    chains = {name: chain for chain in port.filter_chains for name in chain.server_names or ("*",)}
    return chains.get(owner(server_name, chains.keys()) or "")


@given(worlds(), HOSTS)
def test_a_request_is_answered_by_its_listener_alone(
    world: tuple[list[str], list[tuple[int, list[str]]]], host: str
) -> None:
    (table,) = lower_world(*world, protocol="HTTP").route_tables
    assert answering(table, host) == expected(host, *world)


@given(worlds(), HOSTS)
def test_a_tls_connection_is_answered_by_its_listener_or_misdirected(
    world: tuple[list[str], list[tuple[int, list[str]]]], host: str
) -> None:
    listeners, _ = world
    owning = min((h for h in listeners if covers(h, host)), key=specificity, default=None)
    for table in lower_world(*world, protocol="HTTPS").route_tables:
        connected = table.name.removeprefix("https-80/")
        if owning is None or connected == owning:
            assert answering(table, host) == expected(host, *world)
        else:
            assert answering(table, host) == ["misdirected"]


@given(worlds(), st.sets(st.integers(0, 4)), HOSTS)
def test_a_listener_that_does_not_serve_hands_no_request_to_another(
    world: tuple[list[str], list[tuple[int, list[str]]]], unserved: set[int], host: str
) -> None:
    listeners, _ = world
    owning = min((h for h in listeners if covers(h, host)), key=specificity, default=None)
    silent = {listeners[i] for i in unserved if i < len(listeners)}
    for table in lower_world(*world, protocol="HTTP", unserved=unserved).route_tables:
        assert answering(table, host) == ([] if owning in silent else expected(host, *world))


@given(worlds(), st.sets(st.integers(0, 4)), HOSTS)
def test_a_tls_listener_that_does_not_serve_hands_no_connection_to_another(
    world: tuple[list[str], list[tuple[int, list[str]]]], unserved: set[int], host: str
) -> None:
    listeners, _ = world
    owning = min((h for h in listeners if covers(h, host)), key=specificity, default=None)
    silent = {listeners[i] for i in unserved if i < len(listeners)}
    lowered = lower_world(*world, protocol="HTTPS", unserved=unserved)
    for port in lowered.listeners:
        chain = connected(port, host)
        if owning is None or owning in silent:
            assert chain is None or (chain.handler, chain.tls) == (ir.TcpChain(destinations=()), None)
        else:
            assert chain is not None
            assert chain.name == f"https-80/{owning}"
    for table in lowered.route_tables:
        assert owning not in silent or answering(table, host) == ["misdirected"]


@given(HOSTNAMES, st.frozensets(HOSTNAMES))
def test_the_owner_is_the_most_specific_listener_that_covers(hostname: str, listeners: frozenset[str]) -> None:
    covering = [h for h in listeners if covers(h, hostname)]
    assert owner(hostname, listeners) == min(covering, key=specificity, default=None)


@given(st.sets(HOSTNAMES, min_size=1), st.sampled_from([0, FEW_HOSTNAMES]), HOSTS)
def test_a_request_for_another_listener_is_misdirected(hostnames: set[str], others: int, host: str) -> None:
    on_port = frozenset(hostnames | {f"other-{i}.test" for i in range(others)})
    rightful = min((name for name in on_port if covers(name, host)), key=specificity, default=None)
    for own, elsewhere in misdirected(on_port).items():
        best = min((name for name in (own, *elsewhere) if covers(name, host)), key=specificity, default=None)
        assert (best == own) == (rightful == own)
        assert best is not None or rightful is None


def test_what_tables_say_of_each_other_grows_with_the_number_of_listeners_and_no_faster() -> None:
    on_port = frozenset({"*.x.test", *(f"{i}.x.test" for i in range(1000)), *(f"*.{i}.y.test" for i in range(1000))})
    assert sum(map(len, misdirected(on_port).values())) < 2 * len(on_port)
