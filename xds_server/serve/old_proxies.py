"""Proxies of an older Envoy than ours → a line in the log: fields that it does not know it passes over in silence."""

import structlog

from k8s_watch.keys import ObjectKey
from xds_server.serve.wire import Node

OLDEST = 1, 40
"""The first Envoy that every golden case was loaded by. What it knows, we use."""
KNOWN = 1000
"""Gateways with a version that are remembered, before they are said again."""

log = structlog.get_logger("xds_server.serve")


class OldProxies:
    """Tells of each Gateway and version once."""

    def __init__(self) -> None:
        self._said: set[tuple[ObjectKey, tuple[int, int]]] = set()

    def look(self, gateway: ObjectKey, node: Node) -> None:
        """A proxy began a stream. Who says no version is no Envoy, and is not told of."""
        said = gateway, node.version
        if not (0, 0) < node.version < OLDEST or said in self._said:
            return
        if len(self._said) >= KNOWN:
            self._said.clear()
        self._said.add(said)
        log.warning(
            "proxies are older than what we serve is made for: they may leave parts of it out without a word",
            gateway=str(gateway),
            version=_text(node.version),
            oldest=_text(OLDEST),
        )


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
