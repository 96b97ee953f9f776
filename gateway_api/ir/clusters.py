"""Backends, and where they are."""

from typing import Literal

from gateway_api.ir.record import ClusterName, Record
from gateway_api.ir.secrets import CaBundle, CaFile, Secret, TlsSecret
from k8s_watch.keys import ObjectKey


class SubjectName(Record, frozen=True):
    """A name that a certificate may bear: a DNS name, exact or `*.suffix`, or a URI."""

    kind: Literal["dns", "uri"]
    value: str


class UpstreamTls(Record, frozen=True):
    """Encrypt, to a backend that proves to be one of `names`.

    The secrets are here whole: whoever has a cluster has what it names, and one that differs in nothing but a secret's
    content is the same to a proxy.
    """

    server_name: str
    """SNI."""
    names: tuple[SubjectName, ...]
    """One of them must be in the backend's certificate."""
    authorities: CaBundle | CaFile
    client_certificate: TlsSecret | None = None
    """What to show a backend that asks who we are."""


class RetryBudget(Record, frozen=True):
    """How many retries may be under way at one moment: a share of the requests that are, or so many if that is more."""

    percent: int
    at_least: int


type ClusterProtocol = Literal["http1", "http2", "auto", "tcp", "udp"]
"""What is spoken to a backend. auto: HTTP/2 if the backend chooses that when TLS begins, else HTTP/1.1."""


class Cluster(Record, frozen=True):
    """One backend with one set of settings. Named by its content, never by its place in a rule."""

    name: ClusterName
    """`service/<ns>/<name>/<port>`, `/<protocol>` unless it is HTTP/1.1, `/tls-<digest>` of what TLS asks of the
    backend, and `/mirror` for copies. The client certificate is not in it: it is the Gateway's, and the same for all
    that its proxies get; nor are the budget and whether it is near, of which a Service has one. One with a hostname is
    `xbackend/<ns>/<name>/<hostname>/<port>` with the same endings, its own client certificate in the digest."""
    backend: ObjectKey
    """Of the Service; with a hostname, of the XBackend."""
    port: int
    """The Service's port number, or that of the hostname."""
    protocol: ClusterProtocol = "http1"
    tls: UpstreamTls | None = None
    """None: plain text."""
    retry_budget: RetryBudget | None = None
    """None: without limit, as good as."""
    near: bool = False
    """Whether a proxy prefers the endpoints that are meant for its own zone."""
    mirror: bool = False
    """Whether it gets copies of requests, whose answers nobody waits for: they are limited in number and time."""
    hostname: str | None = None
    """Where it is, for proxies to look up: a full DNS name. None: at its endpoints."""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What a proxy needs beside the cluster and its endpoints."""
        if self.tls is None:
            return ()
        return (self.tls.authorities, *([self.tls.client_certificate] if self.tls.client_certificate else ()))


class Endpoint(Record, frozen=True):
    """One address that serves. `draining` finishes what it has and gets nothing new while others are ready."""

    address: str
    port: int
    draining: bool = False
    zone: str = ""
    """Where it is; of a cluster that is near, the zone that it is for, "" where all are for all."""


class Endpoints(Record, frozen=True):
    """Where a cluster's requests go: sorted, without duplicates; empty answers 503."""

    cluster: ClusterName
    endpoints: tuple[Endpoint, ...]
