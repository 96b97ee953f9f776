"""A client that behaves as an Envoy does, in memory: subscribes to what it is told of, warms clusters, refuses.

It checks what it gets: nothing that it has, no route before its clusters, no cluster taken from under a route.
"""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Set

from xds_server.protocol.delta import DeltaStream
from xds_server.protocol.messages import DeltaRequest, Response, SotwRequest
from xds_server.protocol.patience import Patience
from xds_server.protocol.sotw import SotwStream
from xds_server.snapshot.resource import Resource, ResourceType, Snapshot

CLUSTER, ENDPOINT, SECRET, SCOPED_ROUTE, LISTENER, ROUTE = ResourceType
NAMED_BY = {ENDPOINT: CLUSTER, SECRET: LISTENER, ROUTE: LISTENER}
PATIENCE = Patience(make=5.0, linger=60.0)


def is_bad(resource: Resource) -> bool:
    """Whether a client refuses it."""
    return b"bad" in resource.body


def same(held: Resource | None, wanted: Resource) -> bool:
    """Whether it is this version, in whatever words."""
    return held is not None and held.version == wanted.version


def table_of(scope: str) -> str:
    return scope.partition("/")[0]


class ReferenceClient:
    """One proxy over its lifetime, which may be many streams. Dialects differ in a few methods."""

    def __init__(self) -> None:
        self.held: dict[ResourceType, dict[str, Resource]] = {type_: {} for type_ in ResourceType}
        self.subscribed: dict[ResourceType, set[str]] = {ENDPOINT: set(), SECRET: set(), ROUTE: set()}
        self.told: dict[ResourceType, dict[str, Resource]] = {type_: {} for type_ in ResourceType}
        """What it says that it has, on another stream: as `held`, without what it took of what it refused."""
        self.noted_down: dict[str, bytes] = {}
        """Scopes as they came last, put to use or not: what comes again just the same is passed over."""
        self.fetched: set[str] = set()
        """Tables that a request needed as a whole, of those that are in scopes."""
        self.draining: set[str] = set()
        """Routes of removed listeners, kept while connections drain."""
        self.inbox: deque[Response] = deque()
        self.outbox: deque[DeltaRequest | SotwRequest] = deque()
        self.warming: dict[str, None] = {}
        self.serving: set[str] = set()
        """Clusters that were warm once: while a new version warms, the old one serves."""
        self.withheld: list[DeltaRequest | SotwRequest] = []
        """Answers about clusters, until all of them are warm."""
        self.expected: dict[ResourceType, Counter[str]] = {type_: Counter() for type_ in ResourceType}
        """How often what is held may come all the same: asked for, warming, or refused in company."""
        self.refused: set[tuple[ResourceType, str]] = set()
        """What comes after a refusal may be what is held."""
        self.unconfirmed: dict[ResourceType, set[str]] = {type_: set() for type_ in ResourceType}
        """What it said to have when this stream began, and has heard nothing of since."""
        self.orderly = True
        """Whether order is checked."""

    # --- the network --------------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Open a stream; what was under way on the last one is lost.

        So is what was taken of what was refused, which a real Envoy keeps and says nothing of (ADR 17, "Open").
        """
        self.held = {type_: dict(resources) for type_, resources in self.told.items()}
        self.noted_down = {name: resource.body for name, resource in self.held[SCOPED_ROUTE].items()}
        self.inbox.clear()
        self.outbox.clear()
        self.withheld.clear()
        self.expected = {type_: Counter() for type_ in ResourceType}
        for type_ in ResourceType:
            if type_ in NAMED_BY:
                self.subscribed[type_] = self.wanted(type_)
                self.drop(type_, self.held[type_].keys() - self.subscribed[type_])
                if self.subscribed[type_]:
                    self.first_request(type_, self.subscribed[type_])
                    self.expected[type_].update(self.subscribed[type_])
            else:
                self.first_request(type_, set())
        self.warming.clear()

    def take(self) -> None:
        """Take in the oldest response and answer it."""
        response = self.inbox.popleft()
        names = [*(r.name for r in response.resources), *response.removed]
        if response.type is CLUSTER:
            self.expected[ENDPOINT].update(names)
        refused = any(is_bad(r) for r in response.resources)
        before = dict(self.held[response.type])
        if refused:
            self.expected[response.type].update(names)
            self.refused |= {(response.type, name) for name in names}
            self.apply_in_part(response)
        else:
            self.check(response)
            self.apply(response)
        self.note_changes(response.type, before)
        self.answer(response, "bad" if refused else None)
        self.resubscribe()

    # --- what an Envoy does -------------------------------------------------------------------------------------------

    def wanted(self, type_: ResourceType) -> set[str]:
        """Names that what is held names, and that drain."""
        named = {n for r in self.held[NAMED_BY[type_]].values() for t, n in r.depends_on if t is type_}
        if type_ is ROUTE:
            named |= self.draining | {table for table in self.fetched if f"{table}/~" in self.held[SCOPED_ROUTE]}
        return named

    def fetch(self, table: str) -> None:
        """A request that finds the scope of a table as a whole needs that."""
        if f"{table}/~" in self.held[SCOPED_ROUTE]:
            self.fetched.add(table)
            self.resubscribe()

    def note_changes(self, type_: ResourceType, before: Mapping[str, Resource]) -> None:
        """A changed cluster warms until it gets endpoints; a removed listener drains."""
        if type_ is CLUSTER:
            for name, resource in self.held[CLUSTER].items():
                if before.get(name) != resource:
                    self.warming[name] = None
            for name in before.keys() - self.held[CLUSTER].keys():
                self.warming.pop(name, None)
                self.serving.discard(name)
        if type_ is LISTENER:
            now_named = {n for r in self.held[LISTENER].values() for _, n in r.depends_on}
            was_named = {n for r in before.values() for t, n in r.depends_on if t is ROUTE}
            self.draining |= was_named - now_named
            self.draining -= now_named

    def warm(self, cluster: str) -> None:
        """The cluster got its endpoints."""
        self.warming.pop(cluster, None)
        if cluster in self.held[CLUSTER]:
            self.serving.add(cluster)

    def give_up_warming(self) -> None:
        """An Envoy waits 15 s for endpoints, and then goes on without."""
        self.warming.clear()
        self.resubscribe()

    def drained(self) -> None:
        """The last connection of all removed listeners is closed."""
        self.draining.clear()
        self.resubscribe()

    def resubscribe(self) -> None:
        """Ask for what is named now, and no more for what is not."""
        for type_, before in self.subscribed.items():
            wanted = self.wanted(type_)
            if wanted != before:
                self.subscribed[type_] = wanted
                self.expected[type_].update(wanted - before)
                self.drop(type_, before - wanted)
                self.unconfirmed[type_] &= wanted
                self.change_subscription(type_, before, wanted)
        if not self.warming:
            self.outbox.extend(self.withheld)
            self.withheld.clear()

    def drop(self, type_: ResourceType, names: Iterable[str]) -> None:
        for name in names:
            self.held[type_].pop(name, None)
            self.told[type_].pop(name, None)

    def answer(self, response: Response, error: str | None) -> None:
        """ACK or NACK; one about clusters waits until they are warm."""
        request = self.answering(response, error)
        if response.type is CLUSTER and (self.warming or self.withheld):
            self.withheld.append(request)
        else:
            self.outbox.append(request)

    # --- what must hold -----------------------------------------------------------------------------------------------

    def check(self, response: Response) -> None:
        """Nothing superfluous, nothing out of order."""
        names = [r.name for r in response.resources]
        assert len(names) == len(set(names)), "a name twice"
        if self.orderly and response.type in (LISTENER, ROUTE, SCOPED_ROUTE):
            for resource in response.resources:
                named = {n for t, n in resource.depends_on if t is CLUSTER}
                assert named <= self.held[CLUSTER].keys(), f"{resource.name} came before its clusters"
                assert named <= self.serving, f"{resource.name} came before its clusters were warm"
                chosen = {n for t, n in resource.depends_on if t is SCOPED_ROUTE}
                assert response.type is not LISTENER or chosen <= self.held[SCOPED_ROUTE].keys(), "came before scopes"

    def check_removal(self, type_: ResourceType, name: str) -> None:
        """Nothing in use is taken away."""
        if self.orderly and type_ in (CLUSTER, SCOPED_ROUTE):
            types = (LISTENER, ROUTE, SCOPED_ROUTE) if type_ is CLUSTER else (LISTENER,)
            users = [r.name for t in types for r in self.held[t].values() if (type_, name) in r.depends_on]
            assert not users, f"{name} was taken from under {users}"

    def check_news(self, type_: ResourceType, resource: Resource) -> None:
        """It is new, or was expected again."""
        if same(self.held[type_].get(resource.name), resource):
            may_come = self.expected[type_][resource.name] or (type_, resource.name) in self.refused
            assert may_come, f"{resource.name} is held already"
            self.expected[type_][resource.name] -= 1
        self.refused.discard((type_, resource.name))

    # --- taking it in -------------------------------------------------------------------------------------------------

    def apply(self, response: Response) -> None:
        """Put it all to use."""
        self.confirm(response)
        for name in self.gone(response):
            self.take_away(response.type, name)
            self.told[response.type].pop(name, None)
        for resource in response.resources:
            if response.type in NAMED_BY and resource.name not in self.subscribed[response.type]:
                continue  # unsubscribed while it was under way
            if response.type in self.types_of_news:
                self.check_news(response.type, resource)
            self.put_to_use(response.type, resource)
            self.told[response.type][resource.name] = resource

    def apply_in_part(self, response: Response) -> None:
        """What an Envoy does with a response that it refuses: of scopes it notes down those before the bad one."""
        if response.type in NAMED_BY:
            return
        for name in self.gone(response):
            self.take_away(response.type, name)
        for resource in response.resources:
            if response.type is not SCOPED_ROUTE:
                if not is_bad(resource):
                    self.put_to_use(response.type, resource)
            elif is_bad(resource):
                return
            else:
                self.noted_down[resource.name] = resource.body

    def put_to_use(self, type_: ResourceType, resource: Resource) -> None:
        if type_ is SCOPED_ROUTE:
            if self.noted_down.get(resource.name) == resource.body:
                return
            self.noted_down[resource.name] = resource.body
        self.held[type_][resource.name] = resource
        if type_ is ENDPOINT:
            self.warm(resource.name)

    def take_away(self, type_: ResourceType, name: str) -> None:
        self.check_removal(type_, name)
        self.held[type_].pop(name, None)
        if type_ is SCOPED_ROUTE:
            self.noted_down.pop(name, None)

    # --- dialects -----------------------------------------------------------------------------------------------------

    types_of_news: Set[ResourceType]
    """Those of which a response repeats nothing."""

    def first_request(self, type_: ResourceType, names: set[str]) -> None:
        raise NotImplementedError

    def change_subscription(self, type_: ResourceType, before: set[str], after: set[str]) -> None:
        raise NotImplementedError

    def answering(self, response: Response, error: str | None) -> DeltaRequest | SotwRequest:
        raise NotImplementedError

    def confirm(self, response: Response) -> None:
        """The server speaks of these."""
        raise NotImplementedError

    def gone(self, response: Response) -> Collection[str]:
        """What it takes away."""
        raise NotImplementedError


class DeltaClient(ReferenceClient):
    """Over delta ADS."""

    types_of_news = frozenset(ResourceType)

    def first_request(self, type_: ResourceType, names: set[str]) -> None:
        held = {n: r.version for n, r in self.held[type_].items() if type_ not in NAMED_BY or n in names}
        self.unconfirmed[type_] = set(held)
        self.outbox.append(DeltaRequest(type=type_, subscribe=tuple(sorted(names)), initial_versions=held))

    def change_subscription(self, type_: ResourceType, before: set[str], after: set[str]) -> None:
        self.outbox.append(
            DeltaRequest(type=type_, subscribe=tuple(sorted(after - before)), unsubscribe=tuple(sorted(before - after)))
        )

    def answering(self, response: Response, error: str | None) -> DeltaRequest:
        return DeltaRequest(type=response.type, nonce=response.nonce, error=error)

    def confirm(self, response: Response) -> None:
        self.unconfirmed[response.type] -= {*(resource.name for resource in response.resources), *response.removed}

    def gone(self, response: Response) -> Collection[str]:
        return response.removed


class SotwClient(ReferenceClient):
    """Over state-of-the-world ADS."""

    types_of_news = frozenset(NAMED_BY)

    def __init__(self) -> None:
        super().__init__()
        self.nonces: dict[ResourceType, str] = {}
        self.versions: dict[ResourceType, str] = {}

    def connect(self) -> None:
        """As above; a nonce lives as long as its stream."""
        self.nonces.clear()
        super().connect()

    def first_request(self, type_: ResourceType, names: set[str]) -> None:
        version = self.versions.get(type_, "")
        self.unconfirmed[type_] = set(self.held[type_]) if version and type_ not in NAMED_BY else set()
        self.outbox.append(SotwRequest(type=type_, names=tuple(sorted(names)), version=version))

    def change_subscription(self, type_: ResourceType, before: set[str], after: set[str]) -> None:
        self.outbox.append(SotwRequest(type=type_, names=tuple(sorted(after)), nonce=self.nonces.get(type_, "")))

    def answering(self, response: Response, error: str | None) -> SotwRequest:
        self.nonces[response.type] = response.nonce
        if error is None:
            self.versions[response.type] = response.version
        names = self.subscribed.get(response.type, set())
        return SotwRequest(type=response.type, names=tuple(sorted(names)), nonce=response.nonce, error=error)

    def confirm(self, response: Response) -> None:
        self.unconfirmed[response.type].clear()

    def gone(self, response: Response) -> Collection[str]:
        if response.type in NAMED_BY:
            return ()
        return self.held[response.type].keys() - {resource.name for resource in response.resources}


class Link:
    """A client and the server's end of its stream, with a network in between that delivers when it is told to."""

    def __init__(self, client: DeltaClient | SotwClient) -> None:
        self.client = client
        self.snapshot = Snapshot({})
        self.now = 0.0
        self.connect()

    def connect(self) -> None:
        """The stream breaks, if there was one, and a new one opens."""
        self.stream: DeltaStream | SotwStream = (
            DeltaStream(patience=PATIENCE) if isinstance(self.client, DeltaClient) else SotwStream(patience=PATIENCE)
        )
        self.client.connect()

    def hear(self) -> None:
        """The server gets the oldest request."""
        request = self.client.outbox.popleft()
        self.stream.receive(request)  # type: ignore[arg-type]  # client and stream are of one dialect
        self.speak()

    def speak(self) -> None:
        """The server says what it has to say."""
        known = _chosen(self.stream.acknowledged(LISTENER).values())
        responses = self.stream.respond(self.snapshot, now=self.now)
        for response in responses:
            if self.client.orderly and response.type is LISTENER and isinstance(self.client, DeltaClient):
                self.check_scopes(_chosen(response.resources) - known)
        self.client.inbox.extend(responses)

    def check_scopes(self, begun: Set[str]) -> None:
        """A listener begins to choose among all the scopes of a table that there are."""
        held = self.stream.acknowledged(SCOPED_ROUTE)
        for name, scope in self.snapshot.of(SCOPED_ROUTE).by_name.items():
            assert table_of(name) not in begun or name in held or is_bad(scope), f"a listener chooses without {name}"

    def settle(self) -> None:
        """Deliver everything, also what that brings; it must come to an end."""
        for _ in range(10_000):
            if self.client.outbox:
                self.hear()
            elif self.client.inbox:
                self.client.take()
            else:
                return
        raise AssertionError("the conversation never ends")


def _chosen(listeners: Iterable[Resource]) -> set[str]:
    """The tables among whose scopes these choose."""
    return {table_of(name) for r in listeners for type_, name in r.depends_on if type_ is SCOPED_ROUTE}
