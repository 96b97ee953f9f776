"""The part of an object's status that is ours, as a wish. No timestamps: the writer stamps what really changes."""

from collections.abc import Mapping

import msgspec

from gateway_api.ir.infra import Address
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import RouteGroupKind
from k8s_watch.objects.routes import ParentReference


class Wish(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of every record here. Printed, its fields are called as Kubernetes calls them."""


class Condition(Wish, frozen=True):
    """Spec: Kubernetes meta/v1 Condition, less lastTransitionTime."""

    type: str
    status: str
    """True, False or Unknown."""
    reason: str
    message: str
    observed_generation: int


class GatewayClassStatus(Wish, frozen=True):
    conditions: tuple[Condition, ...]
    supported_features: tuple[str, ...] = ()
    """Sorted by name."""


class ListenerStatus(Wish, frozen=True):
    name: str
    supported_kinds: tuple[RouteGroupKind, ...]
    attached_routes: int
    conditions: tuple[Condition, ...]


class GatewayStatus(Wish, frozen=True):
    conditions: tuple[Condition, ...]
    listeners: tuple[ListenerStatus, ...]
    """In spec order."""
    addresses: tuple[Address, ...] = ()
    attached_listener_sets: int = 0


class ListenerSetStatus(Wish, frozen=True):
    conditions: tuple[Condition, ...]
    listeners: tuple[ListenerStatus, ...] = ()
    """In spec order."""


class ParentStatus(Wish, frozen=True):
    parent_ref: ParentReference
    """As the route wrote it: the writer finds our entry by it."""
    conditions: tuple[Condition, ...]


class RouteStatus(Wish, frozen=True):
    """`parents` () withdraws every entry of ours."""

    controller_name: str
    parents: tuple[ParentStatus, ...]


class AncestorStatus(Wish, frozen=True):
    ancestor_ref: ParentReference
    """With its namespace: the writer finds our entry by it."""
    conditions: tuple[Condition, ...]


class PolicyStatus(Wish, frozen=True):
    """`ancestors` () withdraws every entry of ours."""

    controller_name: str
    ancestors: tuple[AncestorStatus, ...]


type Body = GatewayClassStatus | GatewayStatus | ListenerSetStatus | RouteStatus | PolicyStatus


class StatusKey(Wish, frozen=True):
    """Which object: its kind's name, for example HTTPRoute, and its key."""

    kind: str
    key: ObjectKey

    def __str__(self) -> str:
        return f"{self.kind}/{self.key}"


type Statuses = Mapping[StatusKey, Body]
