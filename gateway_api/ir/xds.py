"""The proxy configuration of one Gateway in our own words. No Kubernetes, no Envoy. The door to its records."""

from gateway_api.ir.clusters import Cluster, ClusterProtocol, Endpoint, Endpoints, RetryBudget, SubjectName, UpstreamTls
from gateway_api.ir.listeners import (
    ClientValidation,
    Datagrams,
    DownstreamTls,
    EscapedSlashes,
    FilterChain,
    HttpChain,
    Listener,
    Paths,
    TcpChain,
)
from gateway_api.ir.record import FAILURE, INVALID_BACKEND, WELL_KNOWN_PORTS, ClusterName, Record, Transport
from gateway_api.ir.routes import (
    Action,
    Cors,
    Destination,
    ExternalAuth,
    Forward,
    HeaderMods,
    Match,
    Mirror,
    Origin,
    PathMatch,
    PathRewrite,
    Redirect,
    Respond,
    Retry,
    Route,
    RouteTable,
    Scoping,
    Session,
    Share,
    Split,
    ValueMatch,
    VirtualHost,
)
from gateway_api.ir.secrets import CaBundle, CaFile, PrivateBytes, Secret, TlsSecret
from k8s_watch.keys import ObjectKey

__all__ = [
    "FAILURE",
    "INVALID_BACKEND",
    "WELL_KNOWN_PORTS",
    "Action",
    "CaBundle",
    "CaFile",
    "ClientValidation",
    "Cluster",
    "ClusterName",
    "ClusterProtocol",
    "Cors",
    "Datagrams",
    "Destination",
    "DownstreamTls",
    "Endpoint",
    "Endpoints",
    "EscapedSlashes",
    "ExternalAuth",
    "FilterChain",
    "Forward",
    "GatewayIR",
    "HeaderMods",
    "HttpChain",
    "Listener",
    "Match",
    "Mirror",
    "Origin",
    "PathMatch",
    "PathRewrite",
    "Paths",
    "PrivateBytes",
    "Record",
    "Redirect",
    "Respond",
    "Retry",
    "RetryBudget",
    "Route",
    "RouteTable",
    "Scoping",
    "Secret",
    "Session",
    "Share",
    "Split",
    "SubjectName",
    "TcpChain",
    "TlsSecret",
    "Transport",
    "UpstreamTls",
    "ValueMatch",
    "VirtualHost",
]


class GatewayIR(Record, frozen=True):
    """Everything but the endpoints, which travel apart: they change a hundred times as often.

    Closed: every route table, secret and cluster that is named is here, `INVALID_BACKEND` aside.
    """

    gateway: ObjectKey
    listeners: tuple[Listener, ...] = ()
    route_tables: tuple[RouteTable, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    secrets: tuple[Secret, ...] = ()
