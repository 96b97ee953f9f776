"""Whatever happens to a cluster and to its leaders, and in whatever order, no proxies are lost."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from k8s_apply.infra.names import infra_key
from k8s_watch.keys import AnyKind, ObjectKey
from k8s_watch.kinds import GATEWAY, GATEWAY_CLASS, LISTENER_SET, SERVICE
from tests.k8s_apply.gateways import SETTINGS
from tests.lychgate.in_cluster.two_replicas import CLASS, Replica, Site

OLD = infra_key(ObjectKey("default", "old"), SETTINGS)
DECISIVE = (GATEWAY, GATEWAY_CLASS, LISTENER_SET)
EVENTS = (
    "cut off",
    "back",
    "silent",
    "no CRDs",
    "hand over",
    "renamed class",
    "classes go",
    "made again",
    "new",
    "gone",
)


type Happening = tuple[str, bool, AnyKind, float]
"""What happens, whether to both replicas, with which kind, and the seconds until the next."""
HAPPENINGS = st.tuples(
    st.sampled_from(EVENTS), st.booleans(), st.sampled_from(DECISIVE), st.sampled_from([0.0, 0.0, 0.5, 5.0, 30.0])
)


@settings(max_examples=25)
@given(st.lists(HAPPENINGS, min_size=5, max_size=20))
def test_whatever_leaders_miss_a_gateway_that_is_there_keeps_its_proxies(happenings: list[Happening]) -> None:
    """And in the end there is what there has to be, and nothing else."""
    asyncio.run(_go_through(happenings))


async def _go_through(happenings: list[Happening]) -> None:
    site = Site()
    async with site.running():
        made = _uid(site)
        for number, (event, to_both, kind, seconds) in enumerate(happenings):
            for replica in (site.a, site.b) if to_both else (site.a,):
                _befall(replica, event, kind)
            await _change(site, event, f"class-{number}")
            if event == "hand over":
                await _hand_over(site)
            await site.clock.advance(seconds)
            assert _uid(site) == made
        for replica in (site.a, site.b):
            _befall(replica, "back", GATEWAY)
        await site.clock.advance(60)
        await _hand_over(site)
        await site.clock.until(lambda: site.a.writing.value or site.b.writing.value, at_most=60)
        await site.clock.advance(10)
        assert site.ports() == {key.name: [80] for key in site.server.of(GATEWAY).objects}


def _uid(site: Site) -> str:
    """Of the Service that has the old Gateway's address."""
    service = site.writer.peek(SERVICE, OLD)
    return str(service["metadata"]["uid"]) if service else "none"


def _befall(replica: Replica, event: str, kind: AnyKind) -> None:
    match event:
        case "cut off":
            replica.api.stop()
        case "back":
            replica.api.start()
            replica.api.missing.clear()
        case "silent":
            replica.api.stall(kind)
        case "no CRDs":
            replica.api.missing.update(each.name for each in DECISIVE)
            replica.api.close(kind)


async def _change(site: Site, event: str, name: str) -> None:
    """`name` is one of a class that there was not yet."""
    server = site.server
    old = server.of(GATEWAY).objects[ObjectKey("default", "old")]["spec"]
    match event:
        case "renamed class":
            server.put(GATEWAY_CLASS, name, spec=CLASS)
            site.gateway("old", 80, of_class=name)
        case "classes go":
            unused = {key.name for key in server.of(GATEWAY_CLASS).objects} - {"ours", old["gatewayClassName"]}
            for each in sorted(unused):
                server.delete(GATEWAY_CLASS, each)
        case "made again":
            server.delete(GATEWAY, "old")
            await site.clock.advance(0.5)
            site.gateway("old", 80, of_class=old["gatewayClassName"])
        case "new":
            site.gateway("new", 80)
        case "gone":
            server.delete(GATEWAY, "new")


async def _hand_over(site: Site) -> None:
    before, after = (site.a, site.b) if site.a.leading.value else (site.b, site.a)
    before.leading.publish(False)
    await site.clock.advance(0)
    after.leading.publish(True)
