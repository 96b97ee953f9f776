"""A warning: policies that Envoy Gateway would serve and we do not. No condition says so: none is written."""

from collections.abc import Sequence

import structlog

from flow.clock import Clock
from flow.latest import Latest
from k8s_watch.api import ApiError, KubeReader, NotServed, items_of
from k8s_watch.decode import read_head
from k8s_watch.kinds import UNSERVED

NAMED = 5
"""Names in a line, at most."""
PAUSE = 600.0
"""Seconds between two looks: who comes from Envoy Gateway applies what they are used to at any time."""

log = structlog.get_logger("lychgate.unserved")


async def warn_of_unserved(api: KubeReader, *, once: Latest[bool], clock: Clock) -> None:
    """Look as soon as `once` is true, and every ten minutes again: a warning for each kind with objects that were not
    there before, none for a kind without a CRD. Runs until cancelled.

    What cannot be read, for example for want of permission, is in one line for all, of level info, and in another when
    other kinds cannot. Nothing waits for us, and no answer of the server makes us fail.
    """
    await once.until(True)
    known: dict[str, frozenset[str]] = {}
    unread_before: frozenset[str] = frozenset()
    while True:
        unread: dict[str, str] = {}
        for kind in UNSERVED:
            try:
                names = [str(read_head(item).key) async for item in items_of(api, kind)]
            except NotServed:
                names = []
            except (ApiError, OSError) as error:
                unread[kind.name] = str(error) or type(error).__name__
                continue
            before, known[kind.name] = known.get(kind.name, frozenset()), frozenset(names)
            if new := [name for name in names if name not in before]:
                _warn(kind.name, len(names), new)
        if unread.keys() - unread_before:
            log.info("cannot list Envoy Gateway policies", kinds=", ".join(unread), errors=unread)
        unread_before = frozenset(unread)
        await clock.sleep(PAUSE)


def _warn(kind: str, count: int, new: Sequence[str]) -> None:
    what = {"kind": kind, "count": count, "names": ", ".join(new[:NAMED])}
    if kind == "SecurityPolicy":
        log.warning("SecurityPolicy is not supported, the routes that it protects are OPEN", **what)
    else:
        log.warning("Envoy Gateway policies are not supported and have no effect", **what)
