"""The bootstrap of an Envoy that runs beside the control plane, on the same machine."""

from k8s_watch.keys import ObjectKey
from protos import cluster, core
from protos.values import socket_address
from xds_server.bootstrap.common import bootstrap, text, xds_cluster
from xds_server.bootstrap.overload import overload_manager

LONGEST_SOCKET_PATH = 107
"""Bytes. Spec: Linux unix(7), sun_path."""


def local_bootstrap(*, gateway: ObjectKey, node_id: str, xds: str, admin_socket: str) -> str:
    """The text of a bootstrap: plain gRPC to the control plane, admin on a socket that only this user can open.

    `xds` is `unix:<path>` or `<host>:<port>`. `admin_socket` is a path, at most 107 bytes; Envoy makes the file and its
    /ready answers 200 once the first listeners are there. Raises ValueError for an address that cannot be.
    """
    admin = core.Address(pipe=core.Pipe(path=_socket_path(admin_socket), mode=0o600))
    if xds.startswith("unix:"):
        address = core.Address(pipe=core.Pipe(path=_socket_path(xds.removeprefix("unix:"))))
    else:
        host, _, port = xds.rpartition(":")
        if not (host and port.isdecimal()):
            raise ValueError(f"xDS address {xds!r}: expected unix:<path> or <host>:<port>")
        address = socket_address(host.strip("[]"), int(port))
    control_plane = xds_cluster(address, kind=cluster.Cluster.STATIC)
    message = bootstrap(gateway=gateway, node_id=node_id, admin=admin, xds=control_plane)
    message.overload_manager.CopyFrom(overload_manager())
    return text(message)


def _socket_path(path: str) -> str:
    if not 0 < len(path.encode()) <= LONGEST_SOCKET_PATH:
        raise ValueError(f"socket path {path!r} must have 1 to {LONGEST_SOCKET_PATH} bytes; choose a shorter folder")
    return path
