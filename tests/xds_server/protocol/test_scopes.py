"""Scoped routes: what waits for them, what they wait for, and when they go."""

import xds_server
from tests.lines import lines_run
from tests.xds_server.talk import DeltaTalk, versions
from tests.xds_server.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, SCOPED_ROUTE
from xds_server.snapshot.resource import Reference, Resource, Snapshot, make_resource, make_set


def world(scopes: dict[str, str], *, scoped: bool = True, wildcard: str = "") -> Snapshot:
    """One table t. `scopes` are hostname → cluster; `wildcard` is the cluster behind the scope of `*.w`."""

    def make(name: str, *depends_on: Reference) -> Resource:
        return make_resource(name, f"{name} {depends_on}".encode(), depends_on)

    clusters = {*scopes.values(), *wildcard.split()}
    chosen_by = [(SCOPED_ROUTE, "t/~"), *([(SCOPED_ROUTE, "t/*.w")] if wildcard else [])] if scoped else [(ROUTE, "t")]
    hosts = [make(f"t/{name}", (CLUSTER, cluster), (SCOPED_ROUTE, "t/~")) for name, cluster in scopes.items()]
    shared = [make("t/~", (ROUTE, "t")), *([make("t/*.w", (CLUSTER, wildcard))] if wildcard else [])]
    return Snapshot(
        {
            CLUSTER: make_set(make(name, (ENDPOINT, name)) for name in clusters),
            ENDPOINT: make_set(map(make, clusters)),
            SCOPED_ROUTE: make_set([*hosts, *shared] if scoped else []),
            LISTENER: make_set([make("l", *chosen_by)]),
            ROUTE: make_set([make("t", *((CLUSTER, name) for name in sorted(clusters)))]),
        }
    )


def connected(snapshot: Snapshot) -> DeltaTalk:
    """An Envoy that has it all; it never asked for the whole table."""
    talk = DeltaTalk(snapshot)
    talk.say(CLUSTER)
    talk.say(ENDPOINT, subscribe=" ".join(snapshot.of(ENDPOINT).by_name))
    talk.say(LISTENER)
    talk.ack_all()
    talk.say(SCOPED_ROUTE)
    talk.ack_all()
    assert talk.stream.in_sync
    return talk


ONE = world({"a": "c"})


def test_scopes_that_were_refused_in_company_come_again_as_other_messages_of_the_same_meaning() -> None:
    """Case 2a: an Envoy that gave up in the middle has noted them down, uses none, and skips what it noted down."""
    snapshot = world(dict.fromkeys("abcd", "c"))
    talk = DeltaTalk(snapshot)
    for type_, names in ((CLUSTER, ""), (ENDPOINT, "c"), (LISTENER, "")):
        talk.say(type_, subscribe=names)
    talk.ack_all()
    talk.say(SCOPED_ROUTE)
    (first,) = [response for response in talk.said if response.type is SCOPED_ROUTE]
    assert [r.name for r in first.resources] == ["t/a", "t/b", "t/c", "t/d", "t/~"]
    talk.nack(SCOPED_ROUTE)
    bodies = {r.name: r.body for r in first.resources}
    later = [response for response in talk.said if response.type is SCOPED_ROUTE][1:]
    again = {r.name: r for response in later for r in response.resources}
    assert all(again[f"t/{name}"].body.startswith(bodies[f"t/{name}"]) for name in "abcd")
    assert {name for name, r in again.items() if r.body == bodies[name]} == {"t/~"}
    assert {r.version for r in again.values()} == {r.version for r in first.resources}
    talk.ack_all()
    assert talk.stream.in_sync


def test_a_client_is_in_sync_only_with_the_scopes_that_its_listener_chooses_from() -> None:
    talk = DeltaTalk(ONE)
    talk.say(LISTENER)
    talk.ack_all()
    assert not talk.stream.in_sync
    talk.say(SCOPED_ROUTE)
    talk.ack_all()
    assert talk.stream.in_sync


def test_the_first_answer_has_every_scope_or_waits() -> None:
    """A listener begins to serve with it: a host whose scope came later would be lost meanwhile."""
    talk = DeltaTalk(world({"a": "c", "b": "d"}))
    talk.say(CLUSTER)
    assert talk.say(SCOPED_ROUTE) == []
    assert talk.ack(CLUSTER) == ["scoped_route t/a t/b t/~"]


def test_the_first_answer_waits_no_longer_than_for_the_first_thing_that_it_lacks() -> None:
    talk = DeltaTalk(world({"a": "c", "b": "d"}))
    talk.say(CLUSTER)
    talk.say(SCOPED_ROUTE)
    assert talk.listen() == []
    talk.wait(3.0)
    assert talk.wait(1.9) == []
    (answer,) = talk.wait(0.2)
    assert all(name in answer for name in ("t/a", "t/b", "t/~"))


def test_a_new_subscription_gets_everything_again() -> None:
    talk = connected(ONE)
    talk.say(SCOPED_ROUTE, unsubscribe="*")
    assert talk.say(SCOPED_ROUTE, subscribe="*") == ["scoped_route t/a t/~"]


def test_a_new_hostname_waits_for_its_cluster_and_for_nothing_else() -> None:
    talk = connected(ONE)
    assert talk.push(world({"a": "c", "b": "d", "e": "c"})) == ["cluster d", "scoped_route t/e"]
    assert talk.ack(SCOPED_ROUTE) == []
    assert talk.ack(CLUSTER) == ["scoped_route t/b"]


def test_a_hostname_that_is_gone_goes_at_once_and_its_cluster_after_it() -> None:
    talk = connected(world({"a": "c", "b": "d"}))
    assert talk.push(ONE) == ["scoped_route -t/b"]
    assert talk.ack(SCOPED_ROUTE) == ["cluster -d"]


def test_a_listener_that_begins_to_choose_by_scope_is_sent_before_the_client_asks_for_scopes() -> None:
    talk = DeltaTalk(world({"a": "c"}, scoped=False))
    for type_, names in ((CLUSTER, ""), (LISTENER, ""), (ROUTE, "t")):
        talk.say(type_, subscribe=names)
    talk.ack_all()
    assert talk.push(ONE) == ["listener l"]
    assert talk.ack(LISTENER) == []
    assert talk.say(SCOPED_ROUTE) == ["scoped_route t/a t/~"]


def test_a_listener_waits_for_the_scope_that_it_begins_to_choose() -> None:
    talk = connected(ONE)
    assert talk.push(world({"a": "c"}, wildcard="c")) == ["scoped_route t/*.w"]
    assert talk.ack(SCOPED_ROUTE) == ["listener l"]


def test_a_listener_waits_for_the_scopes_that_it_chooses_instead_of_one() -> None:
    """Those of single hostnames, which it does not name: requests for them would get 404 meanwhile."""
    talk = connected(world({"a": "c"}, wildcard="c"))
    assert talk.push(world({"a": "c", "x.w": "d"})) == ["cluster d"]
    assert talk.ack(CLUSTER) == ["scoped_route t/x.w"]
    assert talk.ack(SCOPED_ROUTE) == ["listener l"]


def test_a_listener_that_begins_to_choose_by_scope_waits_for_every_scope() -> None:
    """Also for one that itself waits for its cluster: requests for its host would get 404 meanwhile."""
    talk = DeltaTalk(world({"a": "c"}, scoped=False))
    for type_, names in ((CLUSTER, ""), (SCOPED_ROUTE, ""), (LISTENER, ""), (ROUTE, "t")):
        talk.say(type_, subscribe=names)
        talk.ack_all()
    assert talk.push(world({"a": "c", "b": "d"})) == ["cluster d", "scoped_route t/a t/~"]
    assert talk.ack(SCOPED_ROUTE) == []
    assert talk.ack(CLUSTER) == ["scoped_route t/b", "route t"]
    assert talk.ack(SCOPED_ROUTE) == ["listener l"]


def test_the_scope_of_a_wildcard_stays_for_connections_that_drain() -> None:
    talk = connected(world({"a": "c"}, wildcard="c"))
    assert talk.push(ONE) == ["listener l"]
    assert talk.ack(LISTENER) == []
    assert talk.wait(60) == ["scoped_route -t/*.w"]


def test_the_scope_of_a_hostname_that_a_wildcard_takes_over_stays_for_connections_that_drain() -> None:
    """And, before that, for as long as the listener that chooses it is there."""
    talk = connected(world({"a": "c", "x.w": "d"}))
    assert talk.push(world({"a": "c"}, wildcard="c")) == ["scoped_route t/*.w"]
    assert talk.wait(4) == []
    assert talk.ack(SCOPED_ROUTE) == ["listener l"]
    assert talk.ack(LISTENER) == []
    assert talk.wait(60) == ["scoped_route -t/x.w"]
    assert talk.ack(SCOPED_ROUTE) == ["cluster -d"]


def test_the_scopes_of_a_table_that_is_a_whole_again_stay_for_connections_that_drain() -> None:
    talk = connected(ONE)
    assert talk.push(world({"a": "c"}, scoped=False)) == ["listener l"]
    assert talk.ack(LISTENER) == []
    assert talk.say(ROUTE, subscribe="t") == ["route t"]
    assert talk.ack(ROUTE) == []
    assert talk.wait(60) == ["scoped_route -t/a -t/~"]


def test_a_client_that_is_late_with_a_listener_has_as_long_to_drain() -> None:
    talk = connected(ONE)
    assert talk.push(world({"a": "c"}, scoped=False)) == ["listener l"]
    assert talk.wait(50) == []
    assert talk.ack(LISTENER) == []
    assert talk.wait(59) == []
    assert talk.wait(1) == ["scoped_route -t/a -t/~"]


def test_a_hostname_that_is_gone_when_its_table_is_scoped_again_goes_at_once() -> None:
    """Its scope was there for connections that drain; a listener that chooses among scopes must not find it."""
    talk = connected(world({"a": "c", "b": "c"}))
    talk.push(world({"a": "c", "b": "c"}, scoped=False))
    talk.ack_all()
    assert talk.push(world({"b": "c"})) == ["scoped_route -t/a"]
    assert talk.ack(SCOPED_ROUTE) == ["listener l"]


def test_scopes_stay_with_a_client_that_comes_back_and_says_late_that_it_chooses_among_them() -> None:
    talk = DeltaTalk(world({"a": "c"}, scoped=False))
    talk.say(SCOPED_ROUTE, holding=versions(ONE, SCOPED_ROUTE))
    assert talk.wait(5) == []
    assert talk.say(LISTENER, holding=versions(ONE, LISTENER)) == ["listener l"]
    assert talk.wait(60) == []
    assert talk.ack(LISTENER) == []
    assert talk.wait(59) == []
    assert talk.wait(1) == ["scoped_route -t/a -t/~"]


def test_scopes_stay_with_a_client_that_refuses_to_do_without_them() -> None:
    """Its old listener goes on choosing by scope, and every hostname of it would answer 404."""
    talk = connected(ONE)
    whole = world({"a": "c"}, scoped=False)
    assert talk.push(whole) == ["listener l"]
    assert talk.nack(LISTENER) == []
    assert talk.wait(3600) == []
    mended = Snapshot({**whole.by_type, LISTENER: make_set([make_resource("l", b"mended", [(ROUTE, "t")])])})
    assert talk.push(mended) == ["listener l"]
    assert talk.ack(LISTENER) == []
    assert talk.wait(60) == ["scoped_route -t/a -t/~"]


def test_the_whole_table_stays_while_a_scope_names_it() -> None:
    """For the first request that needs it: nothing says when that comes."""
    talk = connected(ONE)
    assert talk.say(ROUTE, subscribe="t") == ["route t"]
    assert talk.ack_all() == []
    assert talk.wait(600) == []


def test_a_bad_scope_is_found_and_holds_up_no_other() -> None:
    talk = connected(ONE)
    talk.push(world({"a": "c", "b": "c", "bad": "c"}))
    assert talk.nack(SCOPED_ROUTE, "scope t/bad is bad") == ["scoped_route t/bad", "scoped_route t/b"]


def test_a_scope_that_a_refused_response_removes_is_sent_again_when_it_is_wanted_again() -> None:
    """An Envoy has taken it away all the same, and its hostname answers 404."""
    talk = connected(world({"a": "c", "b": "c"}))
    assert talk.push(world({"bad": "c", "b": "c"})) == ["scoped_route t/bad -t/a"]
    talk.snapshot = world({"a": "c", "bad": "c", "b": "c"})
    assert talk.nack(SCOPED_ROUTE, "scope t/bad is bad") == ["scoped_route t/a"]


def with_whole_table(snapshot: Snapshot) -> DeltaTalk:
    """An Envoy that has it all, and was once asked for a host in capitals."""
    talk = connected(snapshot)
    assert talk.say(ROUTE, subscribe="t") == ["route t"]
    talk.ack_all()
    return talk


def tables(talk: DeltaTalk) -> int:
    """How often the whole table was sent."""
    return sum(response.type is ROUTE for response in talk.said)


def change(talk: DeltaTalk, cluster: str) -> None:
    """Send the hostname to another cluster, which the client comes to have."""
    talk.push(world({"a": cluster}))
    talk.say(ENDPOINT, subscribe=cluster)
    talk.ack_all()


def test_the_whole_table_beside_scopes_follows_at_its_own_pace() -> None:
    """Case 11a: each version is as large as the table, what scopes are there to avoid."""
    talk = with_whole_table(ONE)
    for cluster in "def":
        change(talk, cluster)
    assert tables(talk) == 2
    assert talk.stream.deadline == talk.now + 5
    assert talk.wait(4.9) == []
    assert talk.wait(0.1) == ["route t"]
    talk.ack_all()
    assert talk.stream.in_sync


def test_a_whole_table_that_is_asked_for_again_goes_out_at_once() -> None:
    talk = with_whole_table(ONE)
    change(talk, "d")
    change(talk, "e")
    assert talk.say(ROUTE, subscribe="t") == ["route t"]


def test_what_the_whole_table_names_stays_until_it_is_followed() -> None:
    talk = with_whole_table(ONE)
    change(talk, "d")
    change(talk, "e")
    assert "d" not in [name for response in talk.said for name in response.removed]
    talk.wait(5)
    assert "cluster -d" in talk.ack_all()


def test_the_whole_table_goes_out_at_once_where_a_listener_serves_it_again() -> None:
    talk = with_whole_table(ONE)
    change(talk, "d")
    change(talk, "e")
    assert tables(talk) == 2
    talk.push(world({"a": "e"}, scoped=False))
    talk.ack_all()
    assert tables(talk) == 3


def test_a_whole_table_that_a_listener_serves_never_rests() -> None:
    talk = with_whole_table(ONE)
    talk.push(world({"a": "c"}, scoped=False))
    talk.ack_all()
    before = tables(talk)
    for cluster in "def":
        talk.push(world({"a": cluster}, scoped=False))
        talk.say(ENDPOINT, subscribe=cluster)
        talk.ack_all()
    assert tables(talk) == before + 3


def test_scopes_that_linger_cost_a_turn_nothing() -> None:
    """Every answer and every push is a turn, for a minute."""

    def lines(hosts: int) -> tuple[int, int]:
        names = dict.fromkeys(map(str, range(hosts)), "c")
        talk = connected(world(names))
        talk.push(world(names, scoped=False))
        talk.ack_all()
        first = lines_run(lambda: talk.wait(1), xds_server)
        talk.say(SCOPED_ROUTE, subscribe="another")  # when scopes change, they are looked at
        then = lines_run(lambda: talk.wait(1), xds_server)
        assert len(talk.wait(60)[0].split()) == 1 + hosts + 1
        return first, then

    assert lines(100) == lines(10)
