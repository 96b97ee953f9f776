"""What a client that begins costs for each resource that it is sent: thousands come at once, with thousands each."""

import xds_server
from tests.lines import lines_run
from tests.xds_server.talk import DeltaTalk
from tests.xds_server.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, world

LINES = 15
"""For a cluster and its endpoints: sent, acknowledged, and in between asked for."""


def lines(clusters: int) -> int:
    """Lines that run until a client that had nothing has it all."""
    names = " ".join(f"c{number}" for number in range(clusters))
    talk = DeltaTalk(world(clusters=names))

    def begin() -> None:
        talk.say(CLUSTER)
        talk.ack_all()
        talk.say(ENDPOINT, subscribe=names)
        talk.ack_all()

    count = lines_run(begin, xds_server)
    assert talk.stream.in_sync
    return count


def test_a_client_that_begins_costs_few_lines_for_each_resource() -> None:
    few, many = lines(50), lines(250)
    assert (many - few) / 200 < LINES


def test_a_client_with_many_tables_is_asked_in_a_few_lines_whether_it_has_all() -> None:
    """At every send of every stream."""

    def lines(tables: int) -> int:
        names = " ".join(f"t{number}" for number in range(tables))
        talk = DeltaTalk(world(listeners={"l": names}, routes=dict.fromkeys(names.split(), "")))
        talk.say(LISTENER)
        talk.ack_all()
        assert not talk.stream.in_sync
        talk.say(ROUTE, subscribe=names)
        talk.ack_all()
        assert talk.stream.in_sync
        return lines_run(lambda: talk.stream.in_sync, xds_server)

    assert lines(100) <= lines(1) + 5
