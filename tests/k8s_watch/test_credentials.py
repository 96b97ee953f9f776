"""Tokens and authorities that change while we run."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
import yaml

from k8s_watch import service_account
from k8s_watch.api import ApiError
from k8s_watch.connection import Connection, connect
from k8s_watch.credential_source import load_credentials
from k8s_watch.credentials import BadCredentials, Credentials, Tls
from k8s_watch.kinds import SERVICE
from tests.authority import LOOPBACK, Authority
from tests.k8s_watch.http_server import ApiServer


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    server = ApiServer()
    server.token = "first"
    async with server.serving():
        yield server


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("first")
    return path


@pytest.fixture
async def connection(server: ApiServer, tmp_path: Path, token_file: Path) -> AsyncIterator[Connection]:
    async with await connect(server.kubeconfig(tmp_path, token_file=token_file)) as connection:
        yield connection


PATH = "/api/v1/services"


def replace(path: Path, text: str | None) -> None:
    """Make the file say `text`, or go."""
    if text is None:
        path.unlink()
    else:
        path.write_text(text)


async def test_a_401_makes_us_read_the_token_again(server: ApiServer, connection: Connection, token_file: Path) -> None:
    """Once, and the call succeeds."""
    await connection.request("GET", PATH)
    server.token = "second"
    replace(token_file, "second")
    await connection.request("GET", PATH)
    assert server.count.value == 3


async def test_a_401_that_stays_is_an_error_and_no_loop(server: ApiServer, connection: Connection) -> None:
    """With the same token a second try would be pointless; the watcher waits and tries."""
    server.token = "second"
    with pytest.raises(ApiError) as caught:
        await connection.request("GET", PATH)
    assert caught.value.code == 401
    assert server.count.value == 1


async def test_credentials_that_cannot_be_read_are_an_error_and_no_crash(
    server: ApiServer, connection: Connection, token_file: Path
) -> None:
    """Whoever replaces a file may be between two steps. What is wrong no answer of the server says."""
    server.token = "second"
    replace(token_file, None)
    with structlog.testing.capture_logs() as said:
        for _ in range(2):
            with pytest.raises(ApiError, match="401"):
                await connection.request("GET", PATH)
        replace(token_file, "second")
        for _ in range(2):
            await connection.request("GET", PATH)
    assert [line["event"] for line in said] == [
        "credentials cannot be read anew, the last ones stay in use",
        "credentials can be read again",
    ]
    assert str(token_file) in said[0]["error"]


async def test_a_new_token_leaves_open_watches_alone(
    server: ApiServer, connection: Connection, token_file: Path
) -> None:
    """They were admitted once; only new requests carry the new token."""
    query = {"watch": "true", "resourceVersion": "99"}
    async with connection.stream(PATH, params=query, at_most=10, idle=10) as chunks:
        server.token = "second"
        replace(token_file, "second")
        await connection.request("GET", PATH)
        server.api.say(SERVICE, "BOOKMARK", {})
        assert b"BOOKMARK" in await anext(chunks)


class Pod:
    """The files and the environment that a pod gets."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.token = folder / "token"
        self.authority = folder / "ca.crt"
        monkeypatch.delenv("KUBECONFIG", raising=False)
        monkeypatch.setattr(service_account, "SERVICE_ACCOUNT", folder)
        self._environment = monkeypatch

    def at(self, server: ApiServer) -> None:
        """Point the pod to its API server."""
        self._environment.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        self._environment.setenv("KUBERNETES_SERVICE_PORT", str(server.port))


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pod:
    return Pod(tmp_path, monkeypatch)


async def test_a_pod_uses_its_service_account_over_tls(pod: Pod, tmp_path: Path) -> None:
    """And follows its token."""
    authority = Authority()
    server = ApiServer(tls=authority.server_context(tmp_path, LOOPBACK))
    server.token = "first"
    replace(pod.token, "first\n")
    replace(pod.authority, authority.certificate.decode())
    async with server.serving():
        pod.at(server)
        async with await connect() as connection:
            await connection.request("GET", PATH)
            server.token = "second"
            replace(pod.token, "second\n")
            await connection.request("GET", PATH)


async def test_an_authority_that_is_replaced_is_read_again(pod: Pod, tmp_path: Path) -> None:
    """When the server's certificate no longer fits, and only if there is another authority by now."""
    old, new = Authority(), Authority()
    replace(pod.token, "first\n")
    replace(pod.authority, old.certificate.decode())
    first = ApiServer(tls=old.server_context(tmp_path, LOOPBACK))
    async with first.serving():
        pod.at(first)
        connection = await connect()
        await connection.request("GET", PATH)
    async with connection, ApiServer(tls=new.server_context(tmp_path, LOOPBACK), port=first.port).serving():
        with pytest.raises(OSError, match="certificate verify failed"):
            await connection.request("GET", PATH)
        replace(pod.authority, new.certificate.decode())
        await connection.request("GET", PATH)


@pytest.mark.parametrize("missing", ["token", "authority"])
async def test_a_service_account_without_its_files_is_said_so(pod: Pod, missing: str) -> None:
    replace(pod.token, "first\n")
    replace(pod.authority, Authority().certificate.decode())
    replace(getattr(pod, missing), None)
    pod.at(ApiServer())
    with pytest.raises(BadCredentials, match=str(getattr(pod, missing))):
        await load_credentials(None)


async def test_a_token_file_between_two_steps_leaves_the_last_token_in_use(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_account, "TOKEN_SECONDS", 0.0)
    replace(pod.token, "first\n")
    replace(pod.authority, Authority().certificate.decode())
    pod.at(ApiServer())
    ours = await load_credentials(None)
    for text in ("", None):
        replace(pod.token, text)
        assert await ours.authorization() == "Bearer first"
    replace(pod.token, "second\n")
    assert await ours.authorization() == "Bearer second"


@pytest.mark.parametrize("text", ["", "current-context: nowhere", "[", "3"], ids=repr)
async def test_a_kubeconfig_that_is_none_is_said_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kubeconfig"
    replace(path, text)
    with pytest.raises(BadCredentials, match="kubeconfig: "):
        await load_credentials(str(path))


async def test_a_kubeconfig_that_is_missing_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BadCredentials, match="nowhere: no such file: name a kubeconfig"):
        await load_credentials(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("host", "proxy"),
    [
        ("https://api.example.com:6443", "http://proxy:3128"),
        ("https://api.corp.example.com", None),
        ("https://10.96.0.1:443", None),
        ("https://10.128.0.1:443", "http://proxy:3128"),
        ("https://127.0.0.1:6443", None),
        ("https://[::1]:6443", None),
    ],
)
def test_the_proxy_of_the_environment(host: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for every other program: also where the exception is a network, as clusters write it."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "corp.example.com, 10.96.0.0/12")
    assert Credentials(host, no_authorization, Tls()).proxy == proxy


async def no_authorization() -> None:
    return None


def with_plugin(server: ApiServer, folder: Path) -> tuple[str, Path]:
    """Write a kubeconfig whose exec plugin prints a file, and fails without it; return the paths of both."""
    answer = folder / "answer"
    path = Path(server.kubeconfig(folder))
    config = yaml.safe_load(path.read_text())
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "cat", "args": [str(answer)]}
    config["users"][0]["user"] = {"exec": plugin}
    path.write_text(yaml.safe_dump(config))
    return str(path), answer


def credential(token: str) -> str:
    """What a plugin prints."""
    api = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
    return json.dumps({**api, "status": {"token": token}})


async def test_a_plugin_that_fails_once_does_not_make_us_nobody(server: ApiServer, tmp_path: Path) -> None:
    """To whom the server would forbid all, with a code after which nobody asks for credentials."""
    kubeconfig, answer = with_plugin(server, tmp_path)
    replace(answer, credential("first"))
    async with await connect(kubeconfig) as connection:
        await connection.request("GET", PATH)
        server.token = "second"
        replace(answer, None)
        with pytest.raises(ApiError, match="401"):
            await connection.request("GET", PATH)
        replace(answer, credential("second"))
        await connection.request("GET", PATH)
    assert all(request.headers.get("Authorization") for request in server.requests)


async def test_a_plugin_that_gives_nothing_is_said_so(server: ApiServer, tmp_path: Path) -> None:
    kubeconfig, _ = with_plugin(server, tmp_path)
    with pytest.raises(BadCredentials, match="its exec plugin gave no credentials"):
        await connect(kubeconfig)


async def test_a_token_file_that_is_emptied_does_not_either(
    server: ApiServer, connection: Connection, token_file: Path
) -> None:
    server.token = "second"
    replace(token_file, "")
    with pytest.raises(ApiError, match="401"):
        await connection.request("GET", PATH)
    replace(token_file, "second")
    await connection.request("GET", PATH)
    assert all(request.headers.get("Authorization") for request in server.requests)


def test_an_empty_kubeconfig_variable_is_none(tmp_path: Path) -> None:
    """The client reads the variable when it is imported, so this is a process of its own."""
    (tmp_path / ".kube").mkdir()
    Path(ApiServer().kubeconfig(tmp_path)).rename(tmp_path / ".kube" / "config")
    program = "import asyncio, k8s_watch.credential_source as c; asyncio.run(c.load_credentials(None))"
    environment = {**os.environ, "HOME": str(tmp_path), "KUBECONFIG": ""}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
