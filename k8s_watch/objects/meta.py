"""Object metadata and the base of every shape."""

import msgspec

from k8s_watch.keys import ObjectKey

EMPTY: dict[str, str] = {}
"""Held by many: never to be changed."""


class Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    """Base of every decoded shape."""


class Meta(Shape, frozen=True):
    """ObjectMeta. `creation_timestamp` is RFC 3339 in UTC: it sorts as text; "" when unknown.

    `annotations` are those that files hold; of a cluster's objects none are kept.
    """

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: tuple[str, ...] = ()


class Object(Shape, frozen=True):
    """Base of every top-level kind."""

    metadata: Meta

    @property
    def key(self) -> ObjectKey:
        """Namespace and name."""
        return ObjectKey(self.metadata.namespace, self.metadata.name)


class Condition(Shape, frozen=True, omit_defaults=False):
    """One entry of `status.conditions`, as observed. Others' are written back with ours, and an empty message, too, is
    required."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    observed_generation: int = 0
    last_transition_time: str = ""


class LabelSelectorRequirement(Shape, frozen=True):
    key: str
    operator: str
    """In, NotIn, Exists or DoesNotExist."""
    values: tuple[str, ...] = ()


class LabelSelector(Shape, frozen=True):
    """Spec: Kubernetes meta/v1 LabelSelector. Empty selects everything."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()
