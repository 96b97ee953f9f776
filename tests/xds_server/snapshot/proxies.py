"""A model of a Gateway's proxies around a real cache: they hear what is served, and answer when they are told to."""

from collections import deque
from collections.abc import Mapping

from gateway_api.ir import xds as ir
from k8s_watch.keys import ObjectKey
from protos import route as pb
from xds_server.snapshot.cache import SnapshotCache
from xds_server.snapshot.isolation import Bluntness, Divide, Suspicious, Unit
from xds_server.snapshot.resource import Resource, ResourceType, Snapshot, make_set
from xds_server.translate.parts import divide
from xds_server.translate.route_table import route_table

EG = ObjectKey("default", "eg")
BAD, WORSE = "bad", "worse"
"""Contents that no proxy takes: the one until it is blunted, the other until it is left out."""

type Content = Mapping[Unit, str]


def unit(hostname: str, route: str) -> Unit:
    return Unit(hostname, f"httproute/default/{route}")


SEVEN = unit("7.test", "r7")
HUNDRED = {unit(f"{n}.test", f"r{n}"): "1" for n in range(100)}
A, B, C = unit("a.test", "a"), unit("a.test", "b"), unit("c.test", "c")


def table(content: Content, *, scoped: bool = False, name: str = "table") -> ir.RouteTable:
    """Each unit is one route, whose match is its own and whose answer is its content."""
    hosts: dict[str, list[ir.Route]] = {}
    for (hostname, source), text in sorted(content.items()):
        match = ir.Match(path=ir.PathMatch(kind="prefix", value=f"/{source}{'/worse' * (text == WORSE)}"))
        action = ir.Respond(status=200, body=text)
        route = ir.Route(name=f"{source}/rule/0/match/0", match=match, action=action)
        hosts.setdefault(hostname, []).append(route)
    virtual_hosts = tuple(ir.VirtualHost(hostname=host, routes=tuple(routes)) for host, routes in hosts.items())
    return ir.RouteTable(name=name, virtual_hosts=virtual_hosts, scoping=ir.Scoping() if scoped else None)


def world(content: Content) -> Snapshot:
    return Snapshot({ResourceType.ROUTE: make_set([route_table(table(content))])})


class Proxy:
    """Hears what is served, one version after the other, and answers when it is told to."""

    def __init__(self, cache: SnapshotCache, *, takes_all: bool = False) -> None:
        self.takes_all = takes_all
        self.refuses_news = False
        self.held: dict[Unit, str] = {}
        """What is answered by unit: its content, or the status where that is not 200."""
        self.answers = 0
        self._cache = cache
        self._inbox: deque[Resource] = deque()
        self._known: set[str] = set()
        self._version = ""
        cache.join(EG, self)

    def hear(self) -> None:
        served = self._cache.watch(EG).value
        assert served is not None
        (resource,) = served.of(ResourceType.ROUTE).by_name.values()
        if resource.version not in self._known:
            self._inbox.append(resource)
            self._known.add(resource.version)

    def answer(self) -> bool:
        """Whether there was something to answer."""
        if not self._inbox:
            return False
        self.answers += 1
        resource = self._inbox.popleft()
        # What follows is sent unless it is just this: also what was there before, also what was refused before.
        self._known = {resource.version, *(waiting.version for waiting in self._inbox)}
        answers = answers_of(pb.RouteConfiguration.FromString(resource.body))
        if (self.refuses_news and resource.version != self._version) or (
            not self.takes_all and {BAD, WORSE} & set(answers.values())
        ):
            self._cache.refuse(EG, ResourceType.ROUTE, resource, "no", self)
        else:
            self.held, self._version = answers, resource.version
            self._cache.accept(EG, ResourceType.ROUTE, [resource], self)
        return True

    def come_to(self, cache: SnapshotCache) -> None:
        """Lose the stream, with all that is on its way, and begin another one, perhaps with another process."""
        self._cache.leave(EG, self)
        cache.join(EG, self)
        self._cache = cache
        self._inbox.clear()
        self._known = {self._version}
        if self._version:
            cache.returned(EG, ResourceType.ROUTE, {"table": self._version})


def answers_of(of: pb.RouteConfiguration) -> dict[Unit, str]:
    found = {}
    for host in of.virtual_hosts:
        for route in host.routes:
            response = route.direct_response
            said = WORSE if route.match.path_separated_prefix.endswith(WORSE) else response.body.inline_string
            found[Unit(host.domains[0], "/".join(route.name.split("/")[:3]))] = said or str(response.status)
    return found


def expected(content: Content) -> dict[Unit, str]:
    return {unit: "500" if text == BAD else text for unit, text in content.items() if text != WORSE}


class Fleet:
    def __init__(self, proxies: int = 1, *, divide: Divide = divide, suspicious: Suspicious = frozenset) -> None:
        self.cache = SnapshotCache(divide, suspicious)
        self.proxies = [Proxy(self.cache) for _ in range(proxies)]

    def publish(self, content: Content) -> None:
        self.cache.publish(EG, world(content))
        self.hear()

    def hear(self) -> None:
        for proxy in self.proxies:
            proxy.hear()

    def answer(self, proxy: int) -> bool:
        answered = self.proxies[proxy].answer()
        self.hear()
        return answered

    def go(self, proxy: int) -> None:
        """It is gone for good."""
        self.cache.leave(EG, self.proxies.pop(proxy))
        self.hear()

    def settle(self) -> None:
        while sum(self.answer(n) for n in range(len(self.proxies))):
            pass

    @property
    def served(self) -> str:
        """The version of the table that is served."""
        now = self.cache.watch(EG).value
        assert now is not None
        return now.of(ResourceType.ROUTE).by_name["table"].version

    @property
    def blamed(self) -> dict[Unit, Bluntness]:
        return {unit: blame.bluntness for unit, blame in self.cache.blamed(EG)}
