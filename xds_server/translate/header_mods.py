"""ir.HeaderMods → headers to add and to remove.

Envoy removes first and adds after; a name that the user removes is therefore left out of what is added, which is the
order that the IR promises.

Spec: Gateway API v1.6 HTTPHeaderFilter
Spec: Envoy v1.40, "Custom request/response headers"
"""

import re
from typing import NamedTuple

from gateway_api.ir import xds as ir
from protos import core

USABLE_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
NOT_IN_A_VALUE = re.compile(r"[\x00\r\n]")


class HeaderChanges(NamedTuple):
    """As the four header fields of Envoy's routes and weighted clusters want them."""

    add: list[core.HeaderValueOption]
    remove: list[str]


def header_changes(of: ir.HeaderMods) -> HeaderChanges:
    """What to add and remove. `set` overwrites, `add` appends; values are text, never Envoy's format commands.

    Host, pseudo headers, and names or values that cannot stand in a message are left out: one of them would make Envoy
    refuse the whole route table. The graph reports them to the user.
    """
    removed = {name.lower() for name in of.remove}
    overwrite = core.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    append = core.HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
    add = [
        core.HeaderValueOption(
            header=core.HeaderValue(key=name, value=value.replace("%", "%%")),
            append_action=action,
            keep_empty_value=not value,
        )
        for action, headers in ((overwrite, of.set), (append, of.add))
        for name, value in headers
        if _changeable(name) and name.lower() not in removed and not NOT_IN_A_VALUE.search(value)
    ]
    return HeaderChanges(add, [name for name in of.remove if _changeable(name)])


def _changeable(name: str) -> bool:
    return name.lower() != "host" and USABLE_NAME.fullmatch(name) is not None
