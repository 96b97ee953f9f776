"""`lychgate status` of a cluster: what comes out, where, and what stands in the way."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import web

from gateway_api.graph.types import GraphSettings
from k8s_watch.api import ApiError
from k8s_watch.kinds import HTTP_ROUTE
from tests.k8s_watch.http_server import ApiServer


class Said(NamedTuple):
    code: int
    out: str
    error: str


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    server = ApiServer()
    async with server.serving():
        yield server


async def status(server: ApiServer, folder: Path, *arguments: str) -> Said:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lychgate", "status", "--kubeconfig", server.kubeconfig(folder), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    return Said(process.returncode or 0, out.decode(), error.decode())


def put_route(server: ApiServer, message: str, *types: str) -> None:
    """A route of which a condition, or those of several types, are bad for that reason."""
    bad = {"status": "False", "reason": "UnsupportedValue", "message": message}
    conditions = [{"type": each, **bad} for each in types or ("Accepted",)]
    parent = {"parentRef": {"name": "eg"}, "controllerName": GraphSettings().controller_name, "conditions": conditions}
    server.api.put(HTTP_ROUTE, "r", status={"parents": [parent]})


async def test_kinds_that_are_not_served_leave_the_report_alone(server: ApiServer, tmp_path: Path) -> None:
    put_route(server, "no")
    server.api.missing |= {"XBackend", "XBackendTrafficPolicy", "BackendTLSPolicy"}
    said = await status(server, tmp_path, "--output", "json")
    assert [row["name"] for row in json.loads(said.out)["rows"]] == ["r"]
    assert (said.code, said.error) == (1, "")


async def test_a_kind_that_we_may_not_read_is_named_and_the_rest_shown(server: ApiServer, tmp_path: Path) -> None:
    put_route(server, "no")
    server.api.refuse["XBackend"] = ApiError(403, "xbackends is forbidden", reason="Forbidden")
    said = await status(server, tmp_path, "--output", "json")
    assert [row["name"] for row in json.loads(said.out)["rows"]] == ["r"]
    assert said.error == "lychgate status: without XBackend: 403 xbackends is forbidden\n"


async def test_a_server_that_says_when_to_come_again_is_asked_again(server: ApiServer, tmp_path: Path) -> None:
    put_route(server, "no")
    server.answers = [web.json_response({"message": "too much to do"}, status=429, headers={"Retry-After": "0"})]
    said = await status(server, tmp_path, "--output", "json")
    assert (said.code, said.error) == (1, "")


async def test_a_cluster_without_the_gateway_api_is_called_that(server: ApiServer, tmp_path: Path) -> None:
    server.api.missing |= {"GatewayClass"}
    said = await status(server, tmp_path)
    assert (said.code, said.out) == (2, "")
    assert said.error.endswith(": install the Gateway API\n")


async def test_nothing_that_we_may_read_is_an_error(server: ApiServer, tmp_path: Path) -> None:
    server.api.refuse["*"] = ApiError(403, "you are nobody", reason="Forbidden")
    said = await status(server, tmp_path)
    assert (said.code, said.out) == (2, "")
    assert said.error.endswith("lychgate status: 403 you are nobody\n")


async def test_what_nobody_has_looked_at_is_a_warning(server: ApiServer, tmp_path: Path) -> None:
    parent = {"parentRef": {"name": "eg"}, "controllerName": GraphSettings().controller_name}
    for name, generation in (("new", 3), ("old", 2)):
        condition = {"type": "Accepted", "status": "True", "reason": "Accepted", "observedGeneration": 2}
        status_ = {"parents": [parent | {"conditions": [condition]}]}
        server.api.put(HTTP_ROUTE, name, metadata={"generation": generation}, status=status_)
    server.api.put(HTTP_ROUTE, "alone")
    said = await status(server, tmp_path)
    assert said.out.splitlines()[-2:] == [
        "warning: HTTPRoute/default/new: its status of gateway/eg is of generation 2, and the object of 3: nobody has"
        " looked at its last change, does a controller run?",
        "warning: HTTPRoute/default/alone: has no status: none of its parentRefs leads to what a controller serves",
    ]
    assert said.code == 0


async def test_brackets_in_a_message_are_no_markup(server: ApiServer, tmp_path: Path) -> None:
    put_route(server, 'the path "[/a-z]+(" and "/v[a-z]+(" are no expressions')
    said = await status(server, tmp_path)
    assert 'the path "[/a-z]+(" and "/v[a-z]+(" are no expressions' in said.out


async def test_a_message_commands_no_terminal(server: ApiServer, tmp_path: Path) -> None:
    """A route may name its backend with any text, and who reads that it is not there is an administrator."""
    put_route(server, "Service default/\x1b]0;mine\x07\x1b[2J\x9b31m\u202e\nä is not there")
    said = await status(server, tmp_path)
    assert r"default/\x1b]0;mine\x07\x1b[2J\x9b31m\u202e" in said.out
    assert "ä is not there" in said.out


async def test_where_no_terminal_is_each_row_is_a_line_that_says_all_of_itself(
    server: ApiServer, tmp_path: Path
) -> None:
    message = " ".join(["word"] * 200)
    put_route(server, message, "Accepted", "ResolvedRefs")
    said = await status(server, tmp_path)
    _, *rows = said.out.splitlines()
    assert [(row.split()[:4], row.endswith(f" {message}")) for row in rows] == [
        (["default", "HTTPRoute/r", "gateway/eg", "Accepted"], True),
        (["default", "HTTPRoute/r", "gateway/eg", "ResolvedRefs"], True),
    ]
    assert [row for row in said.out.splitlines() if row != row.rstrip()] == []


async def test_in_a_pod_where_nothing_is_served_the_cluster_is_asked(server: ApiServer, tmp_path: Path) -> None:
    put_route(server, "no")
    environment = {
        **os.environ,
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBECONFIG": server.kubeconfig(tmp_path),
        "XDG_STATE_HOME": str(tmp_path),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lychgate", "status", "--output", "json"),
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
    out, _ = await process.communicate()
    assert [row["name"] for row in json.loads(out)["rows"]] == ["r"]


@pytest.mark.parametrize("folder", ["/proc/nowhere/state", "/dev/null/state"])
async def test_a_state_folder_that_cannot_be_made_is_said(folder: str, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lychgate", "run", "--state-dir", folder, str(tmp_path)),
        stderr=asyncio.subprocess.PIPE,
    )
    _, error = await process.communicate()
    assert process.returncode == 2
    assert error.decode().startswith(f"lychgate run: {folder} cannot be used: ")
