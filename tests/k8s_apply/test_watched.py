"""What the watch shows of an object is enough to see that nothing has to be written."""

import msgspec
import pytest

from gateway_api.ir.infra import Address
from gateway_api.status.types import (
    Body,
    Condition,
    GatewayClassStatus,
    GatewayStatus,
    ListenerStatus,
    ParentStatus,
    RouteStatus,
)
from k8s_apply.status_merge import merge
from k8s_apply.watched import watched
from k8s_watch.decode import decode
from k8s_watch.keys import AnyKind, ObjectKey
from k8s_watch.kinds import GATEWAY, GATEWAY_CLASS, HTTP_ROUTE, TCP_ROUTE
from k8s_watch.objects.gateway import RouteGroupKind
from k8s_watch.objects.routes import ParentReference

NOW, LATER = "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z"
CONDITION = Condition(type="Accepted", status="True", reason="Accepted", message="", observed_generation=0)
ROUTE = RouteStatus(
    controller_name="example.com/ours",
    parents=(ParentStatus(parent_ref=ParentReference(name="eg", section_name="http"), conditions=(CONDITION,)),),
)
LISTENER = ListenerStatus(
    name="http", supported_kinds=(RouteGroupKind(kind="HTTPRoute"),), attached_routes=0, conditions=(CONDITION,)
)
WISHES: tuple[tuple[AnyKind, Body], ...] = (
    (GATEWAY_CLASS, GatewayClassStatus(conditions=(CONDITION,), supported_features=("Gateway", "HTTPRoute"))),
    (
        GATEWAY,
        GatewayStatus(
            conditions=(CONDITION,),
            listeners=(LISTENER, msgspec.structs.replace(LISTENER, name="other", attached_routes=2)),
            addresses=(Address(type="IPAddress", value="192.0.2.1"),),
        ),
    ),
    (HTTP_ROUTE, ROUTE),
    (TCP_ROUTE, ROUTE),
)


@pytest.mark.parametrize(("kind", "wish"), WISHES, ids=lambda value: getattr(value, "name", ""))
def test_a_status_that_was_written_is_seen_to_be_in_place(kind: AnyKind, wish: Body) -> None:
    key = ObjectKey("default" if kind.namespaced else "", "eg")
    meta = {"name": key.name} | ({"namespace": key.namespace} if key.namespace else {})
    spec = {"controllerName": "example.com/ours", "gatewayClassName": "eg"}  # what one kind or the other cannot lack
    written = merge({"metadata": meta, "spec": spec}, wish, now=NOW)
    found = decode(kind, msgspec.json.encode(written))
    assert merge(watched(found), wish, now=LATER) is None


def test_what_is_written_of_what_was_watched_lacks_nothing_that_the_server_requires() -> None:
    """Spec: Gateway API v1 ListenerStatus.attachedRoutes is required, 0 included."""
    wish = GatewayStatus(conditions=(), listeners=(LISTENER,), addresses=())
    key = ObjectKey("default", "eg")
    meta = {"name": key.name, "namespace": key.namespace}
    written = merge({"metadata": meta, "spec": {"gatewayClassName": "eg"}}, wish, now=NOW)
    seen = watched(decode(GATEWAY, msgspec.json.encode(written)))
    changed = merge(seen, msgspec.structs.replace(wish, conditions=(CONDITION,)), now=LATER)
    assert changed is not None
    assert changed["status"]["listeners"][0]["attachedRoutes"] == 0


def test_others_conditions_are_written_back_with_all_that_the_server_requires() -> None:
    """Spec: Kubernetes meta/v1 Condition.message is required, and may be empty."""
    theirs = {"type": "x.io/A", "status": "True", "reason": "R", "message": "", "lastTransitionTime": NOW}
    key = ObjectKey("default", "eg")
    meta = {"name": key.name, "namespace": key.namespace}
    body = {"metadata": meta, "spec": {"gatewayClassName": "eg"}, "status": {"conditions": [theirs]}}
    wish = GatewayStatus(conditions=(CONDITION,), listeners=(), addresses=())
    merged = merge(watched(decode(GATEWAY, msgspec.json.encode(body))), wish, now=LATER)
    assert merged is not None
    [found] = [condition for condition in merged["status"]["conditions"] if condition["type"] == "x.io/A"]
    assert found.items() >= theirs.items()
