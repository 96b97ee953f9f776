"""The requests that the adapter sends, and what it makes of the answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from k8s_apply.api import Conflict, NotFound
from k8s_apply.http import LIST_TIMEOUT, WRITE_TIMEOUT, HttpWriter
from k8s_apply.kinds import LEASE
from k8s_watch.api import ApiError
from k8s_watch.connection import Connection
from k8s_watch.credential_source import load_credentials
from k8s_watch.keys import AnyKind, ObjectKey
from k8s_watch.kinds import DEPLOYMENT, GATEWAY_CLASS, HTTP_ROUTE, SERVICE, TCP_ROUTE

KEY = ObjectKey("default", "r")


class Request(NamedTuple):
    """One request that the server saw."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str
    body: Any


class Server:
    """Answers everything with `status` and `answer`."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.status = 200
        self.answer: Any = {"metadata": {"name": "r"}}
        self.headers: dict[str, str] = {}
        self.not_served = ""
        """A version that is served no more."""
        self.takes = 0.0

    async def handle(self, request: web.Request) -> web.Response:
        text = await request.text()
        body = json.loads(text) if text else None
        self.requests.append(
            Request(request.method, request.path, dict(request.query), request.headers.get("Content-Type", ""), body)
        )
        await asyncio.sleep(self.takes)
        if self.not_served and self.not_served in request.path.split("/"):
            return web.Response(status=404, text="404 page not found")
        return web.json_response(self.answer, status=self.status, headers=self.headers)

    def refuse(self, code: int, reason: str, **headers: str) -> None:
        self.status, self.headers = code, headers
        self.answer = {"kind": "Status", "code": code, "reason": reason, "message": f"it is {reason}"}


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def connection(server: Server, tmp_path: Path) -> AsyncIterator[Connection]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    async with TestServer(app) as listening:
        config = tmp_path / "config"
        config.write_text(_kubeconfig(str(listening.make_url(""))))
        async with Connection(await load_credentials(str(config)), str(config)) as connection:
            yield connection


@pytest.fixture
def writer(connection: Connection) -> HttpWriter:
    return HttpWriter(connection, served=_served)


async def _served(kind: AnyKind) -> str:
    return kind.versions[-1]


async def test_an_apply_is_a_forced_patch_of_the_whole_manifest(writer: HttpWriter, server: Server) -> None:
    manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "r", "namespace": "default"}}
    assert await writer.apply(DEPLOYMENT, manifest, field_manager="envoy-gateway") == server.answer
    assert server.requests == [
        Request(
            "PATCH",
            "/apis/apps/v1/namespaces/default/deployments/r",
            {"fieldManager": "envoy-gateway", "force": "true"},
            "application/apply-patch+yaml",
            manifest,
        )
    ]


async def test_a_list_waits_longer_than_for_one_object(
    writer: HttpWriter, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is slow and has many Secrets takes more than ten seconds to find ours."""
    assert LIST_TIMEOUT >= 60
    monkeypatch.setattr("k8s_apply.http.READ_TIMEOUT", 0.05)
    server.takes = 0.2
    server.answer = {"metadata": {}, "items": []}
    assert await writer.list(SERVICE, namespace="", selector="a=b") == []


async def test_a_write_waits_for_as_long_as_webhooks_may_take_and_a_read_does_not(
    writer: HttpWriter, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API server gives up after 60 seconds."""
    assert WRITE_TIMEOUT > 60
    monkeypatch.setattr("k8s_apply.http.READ_TIMEOUT", 0.05)
    server.takes = 0.2
    with pytest.raises(TimeoutError):
        await writer.get(SERVICE, KEY)
    manifest = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "r", "namespace": "default"}}
    assert await writer.apply(SERVICE, manifest, field_manager="envoy-gateway") == server.answer


async def test_an_overwriting_is_a_merge_patch(writer: HttpWriter, server: Server) -> None:
    manifest = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "r", "namespace": "default"}}
    assert await writer.overwrite(SERVICE, manifest) == server.answer
    path = "/api/v1/namespaces/default/services/r"
    assert server.requests == [Request("PATCH", path, {}, "application/merge-patch+json", manifest)]


async def test_a_status_is_put_as_the_version_that_is_served(writer: HttpWriter, server: Server) -> None:
    await writer.replace_status(HTTP_ROUTE, KEY, {"metadata": {"name": "r"}, "status": {"parents": []}})
    (request,) = server.requests
    assert (request.method, request.path) == (
        "PUT",
        "/apis/gateway.networking.k8s.io/v1beta1/namespaces/default/httproutes/r/status",
    )
    assert request.body["apiVersion"] == "gateway.networking.k8s.io/v1beta1"
    assert request.body["kind"] == "HTTPRoute"


async def test_a_version_is_asked_for_once_and_again_after_a_404(connection: Connection, server: Server) -> None:
    served = ["v1", "v1beta1"]

    async def next_served(_: AnyKind) -> str:
        return served.pop(0)

    writer = HttpWriter(connection, served=next_served)
    await writer.get(HTTP_ROUTE, KEY)
    await writer.get(HTTP_ROUTE, KEY)
    assert served == ["v1beta1"]
    server.refuse(404, "NotFound")
    with pytest.raises(NotFound):
        await writer.get(HTTP_ROUTE, KEY)
    assert [request.path.split("/")[3] for request in server.requests] == ["v1", "v1", "v1", "v1beta1"]


@pytest.mark.parametrize(
    ("kind", "key", "path"),
    [
        (SERVICE, KEY, "/api/v1/namespaces/default/services/r"),
        (LEASE, KEY, "/apis/coordination.k8s.io/v1/namespaces/default/leases/r"),
        (GATEWAY_CLASS, ObjectKey("", "eg"), "/apis/gateway.networking.k8s.io/v1beta1/gatewayclasses/eg"),
    ],
)
async def test_paths_are_kubernetes(
    writer: HttpWriter, server: Server, kind: AnyKind, key: ObjectKey, path: str
) -> None:
    await writer.get(kind, key)
    await writer.replace(kind, key, {})
    await writer.create(kind, key, {})
    assert [(request.method, request.path) for request in server.requests] == [
        ("GET", path),
        ("PUT", path),
        ("POST", path.rpartition("/")[0]),
    ]


@pytest.mark.parametrize(("namespace", "path"), [("", "/api/v1/services"), ("x", "/api/v1/namespaces/x/services")])
async def test_a_list_is_of_one_namespace_or_of_all(
    writer: HttpWriter, server: Server, namespace: str, path: str
) -> None:
    server.answer = {"metadata": {}, "items": [{"metadata": {"name": "a"}}]}
    assert await writer.list(SERVICE, namespace=namespace, selector="a=b") == server.answer["items"]
    assert (server.requests[0].path, server.requests[0].query) == (path, {"labelSelector": "a=b"})


async def test_a_deletion_is_of_one_uid(writer: HttpWriter, server: Server) -> None:
    await writer.delete(SERVICE, KEY, uid="u")
    assert server.requests[0].body == {"preconditions": {"uid": "u"}, "propagationPolicy": "Background"}


@pytest.mark.parametrize(("code", "reason"), [(404, "NotFound"), (409, "Conflict")])
async def test_deleting_what_is_gone_or_another_by_now_is_no_error(
    writer: HttpWriter, server: Server, code: int, reason: str
) -> None:
    server.refuse(code, reason)
    await writer.delete(SERVICE, KEY, uid="u")


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [(404, "NotFound", NotFound), (409, "Conflict", Conflict), (422, "Invalid", ApiError), (500, "Internal", ApiError)],
)
async def test_errors_have_types(
    writer: HttpWriter, server: Server, code: int, reason: str, error: type[ApiError]
) -> None:
    server.refuse(code, reason)
    with pytest.raises(error, match=f"it is {reason}") as raised:
        await writer.replace(SERVICE, KEY, {})
    assert (raised.value.code, raised.value.reason) == (code, reason)


async def test_a_server_that_wants_to_be_spared_says_for_how_long(writer: HttpWriter, server: Server) -> None:
    """Retry-After reaches whoever retries."""
    server.refuse(429, "TooManyRequests", **{"Retry-After": "7"})
    with pytest.raises(ApiError) as raised:
        await writer.get(SERVICE, KEY)
    assert raised.value.retry_after == 7.0


@pytest.mark.parametrize("answer", [[1], {"status": "ok"}, {"metadata": 1}], ids=repr)
async def test_an_answer_that_is_no_object_is_an_error_of_the_server(
    writer: HttpWriter, server: Server, answer: Any
) -> None:
    """Who answers in its place, with whatever it is, must not end the process."""
    server.answer = answer
    with pytest.raises(ApiError, match="no object of Kubernetes"):
        await writer.get(SERVICE, KEY)


def _kubeconfig(url: str) -> str:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {}}],
    }
    return json.dumps(config)


async def test_an_object_whose_version_is_served_no_more_is_found(connection: Connection, server: Server) -> None:
    """A CRD was replaced: the object is there all the same, and its status is not to be given up."""
    served = ["v1alpha2", "v1"]

    async def next_served(_: AnyKind) -> str:
        return served.pop(0)

    writer = HttpWriter(connection, served=next_served)
    await writer.get(TCP_ROUTE, KEY)
    server.not_served = "v1alpha2"
    assert await writer.get(TCP_ROUTE, KEY) == server.answer
