"""Transcripts of the incremental dialect. Numbers are those of the cases in docs/xds.md."""

import pytest

from tests.xds_server.talk import DeltaTalk, connected, versions
from tests.xds_server.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET, world
from xds_server.protocol.messages import Acked, Returned, Stale
from xds_server.snapshot.resource import MAX_BYTES, ResourceType, Snapshot, make_resource, make_set

AB = world(clusters="a b")


def test_an_ack_is_recorded_and_answered_by_nothing() -> None:
    """Case 1: an ACK."""
    talk = DeltaTalk(AB)
    assert talk.say(CLUSTER) == ["cluster a b"]
    assert not talk.stream.in_sync
    assert talk.ack(CLUSTER) == []
    assert isinstance(talk.heard, Acked)
    assert [r.name for r in talk.heard.resources] == ["a", "b"]
    assert talk.stream.in_sync


def test_a_stale_nonce_does_not_hide_a_subscription() -> None:
    """Case 5: a delta request counts whatever its nonce is."""
    talk = DeltaTalk(AB)
    talk.say(ENDPOINT, subscribe="a")
    assert talk.say(ENDPOINT, subscribe="b", nonce="gone") == ["endpoint b"]
    assert isinstance(talk.heard, Stale)


def test_a_nonce_of_another_stream_means_nothing() -> None:
    """Case 6: a nonce lives as long as its stream."""
    talk = DeltaTalk(AB)
    assert talk.say(CLUSTER, nonce="7", holding=versions(AB, CLUSTER)) == []
    assert isinstance(talk.heard, Returned)


def test_asking_for_nothing_first_asks_for_everything() -> None:
    """Case 8: the legacy wildcard, and how it ends."""
    talk = DeltaTalk(AB)
    assert talk.say(CLUSTER) == ["cluster a b"]
    assert talk.push(world(clusters="a b c")) == ["cluster c"]
    assert talk.say(CLUSTER, unsubscribe="*") == []
    assert talk.push(world(clusters="a b c d")) == []


@pytest.mark.parametrize("type_", [ENDPOINT, ROUTE, SECRET])
def test_only_listeners_and_clusters_have_a_legacy_wildcard(type_: ResourceType) -> None:
    """Case 8: asking for no endpoints is asking for none."""
    talk = DeltaTalk(world(listeners={"l": "r s"}, routes={"r": "a"}, secrets="s"))
    assert talk.say(type_) == []


def test_an_empty_wildcard_is_answered_so_that_the_client_need_not_wait() -> None:
    """Case 8: an Envoy does nothing before the first answer, even an empty one."""
    talk = DeltaTalk(world())
    assert talk.say(CLUSTER) == ["cluster"]
    assert talk.ack(CLUSTER) == []


def test_names_survive_the_wildcard() -> None:
    """Case 9: `*` and names side by side."""
    talk = DeltaTalk(AB)
    assert talk.say(CLUSTER, subscribe="* a") == ["cluster a b"]
    assert talk.say(CLUSTER, unsubscribe="*") == []
    assert talk.push(world(clusters="a b c", revisions={"cluster a": 2, "cluster b": 2})) == ["cluster a"]


def test_unsubscribing_a_name_under_the_wildcard_is_answered() -> None:
    """Case 10: the client dropped it, and must hear that it gets it all the same, or that it does not exist."""
    talk = DeltaTalk(AB)
    talk.say(CLUSTER, subscribe="* a nosuch")
    assert talk.say(CLUSTER, unsubscribe="a") == ["cluster a"]
    assert talk.say(CLUSTER, unsubscribe="nosuch") == ["cluster -nosuch"]


def test_an_unsubscription_of_what_was_never_asked_for_is_ignored() -> None:
    """Case 11: phantoms."""
    talk = DeltaTalk(AB)
    talk.say(CLUSTER)
    assert talk.say(CLUSTER, unsubscribe="a phantom") == []
    assert talk.push(world(clusters="a b", revisions={"cluster a": 2})) == ["cluster a"]


def test_a_name_asked_for_again_is_sent_again() -> None:
    """Case 12: the client may have forgotten it."""
    talk = DeltaTalk(AB)
    talk.say(ENDPOINT, subscribe="a b")
    talk.ack_all()
    assert talk.say(ENDPOINT, subscribe="a") == ["endpoint a"]


def test_a_dropped_name_is_sent_when_asked_for_later() -> None:
    """Case 12: what was unsubscribed is forgotten on both sides."""
    talk = DeltaTalk(AB)
    talk.say(ENDPOINT, subscribe="a")
    talk.ack_all()
    talk.say(ENDPOINT, unsubscribe="a")
    assert talk.push(world(clusters="a", revisions={"endpoint a": 2})) == []
    assert talk.say(ENDPOINT, subscribe="a") == ["endpoint a"]


def test_a_missing_name_is_said_to_be_missing_and_sent_when_born() -> None:
    """Case 13: no client waits for what is not there."""
    talk = DeltaTalk(AB)
    assert talk.say(ROUTE, subscribe="r") == ["route -r"]
    assert talk.ack_all() == []
    assert talk.push(world(listeners={"l": "r"}, routes={"r": "a"})) == ["route r"]


def test_missing_endpoints_are_empty_ones() -> None:
    """Case 13: an Envoy holds back a cluster whose endpoints never come, and all that waits for it."""
    talk = DeltaTalk(AB)
    assert talk.say(ENDPOINT, subscribe="unborn") == ["endpoint unborn"]
    assert talk.said[-1].resources[0].body == b"\x0a\x06unborn"
    talk.ack_all()
    assert talk.push(world(clusters="a b unborn")) == ["endpoint unborn"]


def test_a_client_that_comes_back_gets_the_difference() -> None:
    """Case 14: what changed, what is gone, and nothing that it has."""
    now = world(clusters="a b c", revisions={"cluster b": 2})
    talk = DeltaTalk(now)
    held = versions(world(clusters="a b gone"), CLUSTER)
    assert talk.say(CLUSTER, holding=held) == ["cluster b c"]
    talk.say(LISTENER)
    assert talk.say(ROUTE, subscribe="r") == ["cluster -gone", "route -r"]


def test_a_client_that_comes_back_to_the_same_world_gets_only_endpoints() -> None:
    """Case 14: nothing for what is equal; but an Envoy that was warming when the stream broke waits for endpoints."""
    same = world(listeners={"l": "r s"}, routes={"r": "a"}, secrets="s")
    talk = DeltaTalk(same)
    assert talk.say(CLUSTER, holding=versions(same, CLUSTER)) == []
    assert talk.say(ENDPOINT, subscribe="a", holding=versions(same, ENDPOINT)) == ["endpoint a"]
    assert talk.say(LISTENER, holding=versions(same, LISTENER)) == []
    assert talk.say(ROUTE, subscribe="r", holding=versions(same, ROUTE)) == []
    assert talk.say(SECRET, subscribe="s", holding=versions(same, SECRET)) == []
    talk.ack_all()
    assert talk.stream.in_sync


def test_endpoints_of_a_cluster_on_its_way_out_are_left_alone_on_return() -> None:
    """Case 14: an empty answer would take away what still serves."""
    before = world(listeners={"l": "r"}, routes={"r": "old"})
    talk = DeltaTalk(world(listeners={"l": "r"}, routes={"r": "new"}))
    assert talk.say(CLUSTER, holding=versions(before, CLUSTER)) == ["cluster new"]
    assert talk.say(ENDPOINT, subscribe="old", holding=versions(before, ENDPOINT)) == []


def test_no_response_names_a_resource_twice() -> None:
    """Case 22: names in a response are unique, also after the same name was asked for twice."""
    talk = DeltaTalk(AB)
    assert talk.say(ENDPOINT, subscribe="a a b") == ["endpoint a b"]


def test_equal_content_is_never_sent_again() -> None:
    """Case 23: the version is the content."""
    talk = DeltaTalk(AB)
    connected(talk, [(CLUSTER, ""), (ENDPOINT, "a b")])
    assert talk.push(world(clusters="b a")) == []


def test_only_the_newest_snapshot_is_sent() -> None:
    """Case 24: what a client never saw of a snapshot, it never sees."""
    talk = DeltaTalk(AB)
    talk.say(CLUSTER)
    talk.snapshot = world(clusters="a b skipped")
    assert talk.push(world(clusters="a b c")) == ["cluster c"]


def test_a_type_may_be_asked_for_by_name_at_any_time() -> None:
    """Case 27: on-demand clusters, for a client that never asked for all."""
    talk = DeltaTalk(AB)
    assert talk.say(CLUSTER, subscribe="b") == ["cluster b"]
    assert talk.say(CLUSTER, subscribe="nosuch") == ["cluster -nosuch"]


def test_a_big_push_goes_in_chunks() -> None:
    """Case 30: no response carries more than its share, and together they carry all."""
    big = [make_resource(f"c{i}", bytes(MAX_BYTES // 3) + bytes([i])) for i in range(7)]
    talk = DeltaTalk(Snapshot({CLUSTER: make_set(big)}))
    assert talk.say(CLUSTER) == ["cluster c0 c1", "cluster c2 c3", "cluster c4 c5", "cluster c6"]


def test_routes_travel_alone() -> None:
    """One bad RouteConfiguration would take the good ones in its response with it."""
    talk = DeltaTalk(world(listeners={"l": "r1 r2"}, routes={"r1": "", "r2": ""}))
    assert talk.say(ROUTE, subscribe="r1 r2") == ["route r1", "route r2"]


def test_any_replica_says_the_same() -> None:
    """Case 36: names, versions and order depend on content alone."""
    made = [world(clusters="a b c", routes={"r": "a"}), world(clusters="c b a", routes={"r": "a"})]
    talks = [DeltaTalk(snapshot) for snapshot in made]
    for talk in talks:
        connected(talk, [(CLUSTER, ""), (ROUTE, "r")])
    assert talks[0].said == talks[1].said


def test_clients_at_rest_hold_the_set_itself() -> None:
    """One object for a thousand proxies, whatever each went through."""
    talk = DeltaTalk(world(clusters="c1 c2"))
    talk.say(CLUSTER)
    talk.ack_all()
    talk.push(world(clusters="c1 c2 c3", revisions={"cluster c2": 2}))
    talk.ack_all()
    assert talk.stream.acknowledged(CLUSTER) is talk.snapshot.of(CLUSTER).by_name


def test_who_comes_back_with_all_of_it_is_at_rest_at_once() -> None:
    """Case 14: of what it says that it has nothing is kept, for nothing may change for days."""
    there = world(clusters="c1 c2")
    talk = DeltaTalk(there)
    assert talk.say(CLUSTER, holding=versions(there, CLUSTER)) == []
    assert talk.stream.acknowledged(CLUSTER) is there.of(CLUSTER).by_name


def test_who_holds_as_many_but_not_the_same_does_not_rest() -> None:
    talk = DeltaTalk(world(clusters="c1"))
    talk.say(ENDPOINT, subscribe="c2")
    talk.ack_all()
    assert set(talk.stream.acknowledged(ENDPOINT)) == {"c2"}
