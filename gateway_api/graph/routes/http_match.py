"""HTTPRouteMatch → what is wrong with it.

A cluster's API server checks most of this too; files have no such guard, and Envoy would refuse the rest.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from gateway_api.graph import problems
from gateway_api.graph.problems import Problem
from gateway_api.graph.regex import MAX_PROGRAM, NOTHING, regex_size, split_character
from k8s_watch.objects.routes import (
    HTTPHeaderMatch,
    HTTPPathMatch,
    HTTPQueryParamMatch,
    HTTPRouteMatch,
    HTTPRouteRule,
)

MAX_PROGRAM_OF_ROUTE = 5 * MAX_PROGRAM
"""Instructions of RE2 of all matches together: 64 of 300 each, or five that are as large as one may be. Each can cost a
request with the longest header half a millisecond."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
"""A field name. Spec: RFC 9110 section 5.6.2, token."""

_MAX_PATH = 1024
_MAX_NAME = 256
_MAX_VALUE = 4096
_PATH = re.compile(r"/(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*")
"""Spec: RFC 3986 section 3.3, path-absolute."""
_BYTES = "proxies compare bytes of UTF-8, so write letters beyond ASCII as alternatives, (ä|ö)+ for [äö]+"
_UNNORMALIZED = re.compile(r"//|/\.{1,2}(?:/|$)|%2f", re.IGNORECASE)


def match_problems(match: HTTPRouteMatch, where: str) -> Iterator[Problem]:
    """Yield what is wrong with a match; `where` names it in messages, for example `rules[0].matches[1]`.

    Spec: Gateway API v1.6 HTTPRouteMatch
    """
    if is_too_much((match.path, *match.headers, *match.query_params)):
        yield too_much(where)
        return
    wrong = path_problem(match.path)
    if wrong:
        yield problems.unsupported_value(f"{where}.path {wrong}.")
    if match.method is not None and match.method not in METHODS:
        yield problems.unsupported_value(f"{where}.method {match.method!r} is not one of {', '.join(sorted(METHODS))}.")
    yield from pair_problems(match.headers, f"{where}.headers")
    yield from pair_problems(match.query_params, f"{where}.queryParams")


def pair_problems(pairs: Iterable[HTTPHeaderMatch | HTTPQueryParamMatch], where: str) -> Iterator[Problem]:
    """Yield what is wrong with the matches of names and values.

    Spec: Gateway API v1.6 HTTPHeaderMatch, HTTPQueryParamMatch
    """
    for i, pair in enumerate(pairs):
        wrong = _pair(pair)
        if wrong:
            yield problems.unsupported_value(f"{where}[{i}] {wrong}.")


def path_problem(path: HTTPPathMatch) -> str | None:
    """Return what is wrong with a path, to be said after its name.

    Spec: Gateway API v1.6 HTTPPathMatch
    """
    if len(path.value) > _MAX_PATH:
        return f"is longer than {_MAX_PATH} characters"
    match path.type:
        case "RegularExpression":
            return regex_problem(path.value)
        case "Exact" | "PathPrefix":
            if not _PATH.fullmatch(path.value):
                return f"{path.value!r} is not an absolute URL path"
            if _UNNORMALIZED.search(path.value):
                return f"{path.value!r} has //, /./, /../ or %2F, which no normalized path has"
            return None
        case other:
            return f"has the unknown type {other}; use Exact, PathPrefix or RegularExpression"


def _pair(pair: HTTPHeaderMatch | HTTPQueryParamMatch) -> str | None:
    """Spec: Gateway API v1.6 HTTPHeaderMatch.value, "single tabs or spaces"; HTTPQueryParamMatch."""
    if len(pair.name) > _MAX_NAME or not TOKEN.fullmatch(pair.name):
        return f"has the invalid name {pair.name!r}"
    if len(pair.value) > _MAX_VALUE:
        return f"has a value longer than {_MAX_VALUE} characters"
    match pair.type:
        case "Exact":
            can_match = pair.value and pair.value.replace("\t", " ").isprintable()
            return None if can_match else f"has the value {pair.value!r}, which cannot match"
        case "RegularExpression":
            return regex_problem(pair.value)
        case other:
            return f"has the unknown type {other}; use Exact or RegularExpression"


def regex_problem(pattern: str) -> str | None:
    """Say what is wrong with a user's regular expression, if anything."""
    if not pattern:
        return "has an empty regular expression"
    size, said = regex_size(pattern), f"has the regular expression {pattern!r}"
    if isinstance(size, str):
        return f"{said}, which RE2 rejects: {size}{f'; {_BYTES}' if r'\x{' in size else ''}"
    if size == NOTHING:
        return f"{said}, which matches nothing: {_BYTES}"
    if part := split_character(pattern):
        return f"{said}, whose {part!r} would mean single bytes: {_BYTES}"
    return None


def is_too_much(values: Iterable[HTTPPathMatch | HTTPHeaderMatch | HTTPQueryParamMatch]) -> bool:
    """Whether the regular expressions of a match are more than one request should have to go through."""
    return _program(values) > MAX_PROGRAM


def _program(values: Iterable[HTTPPathMatch | HTTPHeaderMatch | HTTPQueryParamMatch]) -> int:
    """Return the instructions of all regular expressions together, or any number beyond the limit of a match. Those
    that do not compile are somebody else's to tell of, and the rest is not looked at once it is too much.
    """
    total = 0
    for value in values:
        size = regex_size(value.value) if value.type == "RegularExpression" else 0
        total += size if isinstance(size, int) else 0
        if total > MAX_PROGRAM:
            break
    return total


def too_much(where: str) -> Problem:
    """Say so of the match at `where`."""
    return problems.unsupported_value(
        f"{where} has regular expressions of more than {MAX_PROGRAM} RE2 instructions together; "
        "shorten their repetitions, or make several matches of it."
    )


def beyond_measure(rules: Sequence[HTTPRouteRule]) -> list[frozenset[int]]:
    """Return, for each rule of a route, the places of those matches whose regular expressions are too much, with those
    of the matches before them. One request may go through all of them. A match that is too much by itself counts
    for nothing.
    """
    left = MAX_PROGRAM_OF_ROUTE
    found = []
    for rule in rules:
        beyond = set()
        for i, match in enumerate(rule.matches):
            size = _program((match.path, *match.headers, *match.query_params))
            if size > MAX_PROGRAM:
                continue
            if size > left:
                beyond.add(i)
            else:
                left -= size
        found.append(frozenset(beyond))
    return found


def too_much_of_a_route(where: str) -> Problem:
    """Say so of the match at `where`."""
    return problems.unsupported_value(
        f"{where} has regular expressions that are more than {MAX_PROGRAM_OF_ROUTE} RE2 instructions with those of the "
        "matches before it; shorten their repetitions, or match by prefixes and exact values."
    )
