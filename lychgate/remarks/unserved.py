"""A warning: policies, and addresses, that Envoy Gateway would serve and we do not. No condition says so."""

from collections.abc import Callable, Mapping, Sequence

import structlog

from flow.clock import Clock
from flow.latest import Latest
from k8s_watch.api import ApiError, KubeReader, NotServed
from k8s_watch.decode import read_head
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import UNSERVED
from k8s_watch.listing import items_of
from k8s_watch.objects.core import EndpointSlice

NAMED = 5
"""Names in a line, at most."""
PAUSE = 600.0
"""Seconds between two looks: who comes from Envoy Gateway applies what they are used to at any time."""

log = structlog.get_logger("lychgate.remarks.unserved")


type Slices = Mapping[ObjectKey, tuple[EndpointSlice, ...]]
"""By their Service."""


async def warn_of_unserved(api: KubeReader, slices: Callable[[], Slices], *, once: Latest[bool], clock: Clock) -> None:
    """Look as soon as `once` is true, and every ten minutes again: a warning for each kind with objects that were not
    there before, none for a kind without a CRD, and one for Services whose `slices` all hold names. Runs until
    cancelled.

    What cannot be read, for example for want of permission, is in one line for all, of level info, and in another when
    other kinds cannot. Nothing waits for us, and no answer of the server makes us fail.
    """
    await once.until(True)
    known: dict[str, frozenset[str]] = {}
    unread_before: frozenset[str] = frozenset()
    nameless: frozenset[str] = frozenset()
    while True:
        if new := sorted((found := _with_names_alone(slices())) - nameless):
            log.warning(
                "Services with EndpointSlices of addressType FQDN alone have no address, their requests get 503",
                count=len(found),
                names=", ".join(new[:NAMED]),
                remedy="use an XBackend",
            )
        nameless = found
        unread: dict[str, str] = {}
        for kind in UNSERVED:
            try:
                names = [str(read_head(item).key) async for item in items_of(api, kind)]
            except NotServed:
                names = []
            except (ApiError, OSError) as error:
                unread[kind.name] = str(error)
                continue
            before, known[kind.name] = known.get(kind.name, frozenset()), frozenset(names)
            if new := [name for name in names if name not in before]:
                _warn(kind.name, len(names), new)
        if unread.keys() - unread_before:
            log.info("cannot list Envoy Gateway policies", kinds=", ".join(unread), errors=unread)
        unread_before = frozenset(unread)
        await clock.sleep(PAUSE)


def _with_names_alone(slices: Slices) -> frozenset[str]:
    """Cost: linear in all Services, some 0.3 µs each."""
    return frozenset(
        str(service) for service, of in slices.items() if of and all(each.address_type == "FQDN" for each in of)
    )


def _warn(kind: str, count: int, new: Sequence[str]) -> None:
    what = {"kind": kind, "count": count, "names": ", ".join(new[:NAMED])}
    if kind == "SecurityPolicy":
        log.warning("SecurityPolicy is not supported, the routes that it protects are OPEN", **what)
    else:
        log.warning("Envoy Gateway policies are not supported and have no effect", **what)
