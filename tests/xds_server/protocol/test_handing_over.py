"""A hostname passes from one route table to another: what waits for what."""

import pytest

from tests.xds_server.talk import DeltaTalk, connected, versions
from tests.xds_server.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, SCOPED_ROUTE, SECRET, world
from xds_server.protocol.messages import DeltaRequest
from xds_server.protocol.patience import Patience
from xds_server.snapshot.resource import ResourceType, Snapshot

WILD = world(listeners={"l": "w"}, routes={"w": "c"})
OWN = world(listeners={"l": "w h"}, routes={"w": "c heir:h", "h": "c"})
OTHER = world(listeners={"l": "w i"}, routes={"w": "c heir:i", "i": "c"})


def envoy(snapshot: Snapshot = WILD, tables: str = "w") -> DeltaTalk:
    talk = DeltaTalk(snapshot)
    connected(talk, [(CLUSTER, ""), (ENDPOINT, "c"), (LISTENER, ""), (ROUTE, tables)])
    return talk


def test_a_table_gives_up_a_hostname_once_its_heir_has_it() -> None:
    """Case 19a: until then, connections still come to the table."""
    talk = envoy()
    assert talk.push(OWN) == ["listener l"]
    assert talk.ack(LISTENER) == []
    assert talk.say(ROUTE, subscribe="h") == ["route h"]
    assert talk.ack(ROUTE) == ["route w"]
    assert talk.ack_all() == []
    assert talk.stream.in_sync


def test_a_table_gives_up_a_hostname_once_the_listener_has_all_that_it_begins_with() -> None:
    """Case 19a: it begins with its last table, or certificate."""
    own = world(listeners={"l": "w h i s"}, routes={"w": "c heir:h", "h": "c", "i": "c"}, secrets="s")
    talk = envoy()
    talk.push(own)
    talk.ack(LISTENER)
    talk.say(ROUTE, subscribe="h i")
    assert talk.ack(ROUTE) == []
    assert talk.ack(ROUTE) == []
    assert talk.say(SECRET, subscribe="s") == ["secret s"]
    assert talk.ack(SECRET) == ["route w"]


def test_a_table_has_a_hostname_again_before_the_listener_leads_to_its_heir_no_more() -> None:
    """Case 19a: else connections come to a table that has not got it."""
    talk = envoy(OWN, "w h")
    assert talk.push(WILD) == ["route w"]
    assert talk.ack(ROUTE) == ["listener l"]
    assert talk.ack_all() == []
    assert talk.say(ROUTE, unsubscribe="h") == []
    assert talk.stream.in_sync


def test_a_table_that_is_still_being_told_to_give_up_a_hostname_has_it_again_first() -> None:
    """Case 19a: two changes in a row."""
    talk = envoy()
    talk.push(OWN)
    talk.ack(LISTENER)
    talk.say(ROUTE, subscribe="h")
    assert talk.ack(ROUTE) == ["route w"]
    assert talk.push(WILD) == ["route w"]
    assert talk.ack(ROUTE) == []
    assert talk.ack(ROUTE) == ["listener l"]


def test_one_that_gives_up_a_hostname_and_gets_another_back_keeps_nobody_waiting() -> None:
    talk = envoy(OWN, "w h")
    assert talk.push(OTHER) == ["listener l"]
    talk.ack(LISTENER)
    assert talk.say(ROUTE, subscribe="i") == ["route i"]
    assert talk.ack(ROUTE) == ["route w"]


def test_a_listener_does_not_begin_with_what_a_table_was_before() -> None:
    """Case 19b: a client keeps a table for as long as connections drain that use it."""
    talk = envoy(OWN, "w h")
    talk.push(WILD)
    talk.ack_all()
    changed = world(listeners={"l": "w h"}, routes={"w": "c heir:h", "h": "c"}, revisions={"route h": 2})
    assert talk.push(changed) == ["route h"]
    assert talk.ack(ROUTE) == ["listener l"]
    assert talk.ack(LISTENER) == ["route w"]


def test_a_scope_gives_up_its_hostname_and_has_it_again_in_the_same_order() -> None:
    """Case 19a: of a table in scopes."""
    before = world(listeners={"l": "w"}, routes={"w": "c"}, scopes={"w": {"a": "c"}})
    after = world(listeners={"l": "w h"}, routes={"w": "c", "h": "c"}, scopes={"w": {"a": "heir:h"}})
    talk = DeltaTalk(before)
    connected(talk, [(CLUSTER, ""), (ENDPOINT, "c"), (LISTENER, ""), (SCOPED_ROUTE, "")])
    assert talk.push(after) == ["listener l"]
    talk.ack(LISTENER)
    assert talk.say(ROUTE, subscribe="h") == ["route h"]
    assert talk.ack(ROUTE) == ["scoped_route w/a"]
    talk.ack_all()
    assert talk.push(before) == ["scoped_route w/a"]
    assert talk.ack(SCOPED_ROUTE) == ["listener l"]


@pytest.mark.parametrize("table", ["w", "h"])
def test_nobody_waits_for_ever(table: str) -> None:
    talk = DeltaTalk(WILD, Patience(make=5))
    connected(talk, [(CLUSTER, ""), (ENDPOINT, "c"), (LISTENER, ""), (ROUTE, "w")])
    talk.push(OWN)
    if table == "w":  # the listener is refused, and nobody asks for the heir
        assert talk.nack(LISTENER) == []
    else:
        talk.ack(LISTENER)
    assert talk.wait(5) == ["route w"]


def test_a_scope_gives_up_its_hostname_to_a_table_in_scopes() -> None:
    """Case 19a: the listener waits for the scopes of the heir, and not for what waits for itself."""
    before = world(listeners={"l": "w"}, routes={"w": "c"}, scopes={"w": {"a": "c"}})
    scopes = {"w": {"a": "heir:h"}, "h": {"a": "c"}}
    after = world(listeners={"l": "w h"}, routes={"w": "c", "h": "c"}, scopes=scopes)
    talk = DeltaTalk(before)
    connected(talk, [(CLUSTER, ""), (ENDPOINT, "c"), (LISTENER, ""), (SCOPED_ROUTE, "")])
    assert talk.push(after) == ["scoped_route h/a h/~"]
    assert talk.ack(SCOPED_ROUTE) == ["listener l"]
    assert talk.ack(LISTENER) == ["scoped_route w/a"]


def back(types: dict[ResourceType, str], snapshot: Snapshot, before: Snapshot) -> list[str]:
    """What a client hears that comes back with all of before, and asks in this order; it says all of it at once."""
    talk = DeltaTalk(snapshot)
    for type_, names in types.items():
        holding = versions(before, type_)
        talk.stream.receive(DeltaRequest(type=type_, subscribe=tuple(names.split()), initial_versions=holding))
    lines = talk.listen()
    return [*lines, *talk.ack_all()]


def test_a_client_that_comes_back_is_handed_over_in_the_same_order() -> None:
    """Case 19a: what it has is not known, but that it is another version."""
    asks = {CLUSTER: "", ENDPOINT: "c", LISTENER: "", ROUTE: "w h"}
    assert back(asks, WILD, OWN) == ["endpoint c", "route w", "listener l"]
    assert back({**asks, ROUTE: "w"}, OWN, WILD)[:2] == ["endpoint c", "listener l"]


def test_a_client_that_comes_back_tells_of_its_listeners_before_a_scope_gives_up_its_hostname() -> None:
    """Case 19a: an Envoy asks for scopes before it asks for listeners."""
    before = world(listeners={"l": "w"}, routes={"w": "c"}, scopes={"w": {"a": "c"}})
    after = world(listeners={"l": "w h"}, routes={"w": "c", "h": "c"}, scopes={"w": {"a": "heir:h"}})
    talk = DeltaTalk(after)
    assert talk.say(SCOPED_ROUTE, holding=versions(before, SCOPED_ROUTE)) == []
    assert talk.say(LISTENER, holding=versions(before, LISTENER)) == ["listener l"]
    talk.ack(LISTENER)
    talk.say(ROUTE, subscribe="h")
    assert talk.ack(ROUTE) == ["scoped_route w/a"]


def test_a_client_that_comes_back_tells_of_its_tables_before_its_listener_changes() -> None:
    """Case 19a: it may ask for listeners first."""
    talk = DeltaTalk(WILD)
    assert talk.say(LISTENER, holding=versions(OWN, LISTENER)) == []
    assert talk.say(ROUTE, subscribe="w h", holding=versions(OWN, ROUTE)) == ["route w"]
    assert talk.ack(ROUTE) == ["listener l"]
