"""What a NACK does: nothing that was refused is sent again, and nothing else is held back."""

from collections.abc import Collection

import pytest

from tests.lines import bytes_made
from tests.xds_server.talk import AnyTalk, DeltaTalk, SotwTalk, Talk, connected
from tests.xds_server.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, world
from xds_server.protocol.messages import Nacked
from xds_server.protocol.stream import MAX_WORDS
from xds_server.protocol.suspects import mentioned

DIALECTS = pytest.mark.parametrize("dialect", [DeltaTalk, SotwTalk])
ONE_ROUTE = world(listeners={"l": "r"}, routes={"r": ""})
BAD = world(listeners={"l": "r"}, routes={"r": ""}, revisions={"route r": "bad"})
FIXED = world(listeners={"l": "r"}, routes={"r": ""}, revisions={"route r": "fixed"})


def with_route[T: Talk](talk: T) -> T:
    connected(talk, [(LISTENER, ""), (ROUTE, "r")])
    return talk


@DIALECTS
def test_a_refused_version_is_not_sent_again(dialect: type[AnyTalk]) -> None:
    """Case 2: a NACK is no request."""
    talk = with_route(dialect(ONE_ROUTE))
    assert talk.push(BAD) == ["route r"]
    assert talk.nack(ROUTE, "bad regex") == []
    assert talk.listen() == []
    assert talk.wait(3600) == []
    assert isinstance(talk.heard, Nacked)
    assert talk.heard.message == "bad regex"
    assert talk.heard.culprit
    assert talk.heard.culprit.name == "r"
    assert not talk.stream.in_sync


@DIALECTS
def test_an_error_is_a_refusal_even_without_words(dialect: type[AnyTalk]) -> None:
    """Case 2: what counts is that there is an error, not what it says."""
    talk = with_route(dialect(ONE_ROUTE))
    talk.push(BAD)
    talk.nack(ROUTE, "")
    assert isinstance(talk.heard, Nacked)


@DIALECTS
def test_a_fix_goes_out_on_the_same_stream(dialect: type[AnyTalk]) -> None:
    """Case 3: refused, mended, served; and everything else flows meanwhile."""
    talk = with_route(dialect(ONE_ROUTE))
    talk.push(BAD)
    talk.nack(ROUTE)
    assert talk.push(FIXED) == ["route r"]
    assert talk.ack(ROUTE) == []
    assert talk.stream.in_sync


@DIALECTS
def test_going_back_is_a_fix_too(dialect: type[AnyTalk]) -> None:
    """Case 3: whatever follows a refusal is sent, also what the client should still have."""
    talk = with_route(dialect(ONE_ROUTE))
    talk.push(BAD)
    talk.nack(ROUTE)
    assert talk.push(ONE_ROUTE) == ["route r"]
    assert talk.listen() == []
    assert talk.ack(ROUTE) == []
    assert talk.stream.in_sync


@DIALECTS
def test_what_was_refused_and_is_wished_for_again_after_something_else_is_sent_again(dialect: type[AnyTalk]) -> None:
    """Case 3: the client's last word on it was about another state of things."""
    talk = with_route(dialect(ONE_ROUTE))
    talk.push(BAD)
    talk.nack(ROUTE)
    talk.push(FIXED)
    assert talk.push(BAD) == []
    assert talk.ack(ROUTE) == ["route r"]
    assert talk.ack(ROUTE) == []
    assert talk.stream.in_sync


@DIALECTS
def test_endpoints_flow_while_a_route_is_refused(dialect: type[AnyTalk]) -> None:
    """Case 3: one type's refusal freezes no other."""
    talk = dialect(world(listeners={"l": "r"}, routes={"r": "a"}))
    connected(talk, [(CLUSTER, ""), (ENDPOINT, "a"), (LISTENER, ""), (ROUTE, "r")])
    talk.push(world(listeners={"l": "r"}, routes={"r": "a"}, revisions={"route r": "bad"}))
    talk.nack(ROUTE)
    moved = world(listeners={"l": "r"}, routes={"r": "a"}, revisions={"route r": "bad", "endpoint a": 2})
    assert talk.push(moved) == ["endpoint a"]


@DIALECTS
@pytest.mark.parametrize("words", ["Error adding/updating cluster(s) c3: no", "proto constraint validation failed"])
def test_one_bad_cluster_is_found_and_the_others_arrive(dialect: type[AnyTalk], words: str) -> None:
    """Case 2: a client refuses a response as a whole; what is good in it goes out again, apart from what is not."""
    talk = dialect(world(clusters=" ".join(f"c{i}" for i in range(8))))
    talk.say(CLUSTER)
    rounds = answer_all(talk, bad={"c3"}, words=words)
    assert talk.heard is not None
    assert set(talk.stream.acknowledged(CLUSTER)) == {f"c{i}" for i in range(8)} - {"c3"}
    assert rounds <= 10
    assert talk.listen() == []


@DIALECTS
def test_two_bad_clusters_are_found(dialect: type[AnyTalk]) -> None:
    """Case 2: bisection does not stop at the first."""
    talk = dialect(world(clusters=" ".join(f"c{i}" for i in range(9))))
    talk.say(CLUSTER)
    answer_all(talk, bad={"c0", "c7"}, words="no")
    assert set(talk.stream.acknowledged(CLUSTER)) == {f"c{i}" for i in range(9)} - {"c0", "c7"}
    assert talk.listen() == []


def answer_all(talk: AnyTalk, *, bad: Collection[str], words: str) -> int:
    """Refuse every response that has something bad in it, take every other; return how many came."""
    rounds = 0
    while talk.unanswered:
        rounds += 1
        response = talk.unanswered[0]
        refuse = any(r.name in bad for r in response.resources)
        _ = talk.nack(response.type, words) if refuse else talk.ack(response.type)
    return rounds


def test_what_was_refused_in_company_waits_no_second_time() -> None:
    """For a cluster that never comes it has waited as long as it may."""
    talk = DeltaTalk(world(listeners={}))
    talk.say(CLUSTER)
    talk.say(LISTENER)
    talk.ack_all()
    assert talk.push(world(listeners={"l": "tcp:a", "m": "tcp:a"})) == ["cluster a"]
    assert talk.wait(5) == ["listener l m"]
    assert talk.nack(LISTENER, "no") == ["listener l", "listener m"]


def test_a_name_within_a_longer_name_is_not_to_blame() -> None:
    """Envoy's words about service/a/8080 say nothing about service/a/80."""
    talk = DeltaTalk(world(clusters="service/a/80 service/a/8080 z"))
    talk.say(CLUSTER)
    assert talk.nack(CLUSTER, "cluster(s) service/a/8080: no") == ["cluster service/a/8080", "cluster service/a/80 z"]


def test_a_refused_removal_is_not_repeated_for_ever() -> None:
    """Case 2: no storm, whatever a client refuses."""
    talk = DeltaTalk(world(clusters="a b"))
    connected(talk, [(CLUSTER, "")])
    assert talk.push(world(clusters="a")) == ["cluster -b"]
    assert talk.nack(CLUSTER) == []
    assert talk.listen() == []


def test_a_refused_mixture_takes_nothing_away() -> None:
    """What the client refused it has not done: the removal goes out again, the culprit does not."""
    talk = DeltaTalk(world(clusters="a b"))
    connected(talk, [(CLUSTER, "")])
    assert talk.push(world(clusters="a", revisions={"cluster a": "bad"})) == ["cluster a -b"]
    assert talk.nack(CLUSTER) == ["cluster -b"]


def test_what_a_refused_response_removes_is_sent_again_when_it_is_wanted_again() -> None:
    """An Envoy has taken it away all the same."""
    talk = DeltaTalk(world(clusters="a b"))
    connected(talk, [(CLUSTER, "")])
    assert talk.push(world(clusters="a", revisions={"cluster a": "bad"})) == ["cluster a -b"]
    talk.snapshot = world(clusters="a b", revisions={"cluster a": "bad"})
    assert talk.nack(CLUSTER) == ["cluster b"]


def test_a_first_set_that_is_refused_on_return_is_not_taken_apart() -> None:
    """Case 2: any part of it would take away what the client has of the other parts. The next content is sent."""
    talk = SotwTalk(world(clusters="a b c"))
    assert talk.say(CLUSTER, version="of another server") == ["cluster a b c"]
    assert talk.push(world(clusters="a b d")) == ["cluster a b d"]
    assert talk.nack(CLUSTER) == []
    assert talk.nack(CLUSTER) == []
    assert talk.wait(3600) == []
    assert talk.push(world()) == ["cluster"]


@pytest.mark.parametrize(("message", "names"), [("no", ("a", "b")), ("a: no", ("a",))])
def test_of_a_first_set_that_is_refused_on_return_all_is_told_that_the_message_does_not_rule_out(
    message: str, names: tuple[str, ...]
) -> None:
    talk = SotwTalk(world(clusters="a b"))
    talk.say(CLUSTER, version="of another server")
    talk.nack(CLUSTER, message)
    assert isinstance(talk.heard, Nacked)
    assert talk.heard.names == names
    assert (talk.heard.culprit is None) == (len(names) > 1)


def test_what_a_later_response_brings_is_not_sent_once_more() -> None:
    """A refused response took it away, and the next, on its way by then, has it again."""
    talk = DeltaTalk(world(clusters="c1"))
    talk.say(CLUSTER)
    talk.ack_all()
    talk.push(world(clusters="bad"))
    talk.push(world(clusters="c1"))
    assert talk.nack(CLUSTER, "bad: refused") == []
    assert talk.ack_all() == []


def test_a_fix_that_is_on_its_way_when_the_refusal_comes_is_not_sent_once_more() -> None:
    talk = DeltaTalk(world(clusters="c1"))
    talk.say(CLUSTER)
    talk.ack_all()
    for revision in ("bad", "fixed"):
        assert talk.push(world(clusters="c1", revisions={"cluster c1": revision})) == ["cluster c1"]
    assert talk.nack(CLUSTER) == []
    assert talk.ack_all() == []


def test_a_refused_removal_of_what_nobody_asks_for_any_more_is_not_sent_again() -> None:
    talk = DeltaTalk(world(clusters="a b"))
    talk.say(CLUSTER, subscribe="a b")
    talk.ack_all()
    assert talk.push(world(clusters="b")) == ["cluster -a"]
    talk.say(CLUSTER, unsubscribe="a")
    assert talk.nack(CLUSTER) == []


@DIALECTS
def test_of_a_refusal_no_more_is_kept_than_can_be_told(dialect: type[AnyTalk]) -> None:
    talk = with_route(dialect(ONE_ROUTE))
    talk.push(BAD)
    talk.nack(ROUTE, "bad regex" + "x" * 16_384)
    assert isinstance(talk.heard, Nacked)
    assert talk.heard.message == "bad regex" + "x" * (MAX_WORDS - 9)


def test_a_look_for_a_name_copies_none_of_the_message() -> None:
    """A copy for each place where it is part of a longer name cost minutes."""
    message = "xname" * 10_000
    assert bytes_made(lambda: mentioned(message, ["name"])) < 1024
    assert mentioned(f"{message} name: bad", ["name"])


def test_of_many_names_each_is_looked_for_in_the_head_alone() -> None:
    names = [f"service/{number}" for number in range(16_384)]
    assert mentioned(f"{names[7]}: bad" + "x" * 1024 + f" {names[8]}", names) == [names[7]]
    assert mentioned(f"{names[7]}: bad" + "x" * 1024 + f" {names[8]}", names[:100]) == ["service/7", "service/8"]
