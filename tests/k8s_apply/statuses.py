"""Statuses of routes in one line, and where they are written."""

from typing import Any

from msgspec.json import encode

from flow.latest import Latest
from gateway_api.status.types import Condition, ParentStatus, RouteStatus, StatusKey
from k8s_apply.api import Json
from k8s_apply.status_writer import StatusWriter
from k8s_apply.watched import watched
from k8s_watch.decode import decode
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import HTTP_ROUTE
from k8s_watch.objects.routes import ParentReference
from k8s_watch.snapshot import ClusterSnapshot
from tests.flow.virtual_clock import VirtualClock
from tests.k8s_apply.fake_writer import FakeWriter

OURS = "example.com/ours"


def key(name: str) -> StatusKey:
    return StatusKey(kind="HTTPRoute", key=ObjectKey("default", name))


def wish(status: str = "True", generation: int = 1) -> RouteStatus:
    condition = Condition(type="Accepted", status=status, reason="r", message="", observed_generation=generation)
    return RouteStatus(
        controller_name=OURS, parents=(ParentStatus(parent_ref=ParentReference(name="eg"), conditions=(condition,)),)
    )


class Desk:
    """A writer with its API server, and a watch that may lag behind."""

    def __init__(self, clock: VirtualClock, api: FakeWriter) -> None:
        self.clock, self.api = clock, api
        self.leading = Latest(initial=True)
        self.cluster = ClusterSnapshot(revision=1)
        """What the watch shows."""
        self.writer = StatusWriter(api, leading=self.leading, clock=clock, observed=self.observed, in_flight=4)

    def observed(self, of: StatusKey) -> Json | None:
        found = self.cluster.http_routes.get(of.key)
        return watched(found) if found else None

    def route(self, name: str, **fields: Any) -> None:
        self.api.put(HTTP_ROUTE, ObjectKey("default", name), **fields)

    def watch(self) -> None:
        """Have the watch catch up with the server: its objects as the informer decodes them."""
        found = [self.api.peek(HTTP_ROUTE, of) for of in self.api.keys(HTTP_ROUTE)]
        before, now = self.cluster, {route.key: route for route in (decode(HTTP_ROUTE, encode(each)) for each in found)}
        changed = frozenset(of for of in {*before.http_routes, *now} if before.http_routes.get(of) != now.get(of))
        self.cluster = ClusterSnapshot(
            revision=before.revision + 1, changed={"HTTPRoute": changed, "Service": frozenset()}, http_routes=now
        )

    def see(self) -> None:
        """Have the writer told of that."""
        self.watch()
        self.writer.saw(self.cluster)

    def parents(self, name: str) -> list[Json]:
        found = self.api.peek(HTTP_ROUTE, ObjectKey("default", name)) or {}
        parents: list[Json] = found.get("status", {}).get("parents", [])
        return parents
