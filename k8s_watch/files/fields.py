"""Field names that a kind does not have: the mistakes that silently turn a manifest into another one.

The API server drops them without a word; `kubectl` with strict validation refuses them, and so do we.
"""

import difflib
import functools
import typing
from collections.abc import Iterator, Mapping

import msgspec

from k8s_watch.files.paths import Path
from k8s_watch.objects import gateway, meta

NOT_READ: Mapping[type[msgspec.Struct], frozenset[str]] = {
    meta.Object: frozenset({"apiVersion", "kind", "status"}),
    meta.Meta: frozenset(
        {"deletionGracePeriodSeconds", "generateName", "managedFields", "ownerReferences", "selfLink"}
    ),
    gateway.GatewayClassSpec: frozenset({"description"}),
}
"""Fields that the API has and our shapes do not carry, by the shape that they belong to; nor are they looked into.

Spec: Kubernetes meta/v1 ObjectMeta
"""


class Unknown(typing.NamedTuple):
    """A field that its mapping does not have."""

    path: Path
    suggestion: str
    """The field that was probably meant, or ""."""


def unknown_fields(value: object, shape: type[msgspec.Struct], path: Path = ()) -> Iterator[Unknown]:
    """Find the keys in `value` that neither `shape` nor the API has, top down. Values of a wrong type are left be."""
    if not isinstance(value, dict):
        return
    nested, known = _fields(shape)
    for key, inner in value.items():
        here = (*path, key)
        if key not in known:
            yield Unknown(here, next(iter(difflib.get_close_matches(key, known, 1)), ""))
        elif (inner_shape := nested.get(key)) is not None:
            if isinstance(inner, list):
                for index, element in enumerate(inner):
                    yield from unknown_fields(element, inner_shape, (*here, index))
            else:
                yield from unknown_fields(inner, inner_shape, here)


@functools.cache
def _fields(shape: type[msgspec.Struct]) -> tuple[Mapping[str, type[msgspec.Struct]], frozenset[str]]:
    """The shapes of its fields that hold one, and the names of all its fields."""
    not_read = frozenset[str]().union(*(names for base, names in NOT_READ.items() if issubclass(shape, base)))
    fields = {field.encode_name: _shape_in(field.type) for field in msgspec.structs.fields(shape)}
    nested = {name: inner for name, inner in fields.items() if inner is not None and name not in not_read}
    return nested, not_read | fields.keys()


def _shape_in(annotation: object) -> type[msgspec.Struct] | None:
    """The shape in `Shape`, `Shape | None` or `tuple[Shape, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    return next((found for argument in typing.get_args(annotation) if (found := _shape_in(argument))), None)
