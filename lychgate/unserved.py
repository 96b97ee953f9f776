"""A warning at start: policies that Envoy Gateway would serve and we do not. No condition says so: none is written."""

import structlog

from flow.latest import Latest
from k8s_watch.api import ApiError, KubeReader, NotServed
from k8s_watch.decode import read_head
from k8s_watch.keys import AnyKind
from k8s_watch.kinds import UNSERVED

NAMED = 5
"""Names in a line, at most."""
PAGE = 500
"""Objects a page."""

log = structlog.get_logger("lychgate.unserved")


async def warn_of_unserved(api: KubeReader, *, once: Latest[bool]) -> None:
    """Look once, as soon as `once` is true: a warning for each kind with objects, none for a kind without a CRD.

    What cannot be read, for example for want of permission, is in one line for all, of level debug. Nothing waits for
    us, and no answer of the server makes us fail.
    """
    await once.until(True)
    unread: dict[str, str] = {}
    for kind in UNSERVED:
        try:
            names = await _names(api, kind)
        except NotServed:
            continue
        except (ApiError, OSError) as error:
            unread[kind.name] = str(error)
        else:
            if names:
                _warn(kind.name, names)
    if unread:
        log.debug("kinds that are not served could not be counted", kinds=", ".join(unread), errors=unread)


def _warn(kind: str, names: list[str]) -> None:
    what = {"kind": kind, "count": len(names), "names": ", ".join(names[:NAMED])}
    if kind == "SecurityPolicy":
        log.warning("protection is missing: policies are not served, what they protect is open", **what)
    else:
        log.warning("policies are not served, what they configure is left out", **what)


async def _names(api: KubeReader, kind: AnyKind) -> list[str]:
    """Return the names of all objects, in the server's order."""
    names: list[str] = []
    token = ""
    while True:
        page = await api.list_page(kind, kind.versions[0], limit=PAGE, continue_token=token)
        names += [str(read_head(item).key) for item in page.items]
        token = page.continue_token
        if not token:
            return names
