"""What proxies answer → who is connected, who is up to date, who refused what."""

from collections.abc import Set
from typing import NamedTuple

from flow.clock import Alarm, Clock
from flow.latest import Latest
from gateway_api.ir.fleet import NOBODY, FleetReport, GatewayFleet, Nack, RefusedRoute
from k8s_watch.keys import ObjectKey
from xds_server.protocol.messages import Acked, Heard, Nacked, Returned
from xds_server.serve.meter import Meter, NoMeter
from xds_server.snapshot.cache import SnapshotCache
from xds_server.snapshot.isolation import Blame, Bluntness, Unit
from xds_server.snapshot.resource import TYPE_URLS, Reference, Resource, Snapshot


class Proxy:
    """One stream of one proxy, as the fleet knows it."""

    def __init__(self, group: ObjectKey, node_id: str, since: float) -> None:
        self.group = group
        self.node_id = node_id
        self.in_sync_with: Snapshot | None = None
        self.behind_since: float | None = since
        """When it first lacked something of what it still has not all of, monotonic; None when it lacks nothing."""
        self.is_new = True
        """Whether it never had everything."""
        self.reported_in_sync = False


class _Refusal(NamedTuple):
    """A version that was refused, and the refusal as it is reported."""

    version: str
    nack: Nack


class Fleet:
    """All proxies of all Gateways.

    `report` is renewed `renew_after` seconds after something changed, once for all that did until then: it costs a look
    at each of a Gateway's streams, and a thousand answers in a row must not cost a million. Who answers within that
    time was never behind, and when there is nothing else to tell, nothing is renewed.

    A refusal stays in it, also when the proxy is gone, until the resource has new content or a proxy takes it after
    all: new proxies get the last good version in its place (see `xds_server.snapshot.quarantine`) and would never
    refuse it again. Where the one route to blame can be found (see `xds_server.snapshot.isolation`), that is reported
    instead.
    """

    def __init__(
        self,
        cache: SnapshotCache,
        meter: Meter | None = None,
        *,
        clock: Clock,
        renew_after: float = 0.05,
    ) -> None:
        self._renew_after = renew_after
        self._clock = clock
        self.report: Latest[FleetReport] = Latest(FleetReport())
        self.meter: Meter = meter or NoMeter()
        self._cache = cache
        self._proxies: dict[ObjectKey, set[Proxy]] = {}
        self._refusals: dict[ObjectKey, dict[Reference, _Refusal]] = {}
        self._touched: set[ObjectKey] = set()
        self._moved: set[Proxy] = set()
        """Those that are in sync and were reported not to be, or the other way round."""
        self._renewal: Alarm | None = None
        cache.observe(self)

    def connect(self, group: ObjectKey, node_id: str) -> Proxy:
        """A stream began; give it back to `disconnect` when it ends."""
        proxy = Proxy(group, node_id, self._clock.monotonic())
        self._proxies.setdefault(group, set()).add(proxy)
        self._cache.join(group, proxy)
        self._touch(group)
        return proxy

    def disconnect(self, proxy: Proxy) -> None:
        """The stream ended."""
        streams = self._proxies.get(proxy.group, set())
        streams.discard(proxy)
        if not streams:
            self._proxies.pop(proxy.group, None)
        proxy.in_sync_with = None
        self._moved.discard(proxy)
        self._touch(proxy.group)
        self._cache.leave(proxy.group, proxy)

    def knows(self, proxy: Proxy, what: Returned) -> bool:
        """Whether all that the proxy came with is known here: it has nothing that is newer."""
        return self._cache.knows(proxy.group, what.type, what.versions)

    def heard(self, proxy: Proxy, what: Heard) -> None:
        """A request said something about an earlier response."""
        match what:
            case Acked():
                self.meter.acked(what.type)
                self._cache.accept(proxy.group, what.type, what.resources, proxy)
                if refusals := self._refusals.get(proxy.group):
                    self._forgive(proxy.group, refusals, what)
            case Nacked():
                self.meter.nacked(what.type)
                if what.culprit:
                    self._refuse(proxy, what, what.culprit)
                    self._cache.refuse(proxy.group, what.type, what.culprit, what.message, proxy)
            case Returned():
                self._cache.returned(proxy.group, what.type, what.versions)
            case _:
                pass

    def caught_up(self, proxy: Proxy, snapshot: Snapshot) -> None:
        """The proxy has acknowledged all of `snapshot`."""
        self._note(proxy, snapshot)

    def fell_behind(self, proxy: Proxy) -> None:
        """The proxy lacks something of what it should have."""
        self._note(proxy, None)

    def _note(self, proxy: Proxy, snapshot: Snapshot | None) -> None:
        if proxy.in_sync_with is snapshot:
            return
        proxy.in_sync_with = snapshot
        in_sync = self._is_in_sync(proxy)
        self._time(proxy, in_sync=in_sync)
        if in_sync is proxy.reported_in_sync:
            self._moved.discard(proxy)
        else:
            self._moved.add(proxy)
        self._schedule()

    def published(self, group: ObjectKey) -> None:
        """What was refused may be wished for no more. Proxies need not say so: they may have all, in time or before."""
        if group in self._refusals:
            self._touch(group)

    def blamed(self, group: ObjectKey) -> None:
        """As `Observer.blamed`: the report tells who is."""
        self._touch(group)

    def lag(self, group: ObjectKey) -> float:
        """For how many seconds one of the group's proxies has lacked something, of all of them the longest; 0 when none
        does. What is quarantined (see `xds_server.snapshot.quarantine`) is not lacking.
        """
        since = [proxy.behind_since for proxy in self._streams(group) if proxy.behind_since is not None]
        return self._clock.monotonic() - min(since) if since else 0.0

    def _time(self, proxy: Proxy, *, in_sync: bool) -> None:
        """Note when the proxy fell behind; told by its stream right after the publish, and before anything is sent."""
        if not in_sync:
            proxy.behind_since = self._clock.monotonic() if proxy.behind_since is None else proxy.behind_since
        elif proxy.behind_since is not None:
            if not proxy.is_new:
                self.meter.caught_up(self._clock.monotonic() - proxy.behind_since)
            proxy.behind_since, proxy.is_new = None, False

    def _refuse(self, proxy: Proxy, what: Nacked, culprit: Resource) -> None:
        """Note it under the version that is wished for, also where something else is served instead of that."""
        self._touch(proxy.group)
        name, wanted, served = culprit.name, self._cache.wanted(proxy.group), self._cache.served(proxy.group)
        versions = [r.version for of in (wanted, served) if of and (r := of.of(what.type).by_name.get(name))]
        if wanted is None or culprit.version not in versions:
            return
        nack = Nack(node_id=proxy.node_id, type_url=TYPE_URLS[what.type], resources=what.names, message=what.message)
        self._refusals.setdefault(proxy.group, {})[what.type, name] = _Refusal(versions[0], nack)

    def _forgive(self, group: ObjectKey, refusals: dict[Reference, _Refusal], what: Acked) -> None:
        for resource in what.resources:
            refusal = refusals.get((what.type, resource.name))
            if refusal and refusal.version == resource.version:
                del refusals[what.type, resource.name]
                self._touch(group)

    def _touch(self, group: ObjectKey) -> None:
        self._touched.add(group)
        self._schedule()

    def _schedule(self) -> None:
        due = bool(self._touched or self._moved)
        if due and self._renewal is None:
            self._renewal = self._clock.call_later(self._renew_after, self._renew)
        elif self._renewal is not None and not due:
            self._renewal.cancel()
            self._renewal = None

    def _renew(self) -> None:
        self._renewal = None
        gateways = dict(self.report.value.gateways)
        for group in self._touched | {proxy.group for proxy in self._moved}:
            self._forget_refusals(group)
            for proxy in self._streams(group):
                proxy.reported_in_sync = self._is_in_sync(proxy)
            gateways[group] = self._gateway(group)
            if gateways[group] == NOBODY:
                del gateways[group]
        self._touched.clear()
        self._moved.clear()
        self.report.publish(FleetReport(gateways))

    def _forget_refusals(self, group: ObjectKey) -> None:
        """Those of what is not wished for any more."""
        wanted = self._cache.wanted(group) or Snapshot({})
        refusals = self._refusals.pop(group, {})
        standing = {
            (type_, name): refusal
            for (type_, name), refusal in refusals.items()
            if (now := wanted.of(type_).by_name.get(name)) is not None and now.version == refusal.version
        }
        if standing:
            self._refusals[group] = standing

    def _streams(self, group: ObjectKey) -> Set[Proxy]:
        return self._proxies.get(group, set())

    def _is_in_sync(self, proxy: Proxy) -> bool:
        return proxy.in_sync_with is not None and proxy.in_sync_with is self._cache.served(proxy.group)

    def _gateway(self, group: ObjectKey) -> GatewayFleet:
        streams, refusals = self._streams(group), self._refusals.get(group, {})
        behind = {proxy.node_id for proxy in streams if not proxy.reported_in_sync}
        nodes = {proxy.node_id for proxy in streams}
        return GatewayFleet(
            connected=len(nodes),
            acked=len(nodes - behind),
            nacks=tuple(refusals[id_].nack for id_ in sorted(refusals) if not self._cache.is_isolated(group, *id_)),
            refused=tuple(sorted({_refused_route(unit, blame) for unit, blame in self._cache.blamed(group)})),
        )


def _refused_route(unit: Unit, blame: Blame) -> RefusedRoute:
    left_out = blame.bluntness is Bluntness.LEFT_OUT
    return RefusedRoute(source=unit.source, hostname=unit.hostname, message=blame.message, left_out=left_out)
