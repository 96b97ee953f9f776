"""Who is to blame in one table is blunted from the start in another one that has the same of it."""

import pytest

from protos import route as pb
from tests.xds_server.snapshot.proxies import (
    BAD,
    EG,
    SEVEN,
    WORSE,
    A,
    B,
    C,
    Content,
    Fleet,
    answers_of,
    expected,
    table,
)
from xds_server.snapshot.cache import SnapshotCache
from xds_server.snapshot.isolation import Unit
from xds_server.snapshot.resource import ResourceType, Snapshot, make_set
from xds_server.translate.parts import divide
from xds_server.translate.route_table import route_table


def tables(**of: Content) -> Snapshot:
    return Snapshot({ResourceType.ROUTE: make_set(route_table(table(each, name=name)) for name, each in of.items())})


def answers_in(cache: SnapshotCache, name: str) -> dict[Unit, str]:
    served = cache.served(EG)
    assert served is not None
    return answers_of(pb.RouteConfiguration.FromString(served.of(ResourceType.ROUTE).by_name[name].body))


@pytest.mark.parametrize("stays", [True, False])
def test_who_is_to_blame_is_blunted_from_the_start_in_a_table_of_another_name(stays: bool) -> None:
    """Or the proxies would refuse the new table first, and its listener, say one that got another name, answers 404."""
    fleet = Fleet()
    content = {A: BAD, B: "1", SEVEN: WORSE}
    fleet.publish(content)
    fleet.settle()
    blamed = fleet.blamed
    fleet.cache.publish(EG, tables(other=content, **({"table": content} if stays else {})))
    assert (answers_in(fleet.cache, "other"), fleet.blamed) == (expected(content), blamed)


def test_who_is_to_blame_and_moves_to_a_table_that_is_there_is_blunted_from_the_start() -> None:
    """As from a scope to the table, when a listener's hostnames are told apart by scopes no more."""
    cache = SnapshotCache(divide)
    cache.publish(EG, tables(one={A: BAD, B: "1"}, other={C: "1"}))
    while BAD in answers_in(cache, "one").values():
        served = cache.served(EG)
        assert served is not None
        cache.refuse(EG, ResourceType.ROUTE, served.of(ResourceType.ROUTE).by_name["one"], "no")
    served = cache.served(EG)
    assert served is not None
    cache.accept(EG, ResourceType.ROUTE, served.of(ResourceType.ROUTE).by_name.values())
    cache.publish(EG, tables(other={A: BAD, B: "1", C: "1"}))
    assert answers_in(cache, "other") == {A: "500", B: "1", C: "1"}
    assert [unit for unit, _ in cache.blamed(EG)] == [A]


def test_who_is_to_blame_is_not_blunted_in_a_table_of_another_name_that_has_other_content_of_it() -> None:
    fleet = Fleet()
    fleet.publish({A: BAD, B: "1"})
    fleet.settle()
    mended = {A: "2", B: "1"}
    fleet.cache.publish(EG, tables(other=mended))
    assert (answers_in(fleet.cache, "other"), fleet.blamed) == (mended, {})


def test_a_table_of_another_name_may_be_refused_for_more_than_what_is_known_of() -> None:
    fleet = Fleet()
    fleet.publish({A: BAD, B: "1"})
    fleet.settle()
    fleet.cache.publish(EG, tables(other={A: BAD, B: "1", C: BAD}))
    while BAD in (answers := answers_in(fleet.cache, "other")).values():
        served = fleet.cache.served(EG)
        assert served is not None
        fleet.cache.refuse(EG, ResourceType.ROUTE, served.of(ResourceType.ROUTE).by_name["other"], "no")
    assert answers == {A: "500", B: "1", C: "500"}
