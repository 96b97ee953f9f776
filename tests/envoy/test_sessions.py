"""Clients that return to the backend and the address that answered them first, in a real Envoy."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from gateway_api.ir import xds as ir
from tests.envoy.gateways import clusters, endpoints, host, http_gateway, route
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

BOTH, A, B, HALF_GONE = (ir.ClusterName(f"service/default/{name}/80") for name in ("both", "a", "b", "half-gone"))
NOBODY = 9
"""A port that nobody listens on: that of the discard protocol."""
HEADER = ir.Session(kind="header", name="X-Session")


def to(cluster: ir.ClusterName, session: ir.Session, weight: int = 1) -> ir.Destination:
    return ir.Destination(cluster=cluster, weight=weight, session=session)


def cookie(path: str, name: str = "s", **fields: Any) -> ir.Session:
    return ir.Session(kind="cookie", name=name, path=path, **fields)


def forward(*destinations: ir.Destination) -> ir.Forward:
    return ir.Forward(destinations=destinations)


RULES = {
    "/cookie": forward(to(BOTH, cookie("/cookie"))),
    "/long": forward(to(BOTH, cookie("/long", lifetime=300.0, secure=True))),
    "/split": forward(to(A, cookie("/", "s-a")), to(B, cookie("/", "s-b"))),
    "/moved": forward(to(A, cookie("/", "s-a"), 0), to(B, cookie("/", "s-b"))),
    "/half": forward(to(A, cookie("", "s-a")), ir.Destination(cluster=B, weight=1)),
    "/header": forward(to(BOTH, HEADER)),
    "/half-gone": forward(to(HALF_GONE, HEADER)),
}


@pytest.fixture(scope="module")
def get(backends, start_proxy, free_port: Callable[[], int]):
    port = free_port()
    everything = host("*", *(route(path, action) for path, action in RULES.items()))
    a, b = (backends.http[name] for name in "ab")
    gateway = http_gateway(port, everything, clusters=clusters(BOTH, A, B, HALF_GONE))
    places = [endpoints(BOTH, a, b), endpoints(A, a), endpoints(B, b), endpoints(HALF_GONE, a, NOBODY)]
    proxy = start_proxy(assemble(gateway, places))
    return lambda path, **fields: proxy.request(port, path, **fields)


def first(get, path: str, backend: str):
    """An answer of the backend to a client that is new."""
    while (answer := get(path)).seen["backend"] != backend:
        pass
    return answer


def returning(get, path: str, headers: list[tuple[str, str]], *, times: int = 20) -> set[str]:
    return {get(path, headers=headers).seen["backend"] for _ in range(times)}


@pytest.mark.parametrize("backend", ["a", "b"])
@pytest.mark.parametrize("path", ["/cookie", "/split"])
def test_a_cookie_brings_a_client_back(get, path: str, backend: str) -> None:
    value = first(get, path, backend).header("set-cookie").split(";")[0]
    assert returning(get, path, [("Cookie", f"other=1; {value}")]) == {backend}


def test_a_cookie_brings_a_client_back_where_no_other_goes(get) -> None:
    value = first(get, "/split", "a").header("set-cookie").split(";")[0]
    assert returning(get, "/moved", []) == {"b"}
    assert returning(get, "/moved", [("Cookie", value)]) == {"a"}


def test_one_backend_of_two_may_have_sessions(get) -> None:
    """Its cookie is for no path, as one for all rules is."""
    assert first(get, "/half", "b").header("set-cookie") is None
    value, *attributes = first(get, "/half", "a").header("set-cookie").split("; ")
    assert sorted(attributes) == ["HttpOnly", "SameSite=Strict"]
    assert returning(get, "/half", [("Cookie", value)]) == {"a"}


def test_a_cookie_of_a_similar_name_is_none(get) -> None:
    value = first(get, "/split", "a").header("set-cookie").split(";")[0]
    assert returning(get, "/moved", [("Cookie", f"x{value}")]) == {"b"}


@pytest.mark.parametrize("backend", ["a", "b"])
def test_a_header_brings_a_client_back(get, backend: str) -> None:
    value = first(get, "/header", backend).header("x-session")
    assert returning(get, "/header", [("X-Session", value)]) == {backend}


def test_a_cookie_ends_with_the_browser_and_is_for_its_path_alone(get) -> None:
    _, *attributes = get("/cookie").header("set-cookie").split("; ")
    assert sorted(attributes) == ["HttpOnly", "Path=/cookie", "SameSite=Strict"]


def test_a_permanent_cookie_says_how_long_it_lives(get) -> None:
    _, *attributes = get("/long").header("set-cookie").split("; ")
    assert sorted(attributes) == ["HttpOnly", "Max-Age=300", "Path=/long", "SameSite=Strict", "Secure"]


@pytest.mark.parametrize("path", ["/header", "/half-gone"])
def test_a_session_with_nobody_begins_anew(get, path: str) -> None:
    """Whether or not the proxy has heard that the address is gone."""
    gone = base64.b64encode(f"127.0.0.1:{NOBODY}".encode()).decode()
    for _ in range(10):
        answer = get(path, headers=[("X-Session", gone)])
        assert answer.status == 200
        assert answer.header("x-session") not in (None, gone)
