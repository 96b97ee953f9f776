"""Two versions of a Gateway → whether nothing differs but what is in its secrets: a certificate was renewed."""

from collections.abc import Mapping
from itertools import chain

import msgspec

from gateway_api.graph.change import gateway_serves_alike
from gateway_api.graph.types import GatewayNode, ListenerNode
from gateway_api.ir import xds as ir
from gateway_api.lowering.downstream_tls import downstream_tls, secrets_of


def renewed_secrets(before: GatewayNode | None, after: GatewayNode) -> Mapping[str, ir.Secret] | None:
    """What listeners present and trust, and what backends are shown, where nothing else of the Gateway differs than
    what is in those secrets; else None. Listeners and clusters name them, so they are the same as before."""
    if (
        before is None
        or len(before.all_listeners) != len(after.all_listeners)
        or not _alike_but_for_secrets(before, after)
    ):
        return None
    shown = [after.client_certificate] if after.client_certificate else []
    pairs = [(old, new) for old, new in zip(before.all_listeners, after.all_listeners, strict=True) if old is not new]
    if any(downstream_tls(old) != downstream_tls(new) or not _alike(old, new) for old, new in pairs):
        return None
    return {secret.name: secret for secret in chain(shown, *(secrets_of(new) for _, new in pairs))}


def _alike_but_for_secrets(one: GatewayNode, other: GatewayNode) -> bool:
    """Listeners are for others to compare."""
    shown, instead = one.client_certificate, other.client_certificate
    if (shown and shown.name) != (instead and instead.name):
        return False
    kept = {"listeners": one.listeners, "set_listeners": one.set_listeners, "client_certificate": shown}
    return gateway_serves_alike(one, msgspec.structs.replace(other, **kept))


def _alike(one: ListenerNode, other: ListenerNode) -> bool:
    """Whether both are the same but for what they present and trust."""
    return one == msgspec.structs.replace(
        other,
        certificates=one.certificates,
        client_validation=one.client_validation,
        attached_routes=one.attached_routes,
    )
