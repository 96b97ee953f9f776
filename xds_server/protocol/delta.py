"""The incremental dialect: a request changes the subscription, a response carries what changed.

Spec: xDS protocol, "Incremental xDS"
"""

from collections.abc import Sequence

from xds_server.protocol.channel import Channel
from xds_server.protocol.holdings import Flight
from xds_server.protocol.messages import DeltaRequest, Heard, Response, Returned
from xds_server.protocol.packing import batches
from xds_server.protocol.stream import Plan, Stream
from xds_server.protocol.subscription import WILDCARD
from xds_server.snapshot.resource import Resource, ResourceType

SHOWN_DIGITS = 8
"""Of the version of the whole, which in this dialect only people read: it costs each response its length. Of endpoints,
which change the most, no proxy of ours shows it to anybody."""


class DeltaStream(Stream[Channel]):
    """One client's delta stream, aggregated or of one type."""

    def receive(self, request: DeltaRequest) -> Heard:
        """Take a request in; return what it says about an earlier response.

        The subscription changes whatever the nonce is: a delta request is an event of its own and an answer by the way.
        Raises `ProtocolError` when the stream is about too many names.

        Spec: xDS protocol, "Incremental xDS"; Envoy v1.40 service.discovery.v3.DeltaDiscoveryRequest
        """
        channel = self._channels.get(request.type)
        if channel is None:
            # On a new stream a nonce, if there is one, is of another stream and means nothing.
            self._begin(request)
            return Returned(type=request.type, versions=request.initial_versions) if request.initial_versions else None
        heard: Heard = None
        if request.error is not None:
            heard = self._refused(channel, request.nonce, request.error)
        elif request.nonce:
            heard = self._landed(channel, request.nonce)
        self._unsubscribe(channel, request)
        if request.subscribe:
            channel.subscription.add(request.subscribe)
            self._count_names()
            # Also names that were sent before: the client may have forgotten them, and must be answered.
            channel.ask(request.subscribe)
            channel.must_answer = channel.must_answer or WILDCARD in request.subscribe
        return heard

    def _begin(self, request: DeltaRequest) -> None:
        channel = self._channels[request.type] = Channel(request.type)
        channel.subscription.begin(request.subscribe)
        channel.resume(request.initial_versions)
        self._count_names()
        channel.must_answer = channel.subscription.wildcard and not channel.resumed
        # What the client says it has need not be sent; endpoints are, for a cluster that was warming when the last
        # stream broke would wait for them.
        known = () if request.type is ResourceType.ENDPOINT else request.initial_versions
        channel.ask(name for name in request.subscribe if name not in known and name != WILDCARD)

    def _unsubscribe(self, channel: Channel, request: DeltaRequest) -> None:
        if not request.unsubscribe:
            return
        dropped = channel.subscription.remove(request.unsubscribe)
        if channel.subscription.wildcard:
            # The client dropped it and yet wants everything: tell it again, or that there is no such thing.
            channel.ask(dropped)
        elif WILDCARD in request.unsubscribe:
            channel.drop_uncovered()
        else:
            channel.drop(dropped)

    def _plan(self, channel: Channel, now: float) -> Plan:
        """The first answer about scoped routes has all of them or waits: a listener begins to serve with it."""
        if channel.type is not ResourceType.SCOPED_ROUTE or not channel.must_answer:
            return super()._plan(channel, now)
        if self._gates.gate_together(channel, now):
            return Plan([], [])
        names = channel.dirty | channel.gated.keys() | channel.leaving.keys()
        return self._decide(channel, names, now, unhindered=True)

    def _pack(self, channel: Channel, updates: Sequence[Resource], removals: Sequence[str]) -> list[Response]:
        """A RouteConfiguration travels alone: a bad one would take its neighbours with it.

        Removals ride on the last response, so that a port can pass from one listener to another in one step.
        """
        flights = [Flight(batch) for batch in batches(channel, updates)]
        if removals:
            last = flights.pop() if flights else Flight(())
            flights.append(Flight(last.resources, tuple(removals)))
        elif not flights and channel.must_answer and not channel.gated:
            flights.append(Flight(()))
        version = "" if channel.type is ResourceType.ENDPOINT else channel.newest.version[:SHOWN_DIGITS]
        return [self._send(channel, flight, version=version, removed=flight.removed) for flight in flights]
