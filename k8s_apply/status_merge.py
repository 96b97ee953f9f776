"""Observed object + wanted status → the object with its new status, or nothing to do. Pure.

Ours are: the whole status of a GatewayClass, Gateway or ListenerSet that is ours, and in a route's `parents` or a
policy's `ancestors` the entries that bear our controllerName. Everybody else's stay as they are and where they are, and
so do conditions with a domain in their type (`example.com/Attached`), which policies of others hang onto objects and
entries of ours.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, assert_never

from gateway_api.graph.mentions import some
from gateway_api.status.types import (
    Body,
    Condition,
    GatewayClassStatus,
    GatewayStatus,
    ListenerSetStatus,
    ListenerStatus,
    PolicyStatus,
    RouteStatus,
)
from k8s_apply.api import Json
from k8s_watch.objects.gateway import GROUP
from k8s_watch.objects.routes import ParentReference

MAX_ADDRESSES = 16
MAX_FEATURES = 64
MAX_CONDITIONS = 8
MAX_MESSAGE = 4096
"""Characters: an eighth of what a condition may have. For a route tells 32 parents the same, in two or three of them,
and the API server takes no object of more than 1.5 MiB. What is too much is cut: the rest is worth more than an error.

Spec: Gateway API v1.6 GatewayStatus.addresses, GatewayClassStatus.supportedFeatures; Kubernetes meta/v1 Condition
"""

type ParentIdentity = tuple[str, str, str, str, str, int]
"""Group, kind, namespace, name, sectionName and port, with the defaults filled in."""


def merge(observed: Json, wanted: Body, *, now: str) -> Json | None:
    """The observed object with the wanted status merged in; None when nothing of ours differs.

    `observed` is the object's JSON, fields that have their default value may be missing. `now` is RFC 3339 in UTC; it
    stamps only conditions whose `status` changes. The result shares what did not change with `observed`.

    Spec: Gateway API v1 RouteStatus, PolicyStatus, GatewayStatus, ListenerSetStatus, GatewayClassStatus
    Spec: Kubernetes meta/v1 Condition
    """
    status: Json = observed.get("status") or {}
    match wanted:
        case GatewayClassStatus():
            merged = status | _gateway_class(status, wanted, now)
        case GatewayStatus():
            merged = status | _gateway(status, wanted, now)
        case ListenerSetStatus():
            merged = status | _with_listeners(status, wanted, now)
        case RouteStatus():
            entries = [(parent.parent_ref, parent.conditions) for parent in wanted.parents]
            merged = status | PARENTS.merge(observed, entries, wanted.controller_name, now)
        case PolicyStatus():
            entries = [(ancestor.ancestor_ref, ancestor.conditions) for ancestor in wanted.ancestors]
            merged = status | ANCESTORS.merge(observed, entries, wanted.controller_name, now)
        case _:
            assert_never(wanted)
    changed = any(value != status.get(name) and (value or status.get(name)) for name, value in merged.items())
    return observed | {"status": merged} if changed else None


def has_others_entries(observed: Json, controller_name: str) -> bool:
    """Whether a route's or a policy's status has entries of other controllers."""
    lists = (entries.observed(observed) for entries in (PARENTS, ANCESTORS))
    return any(entry.get("controllerName") != controller_name for found in lists for entry in found)


def _gateway_class(status: Json, wanted: GatewayClassStatus, now: str) -> Json:
    return {
        "conditions": _conditions(status.get("conditions"), wanted.conditions, now),
        "supportedFeatures": [{"name": name} for name in sorted(wanted.supported_features)[:MAX_FEATURES]],
    }


def _gateway(status: Json, wanted: GatewayStatus, now: str) -> Json:
    addresses = [{"type": address.type, "value": address.value} for address in wanted.addresses[:MAX_ADDRESSES]]
    seen = [{"type": "IPAddress"} | address for address in status.get("addresses") or ()]
    return _with_listeners(status, wanted, now) | {
        "addresses": status["addresses"] if seen and seen == addresses else addresses,
        "attachedListenerSets": wanted.attached_listener_sets,
    }


def _with_listeners(status: Json, wanted: GatewayStatus | ListenerSetStatus, now: str) -> Json:
    observed = {entry.get("name"): entry for entry in status.get("listeners") or ()}
    return {
        "conditions": _conditions(status.get("conditions"), wanted.conditions, now),
        "listeners": [_listener(observed.get(listener.name) or {}, listener, now) for listener in wanted.listeners],
    }


def _listener(observed: Json, wanted: ListenerStatus, now: str) -> Json:
    kinds = [{"group": kind.group, "kind": kind.kind} for kind in wanted.supported_kinds]
    seen = [{"group": GROUP} | kind for kind in observed.get("supportedKinds") or ()]
    merged = observed | {
        "name": wanted.name,
        "supportedKinds": kinds,
        "attachedRoutes": wanted.attached_routes,
        "conditions": _conditions(observed.get("conditions"), wanted.conditions, now),
    }
    same = (
        seen == kinds
        and observed.get("attachedRoutes", 0) == wanted.attached_routes
        and observed.get("conditions", []) == merged["conditions"]
    )
    return observed if observed and same else merged


class _Entries(NamedTuple):
    """A list in a status that several controllers share, each with entries of its own."""

    field: str
    ref: str
    """The field of an entry that says what it is about."""
    at_most: int

    def observed(self, of: Json) -> Sequence[Json]:
        """The entries that an object has."""
        return (of.get("status") or {}).get(self.field) or ()

    def merge(
        self,
        observed: Json,
        wanted: Iterable[tuple[ParentReference, Sequence[Condition]]],
        controller_name: str,
        now: str,
    ) -> Json:
        """Others' entries and ours that stay, in their order; then our new ones, as many as fit. The last of ours that
        fits says which do not, if any."""
        namespace = observed["metadata"].get("namespace", "")
        left = {_wanted_identity(ref, namespace): (ref, conditions) for ref, conditions in wanted}
        merged: list[Json] = []
        for entry in self.observed(observed):
            if entry.get("controllerName") != controller_name:
                merged.append(entry)
            elif ours := left.pop(_observed_identity(entry.get(self.ref) or {}, namespace), None):
                merged.append(self._entry(entry, *ours, controller_name, now))
        merged += [self._entry({}, *ours, controller_name, now) for ours in left.values()]
        fitting = merged[: self.at_most]
        left_out = [entry for entry in merged[self.at_most :] if entry.get("controllerName") == controller_name]
        places = [i for i, entry in enumerate(fitting) if entry.get("controllerName") == controller_name]
        if left_out and places:
            fitting[places[-1]] = self._with_left_out(fitting[places[-1]], left_out, namespace)
        return {self.field: fitting}

    def _with_left_out(self, last: Json, left_out: Sequence[Json], namespace: str) -> Json:
        """Spec: Gateway API v1 PolicyStatus.ancestors, "signal that on any related resources"."""
        refs = ((entry[self.ref], entry["conditions"]) for entry in left_out)
        names = (f"{ref.get('namespace') or namespace}/{ref['name']} ({_reason(said)})" for ref, said in refs)
        remark = f"Not listed for want of room: {some(names)}."
        return last | {
            "conditions": [
                said | {"message": f"{said['message']} {remark}".lstrip()[:MAX_MESSAGE]}
                if said["type"] == _FIRST
                else said
                for said in last["conditions"]
            ]
        }

    def _entry(
        self, observed: Json, wanted: ParentReference, conditions: Sequence[Condition], controller_name: str, now: str
    ) -> Json:
        ref = _parent_ref(wanted)
        seen = observed.get(self.ref) or {}
        if {"group": GROUP, "kind": "Gateway"} | seen == ref:
            ref = seen
        return observed | {
            self.ref: ref,
            "controllerName": controller_name,
            "conditions": _conditions(observed.get("conditions"), conditions, now),
        }


PARENTS = _Entries("parents", "parentRef", 32)
"""Of a route. Spec: Gateway API v1 RouteStatus.parents."""
ANCESTORS = _Entries("ancestors", "ancestorRef", 16)
"""Of a policy. Spec: Gateway API v1 PolicyStatus.ancestors, "If this slice is full, implementations MUST NOT add"."""


_FIRST = "Accepted"
"""The condition that every entry of ours has."""


def _reason(conditions: Iterable[Json]) -> str:
    return next((str(said["reason"]) for said in conditions if said["type"] == _FIRST), "")


def _parent_ref(ref: ParentReference) -> Json:
    named: Json = {"group": ref.group, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}
    named |= {"sectionName": ref.section_name, "port": ref.port}
    return {name: value for name, value in named.items() if value is not None}


def _wanted_identity(ref: ParentReference, namespace: str) -> ParentIdentity:
    return ref.group, ref.kind, ref.namespace or namespace, ref.name, ref.section_name or "", ref.port or 0


def _observed_identity(ref: Mapping[str, Any], namespace: str) -> ParentIdentity:
    return (
        ref.get("group", GROUP),
        ref.get("kind", "Gateway"),
        ref.get("namespace") or namespace,
        ref.get("name", ""),
        ref.get("sectionName") or "",
        ref.get("port") or 0,
    )


def _conditions(observed: Sequence[Json] | None, wanted: Sequence[Condition], now: str) -> list[Json]:
    """Ours in the order observed, new ones after them; others' kept as they are."""
    left = {condition.type: condition for condition in wanted}
    merged: list[Json] = []
    for entry in observed or ():
        type_ = entry.get("type", "")
        if condition := left.pop(type_, None):
            merged.append(_condition(entry, condition, now))
        elif "/" in type_:
            merged.append(entry)
    merged += [_condition({}, condition, now) for condition in left.values()]
    return merged[:MAX_CONDITIONS]


def _condition(observed: Json, wanted: Condition, now: str) -> Json:
    since = observed.get("lastTransitionTime") if observed.get("status") == wanted.status else None
    ours = {
        "type": wanted.type,
        "status": wanted.status,
        "reason": wanted.reason,
        "message": wanted.message[:MAX_MESSAGE],
        "observedGeneration": wanted.observed_generation,
        "lastTransitionTime": since or now,
    }
    seen = {"reason": "", "message": "", "observedGeneration": 0} | observed
    return observed if seen == ours else ours
