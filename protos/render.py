"""Encoded resources → JSON, for people: the translate command, debug pages, golden files."""

from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from protos import accesslog as _accesslog  # noqa: F401  extensions must be known to unfold an Any
from protos import cluster, endpoint, listener, route, secret, type_urls
from protos import external_auth as _external_auth  # noqa: F401
from protos import http as _http  # noqa: F401
from protos import session as _session  # noqa: F401
from protos import tls as _tls  # noqa: F401
from protos import udp as _udp  # noqa: F401

RESOURCES: dict[str, type[Message]] = {
    type_urls.CLUSTER: cluster.Cluster,
    type_urls.ENDPOINT: endpoint.ClusterLoadAssignment,
    type_urls.LISTENER: listener.Listener,
    type_urls.ROUTE: route.RouteConfiguration,
    type_urls.SCOPED_ROUTE: route.ScopedRouteConfiguration,
    type_urls.SECRET: secret.Secret,
}
"""Type URL → message, for each type of resource that xDS carries."""


def decode(type_url: str, body: bytes) -> Message:
    """The message that `body` encodes. Raises KeyError for a type URL that is no resource of ours."""
    return RESOURCES[type_url].FromString(body)


def to_dict(message: Message) -> dict[str, Any]:
    """The message as Envoy's own configuration files spell it: proto3 JSON with field names in snake_case.

    The name comes first, then the fields by theirs: a protobuf map has no order of its own, and two translations of the
    same are to be the same text. A secret's private key reads `[redacted]`.
    """
    if isinstance(message, secret.Secret) and message.tls_certificate.HasField("private_key"):
        shown = secret.Secret.FromString(message.SerializeToString())
        shown.tls_certificate.private_key.inline_string = "[redacted]"
        message = shown
    shown_fields: dict[str, Any] = _ordered(MessageToDict(message, preserving_proto_field_name=True))
    return shown_fields


def _ordered(value: Any) -> Any:
    match value:
        case dict():
            return {key: _ordered(value[key]) for key in sorted(value, key=lambda key: (key != "name", key))}
        case list():
            return [_ordered(each) for each in value]
        case _:
            return value
