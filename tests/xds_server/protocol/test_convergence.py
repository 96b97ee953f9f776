"""Whatever happens in whatever order, a client ends up with what it should have, and gets nothing that it must not."""

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.xds_server.reference_client import (
    CLUSTER,
    ENDPOINT,
    LISTENER,
    ROUTE,
    SCOPED_ROUTE,
    SECRET,
    DeltaClient,
    Link,
    SotwClient,
    is_bad,
    same,
)
from tests.xds_server.world import world
from xds_server.protocol.channel import WHOLE_SETS
from xds_server.snapshot.resource import ResourceType, Snapshot

NAMING = {
    CLUSTER: (LISTENER, ROUTE, SCOPED_ROUTE),
    ENDPOINT: (CLUSTER,),
    SECRET: (LISTENER,),
    SCOPED_ROUTE: (LISTENER,),
    LISTENER: (),
    ROUTE: (LISTENER, SCOPED_ROUTE),
}
"""By type, the types of which resources name it."""
CLUSTERS, ROUTES, LISTENERS, SECRETS = ["c1", "c2", "c3", "c4"], ["r1", "r2"], ["l1", "l2", "l3"], ["s1", "s2"]
HOSTS = ["a.w", "b", "*.w"]
SCOPES = [f"{table}/{host}" for table in ROUTES for host in HOSTS]


@st.composite
def worlds(draw: st.DrawFn) -> Snapshot:
    """Any small world, some of it bad."""
    some_clusters = st.lists(st.sampled_from(CLUSTERS), unique=True, max_size=3).map(" ".join)
    targets = st.lists(st.sampled_from([*ROUTES, *SECRETS, "tcp:c1", "tcp:c4"]), unique=True, max_size=2).map(" ".join)
    listeners = draw(st.dictionaries(st.sampled_from(LISTENERS), targets))
    named = {name for target in listeners.values() for name in target.split()}
    routes = {name: draw(some_clusters) for name in sorted(named & set(ROUTES))}
    if len(routes) > 1:
        routes["r1"] += draw(st.sampled_from(["", " heir:r2"]))
    hosts = st.dictionaries(st.sampled_from(HOSTS), some_clusters)
    scopes = {name: of for name in routes if (of := draw(st.none() | hosts)) is not None}
    things = [f"{t} {n}" for t, names in (("cluster", CLUSTERS), ("endpoint", CLUSTERS), ("route", ROUTES),
                                          ("listener", LISTENERS), ("secret", SECRETS),
                                          ("scoped_route", SCOPES)) for n in names]  # fmt: skip
    contents = st.sampled_from([1, 2, 3, "bad"])
    revisions = draw(st.dictionaries(st.sampled_from(things), contents, max_size=4))
    secrets = " ".join(sorted(named & set(SECRETS)))
    return world(
        listeners=listeners,
        routes=routes,
        scopes=scopes,
        clusters=draw(some_clusters),
        secrets=secrets,
        revisions=revisions,
    )


class Conversations(RuleBasedStateMachine):
    """An Envoy and a server. Messages are delivered one by one, in order, with anything in between."""

    client_type: type[DeltaClient | SotwClient] = DeltaClient

    @initialize(snapshot=worlds())
    def begin(self, snapshot: Snapshot) -> None:
        """The first world."""
        self.link = Link(self.client_type())
        self.link.snapshot = self.before = snapshot

    @rule(snapshot=worlds(), at_once=st.booleans())
    def push(self, snapshot: Snapshot, *, at_once: bool) -> None:
        """The world changes; the server comes to it at once, or with what it hears next."""
        self.before, self.link.snapshot = self.link.snapshot, snapshot
        if at_once:
            self.link.speak()

    @rule(at_once=st.booleans())
    def go_back(self, *, at_once: bool) -> None:
        """To the world before this one."""
        self.push(self.before, at_once=at_once)

    @precondition(lambda self: self.link.client.outbox)
    @rule()
    def server_hears(self) -> None:
        self.link.hear()

    @precondition(lambda self: self.link.client.inbox)
    @rule()
    def client_takes(self) -> None:
        self.link.client.take()

    @rule(table=st.sampled_from(ROUTES))
    def somebody_spells_a_host_oddly(self, table: str) -> None:
        self.link.client.fetch(table)

    @rule()
    def connections_drain(self) -> None:
        self.link.client.drained()

    @rule()
    def stream_breaks(self) -> None:
        """And comes back. Over state of the world, order is not kept across that: see `xds_server.protocol.sotw`."""
        if isinstance(self.link.client, SotwClient):
            self.link.client.orderly = False
        self.link.connect()

    @rule(seconds=st.sampled_from([1.0, 6.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        """Past a limit things may go out of order: that is what the limit is for."""
        self.link.now += seconds
        self.link.client.orderly = False
        if seconds > 15:
            self.link.client.give_up_warming()
        self.link.speak()

    @rule()
    def quiet(self) -> None:
        """Everything is delivered; from here on order counts again."""
        self.come_to_rest()
        for type_, expected in self.link.client.expected.items():
            if type_ in WHOLE_SETS:  # a question about what is not there is answered when it comes back
                expected.clear()
        self.link.client.orderly = not any(
            is_bad(r) for resources in self.link.snapshot.by_type.values() for r in resources.by_name.values()
        )

    def teardown(self) -> None:
        if hasattr(self, "link"):
            self.come_to_rest()
            self.converged()

    def come_to_rest(self) -> None:
        """Deliver everything and let every wait end."""
        link = self.link
        link.speak()
        for _ in range(50):
            link.settle()
            link.client.drained()
            link.settle()
            if link.client.warming:
                link.client.orderly = False
                link.client.give_up_warming()
                continue
            if link.stream.deadline is None:
                break
            link.client.orderly = False
            link.now = link.stream.deadline
            link.speak()

    def converged(self) -> None:
        """The client has all that is good and that it wants, nothing else but what it must keep for something bad."""
        client, snapshot = self.link.client, self.link.snapshot
        kept = {target for resources in client.held.values() for r in resources.values() for target in r.depends_on}
        dark = {type_ for type_ in ResourceType if self.in_the_dark(type_)}
        for type_ in dark:
            event(f"in the dark about {type_.name}")
        for type_ in ResourceType:
            held, wanted = client.held[type_], snapshot.of(type_).by_name
            for name, resource in wanted.items():
                concerned = type_ in WHOLE_SETS or name in client.subscribed[type_]
                spared = not concerned or is_bad(resource) or (type_ in dark and self.whole_sets)
                assert spared or same(held.get(name), resource), (type_, name)
            in_use_perhaps = dark & {*NAMING[type_], *([type_] if self.whole_sets else [])}
            for name in held.keys() - wanted.keys():
                chosen_with = SCOPED_ROUTE, f"{name.partition('/')[0]}/~"
                assert not kept.isdisjoint([(type_, name), chosen_with]) or in_use_perhaps, (type_, name, "was to go")
        for type_, believed in self.believed().items():
            versions = {name: resource.version for name, resource in client.held[type_].items()}
            assert versions.items() >= believed.items(), (type_, "the server thinks that it has these")
        good = not any(is_bad(r) for resources in snapshot.by_type.values() for r in resources.by_name.values())
        assert self.link.stream.in_sync or not good
        assert not self.link.stream.respond(snapshot, now=self.link.now)

    def believed(self) -> dict[ResourceType, dict[str, str]]:
        """What the server takes the client to have, by type: name → version."""
        stream = self.link.stream
        return {t: {name: r.version for name, r in stream.acknowledged(t).items()} for t in ResourceType}

    def in_the_dark(self, type_: ResourceType) -> bool:
        """The client came back with what the server may not know, and refuses what is to replace it."""
        wanted, unconfirmed = self.link.snapshot.of(type_).by_name, self.link.client.unconfirmed[type_]
        if self.whole_sets:
            return bool(unconfirmed) and any(map(is_bad, wanted.values()))
        return any(name in wanted and is_bad(wanted[name]) for name in unconfirmed)

    @property
    def whole_sets(self) -> bool:
        """Whether the client refuses all of a type together."""
        return isinstance(self.link.client, SotwClient)


class SotwConversations(Conversations):
    client_type = SotwClient


EFFORT = settings(max_examples=60, stateful_step_count=40)
Conversations.TestCase.settings = EFFORT
SotwConversations.TestCase.settings = EFFORT
TestDelta = Conversations.TestCase
TestStateOfTheWorld = SotwConversations.TestCase
