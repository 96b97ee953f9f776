"""`lychgate run` where another process has the port."""

import socket
from pathlib import Path

import pytest

from tests.e2e.standalone import GATEWAY, Standalone

pytestmark = pytest.mark.envoy


def test_a_gateway_without_its_port_is_not_said_to_be_served(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (folder / "gateway.yaml").write_text(GATEWAY.format(port=port))
        with Standalone(folder, tmp_path / "state") as running:
            running.until(lambda: f"nothing of Gateway default/eg: port {port}" in running.output())
            assert "http://" not in running.output()
