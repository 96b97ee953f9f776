"""The rules of a route of requests → which of them come to more configuration than one route may.

Whatever a rule says is in the proxies' configuration once for each of its matches on each of the route's hostnames, and
with filters or sessions of its backends once more for each of those. So an object of a hundred kilobytes could come to
gigabytes, for us and for every proxy of a Gateway that others use, too.
"""

from collections.abc import Iterable

import msgspec

from gateway_api.graph import problems
from gateway_api.graph.problems import Problem
from gateway_api.graph.types import HTTPRuleNode, Parent
from k8s_watch.objects.routes import HTTPRouteFilter, HTTPRouteMatch

MAX_SIZE = 16 * 1024 * 1024
"""Bytes, about, of all rules on all listeners: sixteen hostnames with 128 matches of four kilobytes on two of them."""

EACH = 256
"""Bytes of a proxy's route that says next to nothing: what it costs goes by their number, too."""

EACH_ORIGIN = 1024
"""Bytes of an origin that CORS allows: it is a part of a regular expression."""

EACH_AUTHORIZER = 3 * 1024
"""Bytes of a rule's authorizer: a filter of its own with all that guards it, in a proxy ten times a route without."""

EACH_RETURN = 1024
"""Bytes of a way back to a session's backend, which a cookie is looked through for."""


def within_bounds(rules: Iterable[HTTPRuleNode], parents: Iterable[Parent]) -> tuple[HTTPRuleNode, ...]:
    """Add to each rule that is too much, with those before it that are not, that it is. One that is wrong in itself
    comes to nothing. `parents` are those of the route.
    """
    places = sum(len(binding.hostnames) for parent in parents for binding in parent.bindings)
    left = MAX_SIZE
    found = []
    for rule in rules:
        size = 0 if rule.problems else places * _size(rule)
        if size > left:
            found.append(msgspec.structs.replace(rule, problems=(_too_large(rule.index),)))
        else:
            left -= size
            found.append(rule)
    return tuple(found)


def _size(rule: HTTPRuleNode) -> int:
    """Bytes, about, on one hostname of one listener. See `lowering.http_rules` and `xds_server.translate.route`."""
    spec, backends = rule.spec, len(rule.backends)
    shares = backends if any(ref.filters for ref in spec.backend_refs) else 1
    has_session = spec.session_persistence is not None or any(node.session for node in rule.backends)
    returning = backends if has_session and backends > 1 else 0
    matches = spec.matches or (HTTPRouteMatch(),)
    of_rule = _bytes(spec.filters) + _origins(spec.filters) + (EACH_AUTHORIZER if rule.authorizer else 0)
    of_backends = _bytes(spec.backend_refs) + sum(_origins(ref.filters) for ref in spec.backend_refs)
    of_matches = sum(map(_bytes, matches))
    times = 2 if returning else 1
    of_routes = (shares + returning) * (of_matches + len(matches) * (EACH + of_rule))
    return of_routes + len(matches) * (returning * EACH_RETURN + times * of_backends)


def _origins(filters: Iterable[HTTPRouteFilter]) -> int:
    return EACH_ORIGIN * sum(len(one.cors.allow_origins) for one in filters if one.cors)


def _bytes(said: object) -> int:
    return len(msgspec.json.encode(said))


def _too_large(index: int) -> Problem:
    return problems.unsupported_value(
        f"rules[{index}] comes to more than {MAX_SIZE // 1024**2} MiB of configuration, times its matches and the "
        "route's hostnames, with the rules before it; make several routes of it, or shorten what its filters say."
    )
