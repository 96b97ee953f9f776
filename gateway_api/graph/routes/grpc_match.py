"""GRPCRouteMatch → the HTTPRouteMatch that means the same, and what is wrong with it.

A gRPC request is a POST to /<service>/<method>. Spec: gRPC over HTTP/2, "Path"
"""

import re
from collections.abc import Iterator

from gateway_api.graph import problems
from gateway_api.graph.problems import Problem
from gateway_api.graph.routes.http_match import is_too_much, pair_problems, regex_problem, too_much
from k8s_watch.objects.grpc_route import GRPCMethodMatch, GRPCRouteMatch
from k8s_watch.objects.routes import HTTPPathMatch, HTTPRouteMatch

_MAX_NAME = 1024
_SERVICE = re.compile(r"\.?[a-zA-Z_][a-zA-Z_0-9]*(\.[a-zA-Z_][a-zA-Z_0-9]*)*")
_METHOD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_ANY = "[^/]+"


def as_http_match(match: GRPCRouteMatch) -> HTTPRouteMatch:
    """Return the match of the requests that this one means.

    Spec: Gateway API v1.6 GRPCMethodMatch
    """
    return HTTPRouteMatch(path=_path(match.method) if match.method else HTTPPathMatch(), headers=match.headers)


def grpc_match_problems(match: GRPCRouteMatch, where: str) -> Iterator[Problem]:
    """Yield what is wrong with a match; `where` names it in messages, for example `rules[0].matches[1]`.

    Spec: Gateway API v1.6 GRPCRouteMatch
    """
    if is_too_much((as_http_match(match).path, *match.headers)):
        yield too_much(where)
        return
    wrong = _method(match.method) if match.method is not None else None
    if wrong:
        yield problems.unsupported_value(f"{where}.method {wrong}.")
    yield from pair_problems(match.headers, f"{where}.headers")


def _path(method: GRPCMethodMatch) -> HTTPPathMatch:
    """A type that is unknown stays what it is: a match that cannot be used must not turn into one that can."""
    if not method.service and not method.method:
        return HTTPPathMatch(type=method.type, value="")
    if method.type == "RegularExpression":
        return HTTPPathMatch(type=method.type, value=f"/{_group(method.service)}/{_group(method.method)}")
    if not method.method:
        return HTTPPathMatch(type="PathPrefix" if method.type == "Exact" else method.type, value=f"/{method.service}")
    if not method.service:
        type_ = "RegularExpression" if method.type == "Exact" else method.type
        return HTTPPathMatch(type=type_, value=f"/{_ANY}/{re.escape(method.method)}")
    return HTTPPathMatch(type=method.type, value=f"/{method.service}/{method.method}")


def _group(pattern: str | None) -> str:
    return f"(?:{pattern})" if pattern else _ANY


def _method(match: GRPCMethodMatch) -> str | None:
    """Each expression is to be one by itself, lest one ends what the other began, and both are in one path.

    Spec: Gateway API v1.6 GRPCMethodMatch, its validation rules
    """
    if not match.service and not match.method:
        return "names neither a service nor a method; name one, or leave method out"
    for field, value, form in (("service", match.service, _SERVICE), ("method", match.method, _METHOD)):
        if not value:
            continue
        match match.type:
            case "Exact" if not form.fullmatch(value) or len(value) > _MAX_NAME:
                return f"has the invalid {field} {value!r}"
            case "RegularExpression" if wrong := regex_problem(value):
                return wrong
            case "Exact" | "RegularExpression":
                pass
            case other:
                return f"has the unknown type {other}; use Exact or RegularExpression"
    return regex_problem(_path(match).value) if match.type == "RegularExpression" else None
