"""Statuses → rows that a person can read, one for each condition, and what is said beside them. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from gateway_api.status.catalogue import NEGATIVE
from gateway_api.status.types import (
    Body,
    Condition,
    GatewayClassStatus,
    GatewayStatus,
    ListenerSetStatus,
    PolicyStatus,
    RouteStatus,
    Statuses,
)
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.routes import ParentReference
from k8s_watch.snapshot import PassedOver, Rejected

DELIBERATE = frozenset({"InsecureFrontendValidationMode"})
"""Warnings of what the user has chosen, with a field that does nothing else: nothing is wrong."""


class _Named(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is said of an object; of its names, some may be ""."""

    namespace: str
    kind: str
    name: str

    @property
    def object(self) -> str:
        """What it is about, for people, as far as it could be read: `HTTPRoute/default/web`."""
        return "/".join(filter(None, (self.kind, self.namespace, self.name))) or "document"


class StatusRow(_Named, frozen=True, kw_only=True):
    """One condition of one object: a line of the table."""

    parent: str = ""
    """What the condition is about: `gateway/NAME` for a route, `listener/NAME` of the object, "" for the object."""
    type: str
    status: str
    reason: str
    message: str
    observed_generation: int
    last_transition_time: str
    """RFC 3339 in UTC: since when `status` is what it is."""

    @property
    def key(self) -> tuple[str, ...]:
        """What makes a row the same row as one before."""
        return self.namespace, self.kind, self.name, self.parent, self.type

    @property
    def is_bad(self) -> bool:
        """Whether the condition tells of something wrong. Unknown is wrong too."""
        if self.type in DELIBERATE:
            return False
        return self.status != "False" if self.type in NEGATIVE else self.status != "True"

    @property
    def place(self) -> str:
        """What it is about, for people: `HTTPRoute/default/web at gateway/eg`."""
        return f"{self.object} at {self.parent}" if self.parent else self.object


class RejectedRow(_Named, frozen=True, kw_only=True):
    """An object that was not taken in."""

    where: str
    reason: str


class Oversight(_Named, frozen=True, kw_only=True):
    """What an object says in vain: no condition tells of it."""

    reason: str


def oversight(kind: str, key: ObjectKey, reason: str) -> Oversight:
    """What is said of an object by its key."""
    return Oversight(namespace=key.namespace, kind=kind, name=key.name, reason=reason)


class StatusReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All that is said. Rows by kind, namespace and name, those of one object in the order of its status."""

    updated: str = ""
    """RFC 3339 in UTC; "" for a cluster."""
    process: int = 0
    """The pid of the Lychgate that says it; 0 for a cluster."""
    addresses: Mapping[str, tuple[str, ...]] = {}
    """`NAMESPACE/NAME` of each Gateway → its addresses."""
    rows: tuple[StatusRow, ...] = ()
    rejected: tuple[RejectedRow, ...] = ()
    oversights: tuple[Oversight, ...] = ()
    """In a cluster, those that nobody has looked at alone: the others may be somebody else's intentions."""
    passed_over: tuple[PassedOver, ...] = ()
    """Of a standalone Lychgate alone."""

    @property
    def mistakes(self) -> tuple[StatusRow, ...]:
        """The bad conditions but Programmed, which needs a proxy: what is wrong with what was written."""
        return tuple(row for row in self.rows if row.is_bad and row.type != "Programmed")


NO_REPORT = StatusReport()


def make_report(
    statuses: Statuses,
    rejected: Iterable[Rejected] = (),
    *,
    previous: StatusReport = NO_REPORT,
    now: str = "",
    process: int = 0,
) -> StatusReport:
    """Lay the statuses out as rows; a row whose `status` is as in `previous` keeps its time, all others have `now`.

    Spec: Kubernetes meta/v1 Condition.lastTransitionTime
    """
    since = {(*row.key, row.status): row.last_transition_time for row in previous.rows}
    ordered = sorted(statuses.items(), key=lambda item: (item[0].kind, item[0].key))
    return StatusReport(
        updated=now,
        process=process,
        addresses={
            str(id_.key): tuple(address.value for address in body.addresses)
            for id_, body in ordered
            if isinstance(body, GatewayStatus)
        },
        rows=tuple(
            _row(id_.kind, id_.key, parent, condition, lambda key: since.get(key, now))
            for id_, body in ordered
            for parent, condition in _conditions(body, id_.key.namespace)
        ),
        rejected=tuple(
            RejectedRow(
                namespace=one.key.namespace if one.key else "",
                kind=one.kind,
                name=one.key.name if one.key else "",
                where=one.where,
                reason=one.reason,
            )
            for one in rejected
        ),
    )


def _conditions(body: Body, namespace: str) -> Iterator[tuple[str, Condition]]:
    """Each condition with what it is about."""
    match body:
        case GatewayClassStatus():
            yield from (("", condition) for condition in body.conditions)
        case GatewayStatus() | ListenerSetStatus():
            yield from (("", condition) for condition in body.conditions)
            for listener in body.listeners:
                yield from ((f"listener/{listener.name}", condition) for condition in listener.conditions)
        case RouteStatus():
            for parent in body.parents:
                name = _name(parent.parent_ref, namespace)
                yield from ((name, condition) for condition in parent.conditions)
        case PolicyStatus():
            for ancestor in body.ancestors:
                name = _name(ancestor.ancestor_ref, namespace)
                yield from ((name, condition) for condition in ancestor.conditions)


def _name(ref: ParentReference, namespace: str) -> str:
    home = f"{ref.namespace}/" if ref.namespace and ref.namespace != namespace else ""
    part = f"/{ref.section_name}" if ref.section_name else f":{ref.port}" if ref.port else ""
    return f"{ref.kind.lower()}/{home}{ref.name}{part}"


def _row(
    kind: str, key: ObjectKey, parent: str, condition: Condition, since: Callable[[tuple[str, ...]], str]
) -> StatusRow:
    return StatusRow(
        namespace=key.namespace,
        kind=kind,
        name=key.name,
        parent=parent,
        type=condition.type,
        status=condition.status,
        reason=condition.reason,
        message=condition.message,
        observed_generation=condition.observed_generation,
        last_transition_time=since((key.namespace, kind, key.name, parent, condition.type, condition.status)),
    )
