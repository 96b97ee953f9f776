"""What a replica of the control plane says of itself before it can serve, and once it can."""

import importlib.metadata
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from k8s_watch import kinds
from k8s_watch.keys import AnyKind
from lychgate.in_cluster.introduction import introduce
from lychgate.settings import Settings
from tests.k8s_apply.running import turns_until
from tests.k8s_watch.fake_api import FORBIDDEN
from tests.k8s_watch.http_server import ApiServer
from tests.lychgate.metrics_table import rows
from tests.lychgate.replicas import replica


def test_it_begins_with_what_sets_it_apart() -> None:
    with structlog.testing.capture_logs() as said:
        introduce(Settings(xds_port=1, proxy_replicas=2, namespace="ns"), api_server="https://here")
    (line,) = said
    assert (line["log_level"], line["event"], line["api_server"]) == ("info", "starting", "https://here")
    assert line["settings"] == {"namespace": "ns", "proxyReplicas": 2, "xdsPort": 1}
    assert line["version"] == importlib.metadata.version("lychgate")


async def test_every_metric_is_in_the_manual(tmp_path: Path, free_port: Callable[[], int]) -> None:
    async with replica(ApiServer(), tmp_path, free_port()) as doors:
        expected = list(rows(doors.metrics.registry))
    written = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text().splitlines()
    table = [line for line in written if line.startswith("| `")]
    assert [line[: len(row)] for line, row in zip(table, expected, strict=True)] == expected


async def test_that_it_is_ready_is_a_line(tmp_path: Path, free_port: Callable[[], int]) -> None:
    server = ApiServer()
    server.api.put(kinds.GATEWAY_CLASS, "eg", spec={"controllerName": Settings().controller_name})
    server.api.put(kinds.GATEWAY, "eg", spec={"gatewayClassName": "eg", "listeners": []})
    with structlog.testing.capture_logs() as said:
        async with replica(server, tmp_path, free_port()) as doors:
            await doors.until_answered("ok\n")
            await turns_until(lambda: any(line["event"] == "ready" for line in said))
    assert [line["gateways"] for line in said if line["event"] == "ready"] == [1]


@pytest.mark.parametrize("kind", [kinds.SECRET, kinds.BACKEND_TLS_POLICY], ids=lambda kind: kind.name)
async def test_what_may_not_be_read_is_in_the_answer_about_readiness_with_the_remedy(
    kind: AnyKind, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    server = ApiServer()
    server.api.refuse[kind.name] = FORBIDDEN
    async with replica(server, tmp_path, free_port()) as doors:
        await doors.until_answered(f"may not be read (apply docker/install.yaml again): {kind.name}\n")


async def test_a_cluster_without_the_gateway_api_is_in_the_answer_about_readiness(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    server = ApiServer()
    server.api.missing.add("Gateway")
    async with replica(server, tmp_path, free_port()) as doors:
        await doors.until_answered("no CRD serves (install the Gateway API): Gateway\n")
