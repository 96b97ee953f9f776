"""Transcripts of the state-of-the-world dialect."""

from tests.xds_server.talk import SotwTalk, connected
from tests.xds_server.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET, world
from xds_server.protocol.messages import Acked, Stale

AB = world(clusters="a b")


def test_an_ack_is_recorded_and_answered_by_nothing() -> None:
    """Case 1: an ACK."""
    talk = SotwTalk(AB)
    assert talk.say(CLUSTER) == ["cluster a b"]
    assert talk.ack(CLUSTER) == []
    assert isinstance(talk.heard, Acked)
    assert talk.stream.in_sync


def test_a_stale_nonce_is_ignored() -> None:
    """Case 4: a request that answers what is out of date is out of date itself."""
    talk = SotwTalk(AB)
    talk.say(ENDPOINT, "a")
    talk.ack_all()
    assert talk.say(ENDPOINT, "a b", nonce="gone") == []
    assert isinstance(talk.heard, Stale)


def test_an_answer_to_the_response_before_the_newest_is_no_new_list() -> None:
    """Case 4: the names count with the answer to the newest; what was accepted counts at once."""
    talk = SotwTalk(world(listeners={"l": "r1 r2"}, routes={"r1": "", "r2": "", "r3": ""}))
    assert talk.say(ROUTE, "r1 r2") == ["route r1", "route r2"]
    assert talk.ack(ROUTE, "r1 r2 r3") == []
    assert isinstance(talk.heard, Acked)
    assert talk.ack(ROUTE, "r1 r2 r3") == ["route r3"]


def test_a_server_that_never_spoke_takes_any_nonce_as_a_beginning() -> None:
    """Case 4: a stream never goes deaf: before the first response there is nothing to be stale about."""
    talk = SotwTalk(world())
    assert talk.say(ENDPOINT, "", nonce="old") == []
    assert talk.say(ENDPOINT, "a", nonce="older") == ["endpoint a"]


def test_a_first_request_may_carry_the_version_of_another_stream() -> None:
    """Case 6: an old version and no nonce begin a conversation; names are answered whatever the version."""
    talk = SotwTalk(AB)
    assert talk.say(ENDPOINT, "a", version="old") == ["endpoint a"]


def test_naming_something_ends_the_legacy_wildcard_for_good() -> None:
    """Case 8: once a name was given, an empty list is nothing."""
    talk = SotwTalk(AB)
    assert talk.say(CLUSTER) == ["cluster a b"]
    assert talk.ack(CLUSTER, "a") == []
    assert talk.push(world(clusters="a b c", revisions={"cluster a": 2})) == ["cluster a"]
    assert talk.ack(CLUSTER, "") == []
    assert talk.push(world(clusters="a b c d")) == []


def test_the_wildcard_by_name_stays_beside_names() -> None:
    """Case 9: `*` and names side by side."""
    talk = SotwTalk(AB)
    assert talk.say(CLUSTER, "* a") == ["cluster a b"]
    assert talk.ack(CLUSTER, "a") == []
    assert talk.push(world(clusters="a b c", revisions={"cluster a": 2})) == ["cluster a"]


def test_a_name_dropped_and_asked_for_again_is_sent_again() -> None:
    """Case 12: the client has forgotten it."""
    talk = SotwTalk(AB)
    talk.say(ENDPOINT, "a b")
    talk.ack(ENDPOINT, "a b")
    talk.push(world(clusters="a b", revisions={"endpoint a": 2}))
    assert talk.ack(ENDPOINT, "a") == []
    talk.push(world(clusters="a b", revisions={"endpoint a": 3}))
    assert talk.ack(ENDPOINT, "a b") == ["endpoint b"]


def test_a_missing_name_is_remembered_and_sent_when_born() -> None:
    """Case 13: state of the world has no word for missing."""
    talk = SotwTalk(world())
    assert talk.say(ROUTE, "r") == []
    assert talk.push(world(listeners={"l": "r"}, routes={"r": ""})) == ["route r"]


def test_missing_endpoints_are_empty_ones() -> None:
    """Case 13: silence would hold back the cluster."""
    talk = SotwTalk(world())
    assert talk.say(ENDPOINT, "unborn") == ["endpoint unborn"]


def test_clusters_and_listeners_come_as_whole_sets() -> None:
    """Case 15: absence deletes, so everything that stays is in every response."""
    talk = SotwTalk(world(clusters="a b", listeners={"l": ""}))
    connected(talk, [(CLUSTER, ""), (LISTENER, "")])
    assert talk.push(world(clusters="a b c", listeners={"l": "", "m": ""})) == ["cluster a b c", "listener l m"]
    talk.ack_all()
    assert talk.push(world(clusters="c", listeners={"l": "", "m": ""})) == ["cluster c"]


def test_an_empty_world_is_said_once_the_world_is_known() -> None:
    """Case 15: before, the shell asks for no response at all; then, a client that waits must hear."""
    talk = SotwTalk(world())
    assert talk.say(CLUSTER) == ["cluster"]
    assert talk.say(LISTENER) == ["listener"]


def test_routes_endpoints_and_secrets_come_when_they_change() -> None:
    """Case 16: absence means nothing for them."""
    before = world(listeners={"l": "r s"}, routes={"r": "a b"}, secrets="s t")
    talk = SotwTalk(before)
    connected(talk, [(CLUSTER, ""), (ENDPOINT, "a b"), (SECRET, "s t"), (LISTENER, ""), (ROUTE, "r")])
    after = world(
        listeners={"l": "r s"}, routes={"r": "a b"}, secrets="s t", revisions={"endpoint b": 2, "secret t": 2}
    )
    assert talk.push(after) == ["endpoint b", "secret t"]


def test_a_client_that_comes_back_with_the_whole_set_need_not_get_it_again() -> None:
    """Case 14, as far as state of the world has it: the version of a whole set says that all of it is there."""
    talk = SotwTalk(AB)
    assert talk.say(CLUSTER, version=AB.of(CLUSTER).version) == []
    assert talk.stream.in_sync
    assert talk.push(world(clusters="a b c")) == ["cluster a b c"]


def test_the_first_set_is_whole_or_waits() -> None:
    """A client that came back may have what would be absent; only its patience for clusters is short of that."""
    talk = SotwTalk(world(listeners={"l": "tcp:a", "m": ""}))
    talk.say(CLUSTER)
    assert talk.say(LISTENER) == []
    assert talk.ack(CLUSTER) == ["listener l m"]


def test_the_first_set_waits_no_longer_than_for_the_first_thing_that_it_lacks() -> None:
    talk = SotwTalk(world(listeners={"l": "tcp:a"}))
    talk.say(CLUSTER)
    assert talk.say(LISTENER) == []
    talk.wait(1)
    assert talk.push(world(clusters="a b", listeners={"l": "tcp:a", "m": "tcp:b", "n": ""})) == ["cluster a b"]
    assert talk.wait(3.9) == []
    assert talk.stream.deadline == 105.0
    assert talk.wait(0.2) == ["listener l m n"]


def test_any_replica_says_the_same() -> None:
    """Case 36: versions of sets too depend on content alone."""
    talks = [SotwTalk(world(clusters="a b c")), SotwTalk(world(clusters="c a b"))]
    for talk in talks:
        connected(talk, [(CLUSTER, ""), (ENDPOINT, "a c")])
    assert talks[0].said == talks[1].said
