"""Make before break, break last: in what order a change reaches a client, and what it waits for."""

import pytest

from tests.xds_server.talk import AnyTalk, DeltaTalk, SotwTalk, Talk, connected, versions
from tests.xds_server.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, SCOPED_ROUTE, SECRET, world
from xds_server.protocol.patience import Patience
from xds_server.snapshot.resource import ResourceType, Snapshot

A = world(listeners={"l": "r"}, routes={"r": "a"})
B = world(listeners={"l": "r"}, routes={"r": "b"})


def envoy[T: Talk](talk: T) -> T:
    """Ask for all that an Envoy with world A asks for."""
    connected(talk, [(CLUSTER, ""), (ENDPOINT, "a"), (LISTENER, ""), (ROUTE, "r")])
    return talk


def test_types_are_in_the_order_of_the_protocol() -> None:
    """Case 18. Spec: xDS protocol, "Eventual consistency considerations": CDS, EDS, LDS, RDS."""
    assert sorted([ROUTE, LISTENER, ENDPOINT, CLUSTER, SECRET]) == [CLUSTER, ENDPOINT, SECRET, LISTENER, ROUTE]
    assert list(ResourceType) == [CLUSTER, ENDPOINT, SECRET, SCOPED_ROUTE, LISTENER, ROUTE]


def test_a_backend_is_swapped_without_a_gap_in_delta() -> None:
    """Cases 18, 19, 20: the new cluster, its endpoints, the route, and then the old cluster; each after an ACK."""
    talk = envoy(DeltaTalk(A))
    assert talk.push(B) == ["cluster b"]
    assert talk.say(ENDPOINT, subscribe="b") == ["endpoint b"]
    assert talk.ack(ENDPOINT) == []
    assert talk.ack(CLUSTER) == ["route r"]
    assert talk.ack(ROUTE) == ["cluster -a"]
    assert talk.say(ENDPOINT, unsubscribe="a") == []
    assert talk.ack_all() == []
    assert talk.stream.in_sync


def test_a_backend_is_swapped_without_a_gap_in_state_of_the_world() -> None:
    """Cases 15, 20: the old cluster stays in the set until the route that names it is replaced."""
    talk = envoy(SotwTalk(A))
    assert isinstance(talk, SotwTalk)
    assert talk.push(B) == ["cluster a b"]
    assert talk.want(ENDPOINT, "a b") == ["endpoint b"]
    assert talk.ack(ENDPOINT) == []
    assert talk.ack(CLUSTER) == ["route r"]
    assert talk.ack(ROUTE) == ["cluster b"]


def test_a_route_waits_for_endpoints_too() -> None:
    """Case 19: a cluster without endpoints answers 503."""
    talk = envoy(DeltaTalk(A))
    talk.push(B)
    assert talk.ack(CLUSTER) == ["route r"]  # nobody asked for endpoints: nothing to wait for
    talk = envoy(DeltaTalk(A))
    talk.push(B)
    talk.say(ENDPOINT, subscribe="b")
    assert talk.ack(CLUSTER) == []
    assert talk.ack(ENDPOINT) == ["route r"]


@pytest.mark.parametrize("dialect", [DeltaTalk, SotwTalk])
def test_endpoints_follow_a_changed_cluster(dialect: type[AnyTalk]) -> None:
    """Case 17: or else the cluster warms for 15 s, and its ACK is held back for as long."""
    talk = envoy(dialect(A))
    changed = world(listeners={"l": "r"}, routes={"r": "a"}, revisions={"cluster a": 2})
    assert talk.push(changed) == ["cluster a", "endpoint a"]


def test_endpoints_never_wait() -> None:
    """A cluster that is still warming holds back the routes that name it and nothing else."""
    talk = envoy(DeltaTalk(A))
    talk.push(B)
    moved = world(listeners={"l": "r"}, routes={"r": "b"}, clusters="a", revisions={"endpoint a": 2})
    assert talk.push(moved) == ["endpoint a"]


def test_unrelated_routes_do_not_wait_for_each_other() -> None:
    """A late ACK of one cluster is no reason to hold back a route that does not name it."""
    talk = DeltaTalk(world(listeners={"l": "r", "m": "s"}, routes={"r": "a", "s": "a"}))
    connected(talk, [(CLUSTER, ""), (LISTENER, ""), (ROUTE, "r s")])
    both = world(listeners={"l": "r", "m": "s"}, routes={"r": "slow", "s": "a"}, revisions={"route s": 2})
    assert talk.push(both) == ["cluster slow", "route s"]


def test_a_route_does_not_wait_for_another_version_of_what_is_there() -> None:
    talk = DeltaTalk(world(listeners={"l": "r"}, routes={"r": "a"}, clusters="b"))
    connected(talk, [(CLUSTER, ""), (LISTENER, ""), (ROUTE, "r")])
    moved = world(listeners={"l": "r"}, routes={"r": "b"}, clusters="a", revisions={"cluster b": 2})
    assert talk.push(moved) == ["cluster b", "route r"]


def test_a_route_waits_for_what_is_just_being_taken_away() -> None:
    """It comes back to a cluster whose removal has no answer yet: there is no such cluster until it is sent again."""
    talk = DeltaTalk(A)
    connected(talk, [(CLUSTER, ""), (LISTENER, ""), (ROUTE, "r")])
    talk.push(B)
    talk.ack(CLUSTER)
    assert talk.ack(ROUTE) == ["cluster -a"]
    assert talk.push(A) == ["cluster a"]
    assert talk.ack(CLUSTER) == []
    assert talk.ack(CLUSTER) == ["route r"]


def test_a_wait_has_an_end() -> None:
    """A cluster that is never acknowledged does not freeze the route for ever."""
    talk = envoy(DeltaTalk(A, Patience(make=5.0)))
    talk.push(B)
    assert talk.stream.deadline == talk.now + 5.0
    assert talk.wait(4.9) == []
    assert talk.wait(0.1) == ["route r"]


def test_constant_change_does_not_starve_a_route() -> None:
    """Under churn the newest version may always name what is just on its way: an older one goes when it can."""
    talk = DeltaTalk(world(listeners={"l": "r"}, routes={"r": ""}))
    connected(talk, [(CLUSTER, ""), (LISTENER, ""), (ROUTE, "r")])
    talk.push(world(listeners={"l": "r"}, routes={"r": "c1"}))
    talk.push(world(listeners={"l": "r"}, routes={"r": "c1 c2"}))
    assert talk.ack(CLUSTER) == ["route r"]
    assert [name for _, name in talk.said[-1].resources[0].depends_on] == ["c1"]
    assert talk.ack(ROUTE) == []
    assert talk.ack(CLUSTER) == ["route r"]
    assert [name for _, name in talk.said[-1].resources[0].depends_on] == ["c1", "c2"]


def test_an_older_version_that_can_go_no_more_gives_its_place_to_a_newer_one() -> None:
    talk = DeltaTalk(world(listeners={"l": "r"}, routes={"r": ""}))
    connected(talk, [(CLUSTER, ""), (LISTENER, ""), (ROUTE, "r")])
    for named in ("gone", "c1", "c1 c2"):
        talk.push(world(listeners={"l": "r"}, routes={"r": named}))
    talk.ack(CLUSTER)
    assert talk.ack(CLUSTER) == ["route r"]
    assert [name for _, name in talk.said[-1].resources[0].depends_on] == ["c1"]


def test_a_route_does_not_wait_for_what_it_names_no_more() -> None:
    talk = DeltaTalk(world(listeners={"l": "r"}, routes={"r": ""}, clusters="a"))
    connected(talk, [(CLUSTER, ""), (LISTENER, ""), (ROUTE, "r")])
    assert talk.push(world(listeners={"l": "r"}, routes={"r": "slow"}, clusters="a")) == ["cluster slow"]
    assert talk.push(world(listeners={"l": "r"}, routes={"r": "a"}, clusters="slow")) == ["route r"]


def with_a_cluster_that_is_never_there(snapshot: Snapshot) -> DeltaTalk:
    """An Envoy that takes no endpoints of c1, which the route is to name from now on."""
    talk = DeltaTalk(world(listeners={"l": "r"}, routes={"r": ""}))
    connected(talk, [(CLUSTER, ""), (LISTENER, ""), (ROUTE, "r")])
    assert talk.push(snapshot) == ["cluster c1"]
    talk.say(ENDPOINT, subscribe="c1")
    talk.nack(ENDPOINT)
    assert talk.ack(CLUSTER) == []
    return talk


def test_a_newer_version_goes_when_it_can_though_the_one_that_waits_cannot() -> None:
    talk = with_a_cluster_that_is_never_there(world(listeners={"l": "r"}, routes={"r": "c1"}))
    assert talk.push(world(listeners={"l": "r"}, routes={"r": "c2"}, clusters="c1")) == ["cluster c2"]
    talk.say(ENDPOINT, subscribe="c2")
    assert talk.ack(CLUSTER) == []
    assert talk.ack(ENDPOINT) == ["route r"]


def test_what_was_waited_for_in_vain_is_not_waited_for_again() -> None:
    talk = with_a_cluster_that_is_never_there(world(listeners={"l": "r"}, routes={"r": "c1"}))
    assert talk.wait(5) == ["route r"]
    assert talk.push(world(listeners={"l": "r"}, routes={"r": "c1"}, revisions={"route r": 2})) == []
    assert talk.ack(ROUTE) == ["route r"]


def test_a_cluster_that_a_waiting_route_needs_is_not_taken_away() -> None:
    """What waits to be sent counts as used."""
    talk = DeltaTalk(world(listeners={"l": "r"}, routes={"r": "a"}, clusters="b"))
    connected(talk, [(CLUSTER, ""), (LISTENER, ""), (ROUTE, "r")])
    talk.push(world(listeners={"l": "r"}, routes={"r": "b new"}))  # waits for new
    assert talk.push(world(listeners={"l": "r"}, routes={"r": "new other"})) == ["cluster other"]


def test_a_new_listener_waits_only_for_what_the_client_asked_for() -> None:
    """Its routes and secrets are asked for when it is there: waiting for them would be waiting for ever."""
    talk = envoy(DeltaTalk(A))
    talk.say(SECRET, subscribe="none")
    more = world(listeners={"l": "r", "m": "r2 s"}, routes={"r": "a", "r2": "c"}, secrets="s")
    assert talk.push(more) == ["cluster c", "listener m"]
    assert talk.say(SECRET, subscribe="s") == ["secret s"]
    assert talk.say(ROUTE, subscribe="r2") == []
    assert talk.ack(CLUSTER) == ["route r2"]


def test_a_tcp_listener_waits_for_its_cluster() -> None:
    """Case 19: a TCP proxy to a cluster that is not there closes connections."""
    talk = envoy(DeltaTalk(A))
    tcp = world(listeners={"l": "r", "t": "tcp:db"}, routes={"r": "a"})
    assert talk.push(tcp) == ["cluster db"]
    assert talk.ack(CLUSTER) == ["listener t"]


def test_routes_and_clusters_outlive_a_listener_until_its_connections_drained() -> None:
    """Case 20: an Envoy keeps a removed listener's routes while it drains, and unsubscribes from them after."""
    talk = envoy(DeltaTalk(A))
    assert talk.push(world()) == ["listener -l"]
    assert talk.ack(LISTENER) == []
    assert talk.say(ROUTE, unsubscribe="r") == ["cluster -a"]


def test_a_cluster_stays_for_a_table_that_was_dropped_and_may_be_asked_for_again_before_it_arrives() -> None:
    """The client drops the table while a listener that names it again, and its new version, are on their way."""
    talk = envoy(DeltaTalk(A))
    talk.push(world())
    talk.ack(LISTENER)
    again = world(listeners={"l": "r"}, routes={"r": "a"}, revisions={"listener l": 2, "route r": 2})
    assert talk.push(again) == ["listener l", "route r"]
    assert talk.push(world()) == ["listener -l"]
    assert talk.say(ROUTE, unsubscribe="r") == []
    assert talk.ack(LISTENER) == []
    assert talk.say(ROUTE, subscribe="r") == ["route -r"]
    assert talk.ack(LISTENER) == []
    assert talk.ack(ROUTE) == []
    assert talk.ack(ROUTE) == ["cluster -a"]


def test_a_table_that_was_dropped_and_asked_for_again_before_it_arrived_is_in_use() -> None:
    """Also once it has arrived, while the next version of it waits for its cluster."""
    talk = DeltaTalk(A)
    connected(talk, [(CLUSTER, ""), (LISTENER, "")])
    assert talk.say(ROUTE, subscribe="r") == ["route r"]
    assert talk.say(ROUTE, unsubscribe="r") == []
    assert talk.push(world(listeners={"l": "r"}, routes={"r": "b"}, clusters="a")) == ["cluster b"]
    assert talk.say(ROUTE, subscribe="r") == []
    assert talk.ack(ROUTE) == []
    assert talk.push(B) == []
    assert talk.ack(CLUSTER) == ["route r"]
    assert talk.ack(ROUTE) == ["cluster -a"]


@pytest.mark.parametrize("gone", [True, False])
def test_a_table_that_was_dropped_is_not_in_use_when_it_arrives_unasked(*, gone: bool) -> None:
    talk = DeltaTalk(A)
    connected(talk, [(CLUSTER, ""), (LISTENER, "")])
    assert talk.say(ROUTE, subscribe="r") == ["route r"]
    assert talk.say(ROUTE, unsubscribe="r") == []
    talk.push(world() if gone else B)
    talk.ack(LISTENER if gone else CLUSTER)
    assert talk.ack(ROUTE) == ["cluster -a"]


def test_a_client_that_never_unsubscribes_is_told_after_a_while() -> None:
    """Case 20: lingering has an end too."""
    talk = envoy(DeltaTalk(A, Patience(linger=60.0)))
    talk.push(world())
    talk.ack_all()
    assert talk.wait(59.0) == []
    assert talk.stream.deadline is not None
    assert talk.wait(2.0) == ["route -r"]
    assert talk.ack(ROUTE) == ["cluster -a"]


def test_a_table_that_a_refused_listener_holds_does_not_keep_others_lingering() -> None:
    """Two leave, the first of them never: the second has its time all the same."""
    talk = envoy(DeltaTalk(world(listeners={"l": "r", "m": "s"}, routes={"r": "a", "s": "b"}), Patience(linger=60.0)))
    talk.say(ROUTE, subscribe="s")
    talk.ack_all()
    talk.push(world(listeners={"l": "", "m": "s"}, routes={"s": "b"}))
    talk.nack(LISTENER)
    talk.wait(30.0)
    talk.push(world(listeners={"l": ""}))
    talk.ack_all()
    assert talk.listen() == []
    assert talk.wait(31.0) == []
    assert talk.stream.deadline == talk.now + 29.0
    assert talk.wait(30.0) == ["route -s"]
    assert talk.ack(ROUTE) == ["cluster -b"]


def test_a_state_of_the_world_client_loses_clusters_in_the_turn_that_forgets_their_table() -> None:
    talk = envoy(SotwTalk(A, Patience(linger=60.0)))
    talk.push(world())
    talk.ack_all()
    assert talk.wait(61.0) == ["cluster"]


def test_secrets_are_taken_away_last_or_not_at_all() -> None:
    """Case 21: never while a listener names it; an Envoy unsubscribes by itself, and newer ones ignore a removal."""
    with_tls = world(listeners={"l": "r s"}, routes={"r": "a"}, secrets="s")
    talk = envoy(DeltaTalk(with_tls, Patience(linger=60.0)))
    talk.say(SECRET, subscribe="s")
    talk.ack_all()
    assert talk.push(world(listeners={"l": "r"}, routes={"r": "a"})) == ["listener l"]
    assert talk.ack(LISTENER) == []
    assert talk.say(SECRET, unsubscribe="s") == []
    assert talk.wait(120.0) == []


def test_a_client_that_comes_back_may_first_tell_what_it_uses() -> None:
    """Cases 14, 20: its clusters come before its routes; what they name must not be taken away meanwhile."""
    talk = DeltaTalk(B, Patience(make=5.0))
    held = {type_: {n: r.version for n, r in A.of(type_).by_name.items()} for type_ in ResourceType}
    assert talk.say(CLUSTER, holding=held[CLUSTER]) == ["cluster b"]
    assert talk.say(LISTENER, holding=held[LISTENER]) == []
    assert talk.say(ROUTE, subscribe="r", holding=held[ROUTE]) == []
    assert talk.ack(CLUSTER) == ["route r"]
    assert talk.ack(ROUTE) == ["cluster -a"]


def test_what_a_client_came_back_with_is_known_when_we_come_to_it() -> None:
    """Case 14: it took it from another replica, before we were as far; until then it could name anything."""
    before, now = world(listeners={"l": "r"}, routes={"r": "a b"}), A
    talk = DeltaTalk(before)
    assert talk.say(CLUSTER, holding=versions(now, CLUSTER)) == ["cluster b"]
    assert talk.say(ENDPOINT, subscribe="b") == ["endpoint b"]
    talk.say(LISTENER, holding=versions(now, LISTENER))
    assert talk.say(ROUTE, subscribe="r", holding=versions(now, ROUTE)) == []
    assert talk.ack(CLUSTER) == []
    assert talk.push(now) == []
    assert talk.ack(ENDPOINT) == ["cluster -b"]


def test_a_client_that_comes_back_and_tells_nothing_more_is_not_waited_for_for_ever() -> None:
    """Case 14: a client of clusters alone."""
    talk = DeltaTalk(B, Patience(make=5.0))
    held = {n: r.version for n, r in A.of(CLUSTER).by_name.items()}
    assert talk.say(CLUSTER, holding=held) == ["cluster b"]
    assert talk.wait(5.0) == ["cluster -a"]


def test_a_refused_route_keeps_its_old_cluster() -> None:
    """Cases 2, 20: the client goes on with what it had, and with all that names."""
    talk = envoy(DeltaTalk(A))
    talk.push(B)
    assert talk.ack(CLUSTER) == ["route r"]
    assert talk.nack(ROUTE) == []
    assert talk.wait(3600.0) == []
    fixed: Snapshot = world(listeners={"l": "r"}, routes={"r": "b"}, revisions={"route r": 2})
    assert talk.push(fixed) == ["route r"]
    assert talk.ack(ROUTE) == ["cluster -a"]


def test_the_first_answers_come_in_order_whatever_the_order_of_asking() -> None:
    """Case 18: all asked for at once."""
    talk = DeltaTalk(A)
    snapshot, talk.snapshot = talk.snapshot, world()
    for type_, names in ((ROUTE, "r"), (LISTENER, "*"), (ENDPOINT, "a"), (CLUSTER, "*")):
        talk.say(type_, subscribe=names)
    talk.ack_all()
    assert talk.push(snapshot) == ["cluster a", "endpoint a", "listener l"]
    assert talk.ack_all() == ["route r"]
