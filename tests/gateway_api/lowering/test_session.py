"""What a session's cookie is called, and what it is for."""

import msgspec
import pytest

from gateway_api.ir import xds as ir
from gateway_api.lowering.frontend import Frontend
from gateway_api.lowering.session import cookie_path, rule_identity, session
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.routes import CookieConfig, HTTPPathMatch, HTTPRouteMatch, SessionPersistence

HTTP, HTTPS = Frontend("http", 80), Frontend("https", 443)
WEB = ir.Cluster(name=ir.ClusterName("service/a/web/80"), backend=ObjectKey("a", "web"), port=80)


@pytest.mark.parametrize(
    ("kind", "value", "path"),
    [
        ("prefix", "/", "/"),
        ("prefix", "/a/b", "/a/b"),
        ("exact", "/a/b/", "/a/b/"),
        ("exact", "/a;b", "/"),
        ("prefix", "/a/b;c/d", "/a"),
        ("regex", "/p1/p2/[a-z]+/p3", "/p1/p2"),
        ("regex", "/p1/p2.*", "/p1"),
        ("regex", "/p1/?x", "/"),
        ("regex", "/p1/x", "/p1"),
        ("regex", "/a/x|/b", "/"),
        ("regex", "(?i)/a/b", "/"),
        ("regex", "", "/"),
    ],
)
def test_a_cookie_is_for_all_that_its_match_lets_in(kind: str, value: str, path: str) -> None:
    assert cookie_path(msgspec.convert({"kind": kind, "value": value}, ir.PathMatch)) == path


def test_a_cookie_is_secure_where_tls_brought_it() -> None:
    assert not session(SessionPersistence(), "id", "/", WEB, HTTP).secure
    assert session(SessionPersistence(), "id", "/", WEB, HTTPS).secure


def test_a_part_of_a_second_is_a_whole_one() -> None:
    spec = SessionPersistence(absolute_timeout="1500ms", cookie_config=CookieConfig(lifetime_type="Permanent"))
    assert session(spec, "id", "/", WEB, HTTP).lifetime == 2


def test_rules_share_no_session_that_nobody_named() -> None:
    a, b = ((HTTPRouteMatch(path=HTTPPathMatch(value=value)),) for value in ("/a", "/b"))
    ids = {rule_identity("httproute/x/r", None, a), rule_identity("httproute/x/r", None, b)}
    ids |= {rule_identity("httproute/x/s", None, a), rule_identity("httproute/x/r", "name", a)}
    assert len(ids) == 4
    assert rule_identity("httproute/x/r", "name", b) in ids


def test_without_a_path_rules_share_no_session_of_one_name_either() -> None:
    spec = SessionPersistence(session_name="s")
    assert len({session(spec, id_, "", WEB, HTTP).name for id_ in ("one", "two")}) == 2
    assert len({session(spec, id_, "/", WEB, HTTP).name for id_ in ("one", "two")}) == 1


def test_a_header_has_the_users_name_or_one_of_its_own() -> None:
    given = session(SessionPersistence(type="Header", session_name="X-Mine"), "id", "/", WEB, HTTP)
    made = session(SessionPersistence(type="Header"), "id", "/", WEB, HTTP)
    assert (given.name, made.name) == ("X-Mine", "x-session-id")


def test_a_cookie_is_of_a_service_and_a_port_whatever_else_is_said_of_them() -> None:
    said = [
        WEB,
        msgspec.structs.replace(WEB, name=ir.ClusterName("service/a/web/80/http2")),
        msgspec.structs.replace(WEB, port=81),
        msgspec.structs.replace(WEB, backend=ObjectKey("b", "web")),
    ]
    names = [session(SessionPersistence(session_name="s"), "id", "/", to, HTTP).name for to in said]
    assert names[0] == names[1]
    assert len(set(names)) == 3
