"""A stream's credential, and what its node says → the Gateway whose proxies it belongs to.

The credential decides: with mTLS, the SPIFFE id in the client's certificate. The node message only has to agree. On a
server that was started for this machine alone there is no credential, and the node's word counts.

Spec: SPIFFE X.509-SVID, "URI SAN"
"""

import re
from collections.abc import Iterable

from gateway_api.ir.identity import NAME, gateway_of
from k8s_watch.keys import ObjectKey
from xds_server.serve.wire import Node

_CLUSTER = re.compile(rf"(?P<namespace>{NAME})/(?P<name>{NAME})")


class Denied(Exception):
    """The client may not have what it asks for. The message is for our log and for the client."""


def certified_gateway(alternative_names: Iterable[str]) -> ObjectKey:
    """The Gateway that a verified client certificate is for, by its subject alternative names.

    Raises `Denied` unless exactly one of them is a SPIFFE id, and one of ours.
    """
    ids = [name for name in alternative_names if name.startswith("spiffe://")]
    found = gateway_of(ids[0]) if len(ids) == 1 else None
    if found is None:
        raise Denied("the client certificate names no Gateway")
    return found


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
