"""What a person at a terminal is told to try."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from flow.clock import SystemClock
from gateway_api.graph.build import build_graph
from gateway_api.graph.types import GraphSettings
from k8s_watch.files import FileSource
from k8s_watch.keys import ObjectKey
from lychgate.standalone.announcing import announcement

GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: eg}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: eg}
spec:
  gatewayClassName: eg
  listeners: [{name: web, port: 80, protocol: HTTP}]
"""
ROUTE = """\
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: eg}]
  hostnames: ["*.example.com"]
  rules:
  - matches:
    - path: {value: /a}
      method: POST
      headers: [{name: x-canary, value: "yes"}]
      queryParams: [{name: q, value: "1"}]
"""


def announced(folder: Path, text: str, stuck: Mapping[ObjectKey, str] = {}) -> str:
    (folder / "all.yaml").write_text(text)
    source = FileSource([folder], clock=SystemClock())
    asyncio.run(source.reload())
    return announcement(build_graph(source.snapshot(), GraphSettings()), stuck)


def test_an_address_and_a_curl_line_for_every_match(tmp_path: Path) -> None:
    text = announced(tmp_path, GATEWAY + ROUTE)
    assert "http://127.0.0.1:10080   Gateway default/eg, listener web" in text
    assert "curl -X POST -H 'x-canary: yes' -H 'Host: any.example.com' 'http://127.0.0.1:10080/a?q=1'" in text


def test_gateways_are_named_in_order_each_time(tmp_path: Path) -> None:
    class_, _, gateway = GATEWAY.partition("---\n")
    names = [f"g{number}" for number in range(9)]
    gateways = [
        gateway.replace("name: eg", f"name: {name}", 1).replace("port: 80", f"port: 808{name[1:]}")
        for name in reversed(names)
    ]
    lines = announced(tmp_path, "---\n".join([class_, *gateways])).splitlines()
    assert [line.split("default/")[1].split(",")[0] for line in lines if "default/" in line] == names


def test_a_gateway_that_cannot_run_says_why_in_the_place_of_its_addresses(tmp_path: Path) -> None:
    text = announced(tmp_path, GATEWAY + ROUTE, {ObjectKey("default", "eg"): "port 10080 is in use"})
    assert text == "Serving:\n  nothing of Gateway default/eg: port 10080 is in use"


def test_nothing_to_serve_is_said(tmp_path: Path) -> None:
    assert "no Gateway of a GatewayClass of ours" in announced(tmp_path, GATEWAY.partition("---\n")[0])
    assert "no Gateway has a valid listener" in announced(tmp_path, GATEWAY.replace("HTTP}", "HTTPS}"))
