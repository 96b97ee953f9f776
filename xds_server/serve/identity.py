"""A stream's credential, and what its node says → the Gateway whose proxies it belongs to.

The credential decides: with mTLS, the SPIFFE id in the client's certificate. The node message only has to agree. On a
server that was started for this machine alone there is no credential, and the node's word counts.

Spec: SPIFFE X.509-SVID, "URI SAN"
"""

import re
from collections.abc import Iterable

from k8s_watch.keys import ObjectKey
from xds_server.serve.wire import Node

TRUST_DOMAIN = "lychgate"

_PART = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
_SPIFFE_ID = re.compile(rf"spiffe://{TRUST_DOMAIN}/ns/(?P<namespace>{_PART})/gateway/(?P<name>{_PART})")
_CLUSTER = re.compile(rf"(?P<namespace>{_PART})/(?P<name>{_PART})")


class Denied(Exception):
    """The client may not have what it asks for. The message is for our log and for the client."""


def spiffe_id(gateway: ObjectKey) -> str:
    """The URI that a client certificate of this Gateway's proxies carries."""
    return f"spiffe://{TRUST_DOMAIN}/ns/{gateway.namespace}/gateway/{gateway.name}"


def certified_gateway(alternative_names: Iterable[str]) -> ObjectKey:
    """The Gateway that a verified client certificate is for, by its subject alternative names.

    Raises `Denied` unless exactly one of them is a SPIFFE id, and one of ours.
    """
    ids = [name for name in alternative_names if name.startswith("spiffe://")]
    found = _SPIFFE_ID.fullmatch(ids[0]) if len(ids) == 1 else None
    if found is None:
        raise Denied("the client certificate names no Gateway")
    return ObjectKey(found["namespace"], found["name"])


def claimed_gateway(node: Node) -> ObjectKey:
    """The Gateway that a node says it belongs to, by its cluster, `<namespace>/<name>`. Raises `Denied`."""
    found = _CLUSTER.fullmatch(node.cluster)
    if found is None:
        raise Denied("node.cluster is not <namespace>/<name> of a Gateway")
    return ObjectKey(found["namespace"], found["name"])


def authorized_gateway(certified: ObjectKey | None, node: Node) -> ObjectKey:
    """The Gateway whose snapshot the stream gets.

    `certified` is what the credential says; None only on a server for this machine alone. Raises `Denied` when the node
    says something else.
    """
    claimed = claimed_gateway(node)
    if certified is not None and claimed != certified:
        raise Denied(f"the client certificate is for Gateway {certified}, the node says {claimed}")
    return claimed
