"""A Gateway ↔ the SPIFFE id in its proxies' client certificates.

Spec: SPIFFE-ID, section 2
"""

import re

from k8s_watch.keys import ObjectKey

NAME = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
"""A namespace's or a Gateway's."""

_TRUST_DOMAIN = "spiffe://lychgate"
_URI = re.compile(rf"{_TRUST_DOMAIN}/ns/(?P<namespace>{NAME})/gateway/(?P<name>{NAME})")


def gateway_uri(gateway: ObjectKey) -> str:
    """Return the id of a Gateway's proxies."""
    return f"{_TRUST_DOMAIN}/ns/{gateway.namespace}/gateway/{gateway.name}"


def gateway_of(uri: str) -> ObjectKey | None:
    """Return the Gateway of whose proxies this is the id; None when it is nothing of the kind."""
    found = _URI.fullmatch(uri)
    return ObjectKey(found["namespace"], found["name"]) if found else None
