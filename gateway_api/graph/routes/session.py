"""SessionPersistence of a rule → what is wrong with it.

Spec: Gateway API v1.6 SessionPersistence; GEP-1619
"""

from collections.abc import Iterator

from gateway_api.graph import durations, problems
from gateway_api.graph.problems import Problem
from gateway_api.graph.routes.http_match import TOKEN
from k8s_watch.objects.routes import SessionPersistence

_MAX_NAME = 128
_HEADERS_WITH_A_MEANING = frozenset(
    {"connection", "content-length", "cookie", "host", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade"}
)


def session_problems(session: SessionPersistence, backends: int, where: str) -> Iterator[Problem]:
    """Yield what is wrong with the session of a rule with so many backendRefs.

    `where` names it in messages, for example `rules[0].sessionPersistence`.
    """
    for wrong in session_errors(session, where, alone=backends <= 1):
        yield problems.unsupported_value(f"{wrong}.")


def session_errors(session: SessionPersistence, where: str, *, alone: bool) -> Iterator[str]:
    """Yield what is wrong with a session, in words. `alone` says that requests go to one backend and no other."""
    for wrong in (_name(session), _timeout(session), _type(session, alone=alone)):
        if wrong is not None:
            yield f"{where}{wrong}"


def session_remark(session: SessionPersistence | None, where: str) -> str:
    """Say what of a session has no effect; "" where all has. A proxy keeps no account of sessions: only a cookie that
    is permanent says of itself when it ends.

    Spec: Gateway API v1.6 SessionPersistence.absoluteTimeout, "Extended"
    """
    if session is None or session.absolute_timeout is None or is_permanent(session):
        return ""
    return (
        f"{where}.absoluteTimeout has no effect: only a cookie with cookieConfig.lifetimeType Permanent ends by itself."
    )


def is_permanent(session: SessionPersistence) -> bool:
    """Whether it is by a cookie that outlives the browser."""
    return session.cookie_config is not None and session.cookie_config.lifetime_type == "Permanent"


def _name(session: SessionPersistence) -> str | None:
    name = session.session_name
    if name is None:
        return None
    if len(name) > _MAX_NAME or not TOKEN.fullmatch(name):
        return f".sessionName {name!r} cannot be the name of a cookie or header"
    if session.type == "Header" and name.lower() in _HEADERS_WITH_A_MEANING:
        return f".sessionName {name!r} is a header with a meaning of its own; use another"
    if session.type == "Header" and "_" in name:
        return f".sessionName {name!r} has an underscore, and requests with such a header get 400; use a hyphen"
    return None


def _timeout(session: SessionPersistence) -> str | None:
    if session.absolute_timeout is None:
        return ".absoluteTimeout is missing; a permanent cookie needs one" if is_permanent(session) else None
    seconds = durations.seconds(session.absolute_timeout)
    if seconds is None or (is_permanent(session) and not seconds):
        return f".absoluteTimeout {session.absolute_timeout!r} is not a duration above zero such as 30m or 12h"
    return None


def _type(session: SessionPersistence, *, alone: bool) -> str | None:
    lifetime = session.cookie_config.lifetime_type if session.cookie_config else "Session"
    if lifetime not in ("Session", "Permanent"):
        return f".cookieConfig.lifetimeType {lifetime!r} is unknown; use Session or Permanent"
    match session.type:
        case "Cookie":
            return None
        case "Header" if session.cookie_config is not None:
            return ".cookieConfig is not allowed with type Header; remove it"
        case "Header" if not alone:
            return ".type Header is supported for rules with a lone backendRef only; use Cookie"
        case "Header":
            return None
        case other:
            return f".type {other!r} is unknown; use Cookie or Header"
