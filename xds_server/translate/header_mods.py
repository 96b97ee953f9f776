"""ir.HeaderMods → headers to add and to remove.

Envoy removes first and adds after; a name that the user removes is therefore left out of what is added, which is the
order that the IR promises.

Spec: Gateway API v1.6 HTTPHeaderFilter
Spec: Envoy v1.40, "Custom request/response headers"
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gateway_api.ir import xds as ir
from protos import core

USABLE_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
NOT_IN_A_VALUE = re.compile(r"[\x00\r\n]")


class HeaderChanges(NamedTuple):
    """As the four header fields of Envoy's routes and weighted clusters want them."""

    add: list[core.HeaderValueOption]
    remove: list[str]


def header_changes(*layers: ir.HeaderMods) -> HeaderChanges:
    """What to add and remove to apply one layer after the other: a rule's, then a backend's.

    `set` overwrites, also what a layer before it adds: Envoy overwrites all before it appends anything. `add` appends;
    values are text, never Envoy's format commands. Host, pseudo headers, and names or values that cannot stand in a
    message are left out: one of them would make Envoy refuse the whole route table. The graph reports them to the user.
    """
    add: list[core.HeaderValueOption] = []
    remove: dict[str, None] = {}
    for layer in layers:
        overwritten = {name.lower() for name, _ in layer.set}
        add = [option for option in add if option.header.key.lower() not in overwritten]
        add += [*_options(layer.set, OVERWRITE), *_options(layer.add, APPEND)]
        gone = {name.lower() for name in layer.remove}
        add = [option for option in add if option.header.key.lower() not in gone]
        remove |= {name: None for name in layer.remove if _changeable(name)}
    return HeaderChanges(add, list(remove))


OVERWRITE = core.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
APPEND = core.HeaderValueOption.APPEND_IF_EXISTS_OR_ADD


def _options(
    headers: Iterable[tuple[str, str]], action: core.HeaderValueOption.HeaderAppendAction
) -> Iterator[core.HeaderValueOption]:
    for name, value in headers:
        if _changeable(name) and not NOT_IN_A_VALUE.search(value):
            header = core.HeaderValue(key=name, value=literal(value))
            yield core.HeaderValueOption(header=header, append_action=action, keep_empty_value=not value)


def literal(value: str) -> str:
    """The value as text, in which Envoy finds none of its format commands."""
    return value.replace("%", "%%")


def _changeable(name: str) -> bool:
    return name.lower() != "host" and USABLE_NAME.fullmatch(name) is not None
