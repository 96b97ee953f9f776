"""What must run for one Gateway, and what was seen of it."""

from collections.abc import Mapping

import msgspec

from gateway_api.ir.record import Transport
from k8s_watch.keys import ObjectKey

LISTENER_DRAIN = 60
"""Seconds for which connections of a listener, or of a filter chain, that was replaced may go on, at least. What they
use stays as long."""


class InfraPort(msgspec.Struct, frozen=True, kw_only=True):
    """One port of the Gateway's Service."""

    name: str
    """`<protocol>-<port>` in lower case, for example http-80."""
    protocol: Transport
    port: int
    bind_port: int


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    api_version: str
    kind: str
    name: str
    uid: str


class InfraIR(msgspec.Struct, frozen=True, kw_only=True):
    """The proxies of one Gateway."""

    gateway: ObjectKey
    gateway_class: str
    """The name of the Gateway's class."""
    owner: Owner
    """The Gateway itself."""
    ports: tuple[InfraPort, ...]
    labels: Mapping[str, str] = {}
    """From `spec.infrastructure`, for every object that we make."""
    annotations: Mapping[str, str] = {}
    addresses: tuple[str, ...] = ()
    """IP addresses that the user asked for, in their order."""


class Address(msgspec.Struct, frozen=True):
    """`type` is IPAddress or Hostname."""

    type: str
    value: str


class GatewayInfra(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of one Gateway's infrastructure."""

    addresses: tuple[Address, ...] = ()
    replicas_wanted: int = 0
    replicas_ready: int = 0
    """Not those that are available: a Deployment counts a pod as that only after `minReadySeconds`."""
    shortage: str = ""
    """Why more proxies cannot be made, in Kubernetes' words: a quota, a policy; "" when nothing is in the way."""
    problem: str = ""
    """Why the proxies cannot run as wished, with the remedy; "" when nothing stands in their way."""


class InfraReport(msgspec.Struct, frozen=True):
    gateways: Mapping[ObjectKey, GatewayInfra] = {}
    bundles: Mapping[str, str] | None = None
    """CRD of the Gateway API → the version of its bundle, "" where it says none; None where nobody could look."""
