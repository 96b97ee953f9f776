"""The pipeline: what changed goes through, what did not stays the very same object."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from immutables import Map

from flow.attempt import Failure, attempt
from flow.clock import SystemClock
from gateway_api.graph.routes.size import MAX_SIZE
from gateway_api.graph.types import GraphSettings
from k8s_watch.files import FileSource
from k8s_watch.keys import ObjectKey
from lychgate.pipeline import Pipeline, Step, build_everything
from tests.gateway_api.conftest import secret_data
from xds_server.snapshot.resource import ResourceType

EG = ObjectKey("default", "eg")
GATEWAYS = """\
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
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: other}
spec:
  gatewayClassName: eg
  listeners: [{name: http, port: 81, protocol: HTTP}]
"""


def route(gateway: str, path: str) -> str:
    return f"""\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: of-{gateway}}}
spec:
  parentRefs: [{{name: {gateway}}}]
  rules:
  - matches: [{{path: {{value: {path}}}}}]
    backendRefs: [{{name: backend, port: 80}}]
"""


def service(port: int) -> str:
    return f"""\
apiVersion: v1
kind: Service
metadata: {{name: backend}}
spec: {{ports: [{{name: http, port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: backend, labels: {{kubernetes.io/service-name: backend}}}}
addressType: IPv4
endpoints: [{{addresses: [127.0.0.1]}}]
ports: [{{name: http, port: {port}}}]
"""


class World:
    """Files, and the pipeline over them, pass after pass."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = FileSource([folder], clock=SystemClock())
        self.pipeline = Pipeline(GraphSettings())
        self.last: Step | None = None

    def __call__(self, **files: str) -> Step:
        for name, text in files.items():
            (self.folder / f"{name}.yaml").write_text(text)
        asyncio.run(self.source.reload())
        self.last = self.pipeline.update(self.source.snapshot())
        return self.last


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made(gateways=GATEWAYS, eg=route("eg", "/a"), other=route("other", "/a"), service=service(3000))
    return made


def versions(done: Step | None, key: ObjectKey = EG) -> dict[ResourceType, str]:
    assert done is not None
    return {type_: done.gateways[key].snapshot.of(type_).version for type_ in ResourceType}


def test_every_gateway_gets_a_snapshot_of_its_own(world: World) -> None:
    assert world.last is not None
    assert set(world.last.gateways) == {EG, ObjectKey("default", "other")}


def test_a_changed_route_moves_its_gateway_and_no_other(world: World) -> None:
    before = world.last
    after = world(eg=route("eg", "/b"))
    assert before is not None
    other = ObjectKey("default", "other")
    assert after.gateways[EG].snapshot is not before.gateways[EG].snapshot
    assert after.gateways[other].snapshot is before.gateways[other].snapshot


def test_a_moved_endpoint_leaves_the_graph_alone_and_moves_endpoints_only(world: World) -> None:
    before, old = world.last, versions(world.last)
    after = world(service=service(3001))
    assert before is not None
    assert after.graph is before.graph
    assert {t for t, version in versions(after).items() if version != old[t]} == {ResourceType.ENDPOINT}


def test_a_gateway_that_is_gone_takes_its_snapshot_with_it(world: World) -> None:
    after = world(gateways=GATEWAYS.rpartition("---\n")[0])
    assert set(after.gateways) == {EG}


def test_the_full_build_and_the_pass_over_the_one_before_agree(world: World) -> None:
    after = world(eg=route("eg", "/b"), service=service(3001))
    built = build_everything(world.source.snapshot(), GraphSettings()).gateways[EG].snapshot
    assert versions(after) == {type_: built.of(type_).version for type_ in ResourceType}


NOTHING = "# a file that was emptied this moment is about to be written\n"
TLS_GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: eg}
spec:
  gatewayClassName: eg
  listeners: [{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}]
  tls: {backend: {clientCertificateRef: {name: cert}}}
---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {name: outside}
spec:
  type: ExternalHostname
  port: {port: 443}
  externalHostname: {hostname: api.example.com}
  tls: {mode: ClientAndServer, clientCertificateRef: {name: cert}}
"""


def certificate_secret() -> str:
    """With another certificate each time."""
    data = yaml.safe_dump(secret_data(ec.generate_private_key(ec.SECP256R1())), default_flow_style=True)
    return f"apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata: {{name: cert}}\ndata: {data}"


def test_a_certificate_that_is_renewed_as_its_route_goes_is_the_new_one(world: World) -> None:
    """The listener, the Gateway and what the route led to all have it: the route's old one must not come back."""
    to_outside = route("eg", "/a").replace(
        "name: backend, port: 80", "group: gateway.networking.x-k8s.io, kind: XBackend, name: outside"
    )
    gateways = f"{GATEWAYS.partition('---')[0]}---\n{TLS_GATEWAY}"
    world(gateways=gateways, eg=to_outside, other=NOTHING, certificate=certificate_secret())
    after = world(eg=NOTHING, certificate=certificate_secret())
    built = build_everything(world.source.snapshot(), GraphSettings()).gateways[EG].snapshot
    assert len(built.of(ResourceType.SECRET).by_name) == 1
    assert versions(after) == {type_: built.of(type_).version for type_ in ResourceType}


def test_a_table_stays_scoped_when_a_stage_failed_in_between(world: World) -> None:
    """Below 500 hostnames it would not begin to be: to change it costs connections."""

    def hosts(count: int) -> str:
        return "---\n".join(
            route("eg", "/").replace("of-eg", f"r{n}").replace("  rules:", f"  hostnames: [h{n}.test]\n  rules:")
            for n in range(count)
        )

    world(eg=hosts(500))
    before = world(eg=hosts(300))
    moved = before.cluster.slices_by_service
    broken: Map[ObjectKey, Any] = Map({**moved, ObjectKey("default", "backend"): (object(),)})
    changed = {"EndpointSlice": frozenset({ObjectKey("default", "backend")})}
    cluster = msgspec.structs.replace(
        before.cluster, revision=before.cluster.revision + 1, slices_by_service=broken, changed=changed
    )
    assert "gateway default/eg" in {failure.what for failure in world.pipeline.update(cluster).failures}
    mended = msgspec.structs.replace(cluster, revision=cluster.revision + 1, slices_by_service=moved)
    after = world.pipeline.update(mended)
    assert not after.failures
    assert len(after.gateways[EG].snapshot.of(ResourceType.SCOPED_ROUTE).by_name) == 301
    assert versions(after) == versions(before)


def test_one_route_fills_neither_us_nor_a_proxy(world: World) -> None:
    """What an API server takes as 135 KB would come to 132 MB."""
    headers = [{"name": f"x-{i}", "value": "v" * 4000} for i in range(16)]
    said = [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": headers}}]
    to = [{"name": "backend", "port": 80}]
    rules = [
        {"matches": [{"path": {"value": f"/{r}/{m}"}} for m in range(64)], "filters": said, "backendRefs": to}
        for r in range(2)
    ]
    large = yaml.safe_load(route("eg", "/a")) | {"metadata": {"name": "large"}}
    large["spec"] |= {"hostnames": [f"h{i}.example.com" for i in range(16)], "rules": rules}
    done = world(large=json.dumps(large))
    assert not done.cluster.rejected
    [table] = done.gateways[EG].snapshot.of(ResourceType.ROUTE).by_name.values()
    assert len(table.body) < MAX_SIZE


def test_a_defect_comes_back_as_a_value_that_says_where() -> None:
    match attempt("gateway default/eg", lambda: int("no number")):
        case Failure(what, error):
            assert what == "gateway default/eg"
            assert isinstance(error, ValueError)
        case _:
            pytest.fail("a defect went unnoticed")
