"""What the proxies' answers amount to."""

from gateway_api.ir import xds as ir
from gateway_api.ir.fleet import RefusedRoute
from k8s_watch.keys import ObjectKey
from protos import type_urls
from tests.flow.virtual_clock import VirtualClock, settle
from tests.xds_server.world import ROUTE, world
from xds_server.protocol.messages import Acked, Nacked
from xds_server.serve.fleet import Fleet, Proxy
from xds_server.snapshot.cache import SnapshotCache
from xds_server.snapshot.resource import Resource, Snapshot, make_set
from xds_server.translate.parts import divide
from xds_server.translate.route_table import route_table

EG = ObjectKey("default", "eg")
GOOD = world(listeners={"l": "r"}, routes={"r": ""})
BAD = world(listeners={"l": "r"}, routes={"r": ""}, revisions={"route r": "bad"})
ANY = ir.Match(path=ir.PathMatch(kind="prefix", value="/"))
FIXED = world(listeners={"l": "r"}, routes={"r": ""}, revisions={"route r": "fixed"})


def route(snapshot: Snapshot) -> Resource:
    return snapshot.of(ROUTE).by_name["r"]


def refusal(snapshot: Snapshot) -> Nacked:
    return Nacked(type=ROUTE, names=("r",), culprit=route(snapshot), message="bad regex")


def fleet_of(snapshot: Snapshot) -> tuple[Fleet, SnapshotCache]:
    cache = SnapshotCache()
    cache.publish(EG, snapshot)
    return Fleet(cache, clock=VirtualClock(), renew_after=0.0), cache


async def test_connected_and_acknowledged_proxies_are_counted() -> None:
    fleet, _ = fleet_of(GOOD)
    one, two = fleet.connect(EG, "one"), fleet.connect(EG, "two")
    fleet.caught_up(one, GOOD)
    await settle()
    gateway = fleet.report.value.gateways[EG]
    assert (gateway.connected, gateway.acked) == (2, 1)
    fleet.disconnect(two)
    await settle()
    gateway = fleet.report.value.gateways[EG]
    assert (gateway.connected, gateway.acked) == (1, 1)


async def test_who_answers_before_the_report_is_renewed_was_never_behind() -> None:
    cache, clock = SnapshotCache(), VirtualClock()
    cache.publish(EG, GOOD)
    fleet = Fleet(cache, clock=clock)
    one = fleet.connect(EG, "one")
    fleet.caught_up(one, GOOD)
    await clock.advance(1)
    version = fleet.report.version
    cache.publish(EG, FIXED)
    fleet.fell_behind(one)
    fleet.caught_up(one, FIXED)
    assert not clock.pending, "there is nothing to tell"
    await clock.advance(1)
    assert fleet.report.version == version
    fleet.fell_behind(one)
    await clock.advance(1)
    assert fleet.report.value.gateways[EG].acked == 0


async def test_a_proxy_that_is_behind_is_told_from_one_that_is_not() -> None:
    fleet, cache = fleet_of(GOOD)
    one, two = fleet.connect(EG, "one"), fleet.connect(EG, "two")
    for proxy in (one, two):
        fleet.caught_up(proxy, GOOD)
    await settle()
    cache.publish(EG, FIXED)
    for proxy in (one, two):
        fleet.fell_behind(proxy)
    fleet.caught_up(one, FIXED)
    await settle()
    assert (fleet.report.value.gateways[EG].connected, fleet.report.value.gateways[EG].acked) == (2, 1)
    fleet.caught_up(two, GOOD)  # of the snapshot before
    await settle()
    assert fleet.report.value.gateways[EG].acked == 1
    fleet.caught_up(two, FIXED)
    await settle()
    assert fleet.report.value.gateways[EG].acked == 2


async def test_a_proxy_with_a_stream_for_each_type_is_one_proxy() -> None:
    fleet, _ = fleet_of(GOOD)
    streams = [fleet.connect(EG, "one") for _ in range(3)]
    fleet.caught_up(streams[0], GOOD)
    await settle()
    gateway = fleet.report.value.gateways[EG]
    assert (gateway.connected, gateway.acked) == (1, 0)


async def test_a_refusal_is_reported_in_the_proxys_own_words() -> None:
    fleet, _ = fleet_of(BAD)
    fleet.heard(fleet.connect(EG, "one"), refusal(BAD))
    await settle()
    (nack,) = fleet.report.value.gateways[EG].nacks
    assert (nack.node_id, nack.type_url, nack.resources, nack.message) == ("one", type_urls.ROUTE, ("r",), "bad regex")


async def test_a_refusal_outlives_the_proxy_and_ends_with_the_content() -> None:
    """New proxies get the last good version and would never say it again."""
    fleet, cache = fleet_of(BAD)
    proxy = fleet.connect(EG, "one")
    fleet.heard(proxy, refusal(BAD))
    fleet.disconnect(proxy)
    await settle()
    assert fleet.report.value.of(EG).nacks
    cache.publish(EG, FIXED)
    await settle()
    assert not fleet.report.value.of(EG).nacks


async def fleet_that_refused() -> tuple[Fleet, SnapshotCache, Proxy]:
    """One proxy refused what came after GOOD, has GOOD, and that is told."""
    fleet, cache = fleet_of(GOOD)
    one = fleet.connect(EG, "one")
    fleet.heard(one, Acked(type=ROUTE, resources=(route(GOOD),)))
    cache.publish(EG, BAD)
    fleet.heard(one, refusal(BAD))
    served = cache.served(EG)
    assert served
    fleet.caught_up(one, served)
    await settle()
    assert (fleet.report.value.of(EG).acked, len(fleet.report.value.of(EG).nacks)) == (1, 1)
    return fleet, cache, one


async def test_a_refusal_ends_with_the_content_though_its_proxy_answers_before_the_report_is_renewed() -> None:
    fleet, cache, one = await fleet_that_refused()
    cache.publish(EG, FIXED)
    fleet.fell_behind(one)
    fleet.heard(one, Acked(type=ROUTE, resources=(route(FIXED),)))
    fleet.caught_up(one, FIXED)
    await settle()
    assert not fleet.report.value.of(EG).nacks


async def test_a_refusal_ends_when_what_was_wished_for_before_is_again() -> None:
    """It is what proxies got in its place: none of them hears anything."""
    fleet, cache, _ = await fleet_that_refused()
    cache.publish(EG, GOOD)
    await settle()
    assert not fleet.report.value.of(EG).nacks


async def test_a_refusal_ends_with_the_gateway() -> None:
    fleet, cache = fleet_of(BAD)
    fleet.heard(fleet.connect(EG, "one"), refusal(BAD))
    await settle()
    assert fleet.report.value.of(EG).nacks
    cache.withdraw(EG)
    await settle()
    assert not fleet.report.value.of(EG).nacks


async def test_a_refusal_ends_when_a_proxy_takes_it_after_all() -> None:
    fleet, _ = fleet_of(BAD)
    fleet.heard(fleet.connect(EG, "odd"), refusal(BAD))
    fleet.heard(fleet.connect(EG, "newer"), Acked(type=ROUTE, resources=(route(BAD),)))
    await settle()
    assert not fleet.report.value.gateways[EG].nacks


async def test_a_route_that_is_to_blame_is_reported_instead_of_its_table() -> None:
    """And as long as it is what is wished for, though proxies take the rest."""
    cache = SnapshotCache(divide)
    route = ir.Route(name="httproute/default/r/rule/0/match/0", match=ANY, action=ir.Respond(status=200))
    hosts = (ir.VirtualHost(hostname="a.test", routes=(route,)),)
    bad = route_table(ir.RouteTable(name="r", virtual_hosts=hosts))
    cache.publish(EG, Snapshot({ROUTE: make_set([bad])}))
    fleet = Fleet(cache, clock=VirtualClock(), renew_after=0.0)
    proxy = fleet.connect(EG, "one")
    fleet.heard(proxy, Nacked(type=ROUTE, names=("r",), culprit=bad, message="no"))
    served = cache.watch(EG).value
    assert served is not None
    fleet.heard(proxy, Acked(type=ROUTE, resources=(served.of(ROUTE).by_name["r"],)))
    await settle()
    gateway = fleet.report.value.gateways[EG]
    refused = RefusedRoute(source="httproute/default/r", hostname="a.test", message="no")
    assert (gateway.refused, gateway.nacks) == ((refused,), ())


async def test_while_one_is_sought_nobody_is_blamed() -> None:
    fleet, _ = fleet_of(BAD)
    fleet.heard(fleet.connect(EG, "one"), Nacked(type=ROUTE, names=("r", "s"), culprit=None, message="no"))
    await settle()
    assert not fleet.report.value.gateways[EG].nacks


async def test_a_gateway_without_proxies_is_not_in_the_report() -> None:
    fleet, _ = fleet_of(GOOD)
    fleet.disconnect(fleet.connect(EG, "one"))
    await settle()
    assert EG not in fleet.report.value.gateways
