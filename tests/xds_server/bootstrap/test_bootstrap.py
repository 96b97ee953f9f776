"""What a bootstrap says, and what it refuses to say."""

import json
from typing import Any

import pytest

from k8s_watch.keys import ObjectKey
from xds_server.bootstrap.local import local_bootstrap
from xds_server.bootstrap.pod import Drain, pod_bootstrap

KEY = ObjectKey("default", "eg")


def local(xds: str = "127.0.0.1:18000", admin_socket: str = "/run/a.sock") -> dict[str, Any]:
    return json.loads(local_bootstrap(gateway=KEY, node_id="n", xds=xds, admin_socket=admin_socket))


def pod(**fields: Any) -> dict[str, dict[str, Any]]:
    files = pod_bootstrap(gateway=KEY, xds_host="cp.ns.svc.cluster.local", **fields)
    return {name: json.loads(text) for name, text in files.items()}


def address(bootstrap: dict[str, Any]) -> dict[str, Any]:
    [cluster] = [c for c in bootstrap["static_resources"]["clusters"] if c["name"] == "xds_cluster"]
    return cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]


def test_the_node_is_of_its_gateway() -> None:
    assert local()["node"] == {"id": "n", "cluster": "default/eg"}


def test_the_local_admin_interface_is_a_socket_of_this_user() -> None:
    assert local()["admin"]["address"] == {"pipe": {"path": "/run/a.sock", "mode": 0o600}}


@pytest.mark.parametrize(
    ("xds", "expected"),
    [
        ("127.0.0.1:18000", {"socket_address": {"address": "127.0.0.1", "port_value": 18000}}),
        ("[::1]:18000", {"socket_address": {"address": "::1", "port_value": 18000}}),
        ("unix:/run/xds.sock", {"pipe": {"path": "/run/xds.sock"}}),
    ],
)
def test_the_control_plane_is_an_address_or_a_socket(xds: str, expected: dict[str, Any]) -> None:
    assert address(local(xds)) == expected


@pytest.mark.parametrize(
    ("xds", "admin_socket"),
    [("localhost", "/a"), (":1", "/a"), ("a:b", "/a"), ("unix:", "/a"), ("a:1", "/" + "x" * 107)],
)
def test_an_address_that_cannot_be_is_refused(xds: str, admin_socket: str) -> None:
    with pytest.raises(ValueError, match=r"address|path"):
        local(xds, admin_socket)


def test_a_proxy_waits_for_its_first_configuration_without_end() -> None:
    dynamic = local()["dynamic_resources"]
    assert dynamic["ads_config"]["api_type"] == "DELTA_GRPC"
    assert {dynamic[name]["initial_fetch_timeout"] for name in ("lds_config", "cds_config")} == {"0s"}


def test_a_pod_finds_its_certificates_by_file() -> None:
    files = pod(certs_dir="/certs")
    assert sorted(files) == ["bootstrap.yaml", "xds-certificate.json", "xds-trusted-ca.json"]
    [certificate] = files["xds-certificate.json"]["resources"]
    assert certificate["tls_certificate"] == {
        "certificate_chain": {"filename": "/certs/tls.crt"},
        "private_key": {"filename": "/certs/tls.key"},
        "watched_directory": {"path": "/certs"},
    }


def test_a_pod_trusts_the_control_plane_by_its_name() -> None:
    [trusted] = pod()["xds-trusted-ca.json"]["resources"]
    [name] = trusted["validation_context"]["match_typed_subject_alt_names"]
    assert name == {"san_type": "DNS", "matcher": {"exact": "cp.ns.svc.cluster.local"}}
    assert address(pod()["bootstrap.yaml"])["socket_address"]["address"] == "cp.ns.svc.cluster.local."


def test_a_pod_knows_its_zone_and_that_a_proxy_is_in_it() -> None:
    bootstrap = pod(zone="$(ZONE)")["bootstrap.yaml"]
    assert bootstrap["node"]["locality"] == {"zone": "$(ZONE)"}
    local = bootstrap["cluster_manager"]["local_cluster_name"]
    [proxies] = [c for c in bootstrap["static_resources"]["clusters"] if c["name"] == local]
    assert [each["locality"] for each in proxies["load_assignment"]["endpoints"]] == [{"zone": "$(ZONE)"}]


def test_who_waits_for_a_drain_is_not_cut_off_as_idle() -> None:
    listeners = pod(drain=Drain(600, "secret"))["bootstrap.yaml"]["static_resources"]["listeners"]
    managers = [one["filter_chains"][0]["filters"][0]["typed_config"] for one in listeners if one["name"] != "scopes"]
    assert [manager.get("stream_idle_timeout") for manager in managers] == [None, "0s"]


def test_the_heap_is_limited_where_a_limit_is_known() -> None:
    def monitors(**fields: object) -> list[str]:
        names = [m["name"] for m in pod(**fields)["bootstrap.yaml"]["overload_manager"]["resource_monitors"]]
        return [name.removeprefix("envoy.resource_monitors.") for name in names]

    assert monitors() == ["global_downstream_max_connections"]
    assert monitors(max_heap_bytes=1 << 30) == ["global_downstream_max_connections", "fixed_heap"]


def test_equal_arguments_give_equal_texts() -> None:
    assert pod_bootstrap(gateway=KEY, xds_host="a") == pod_bootstrap(gateway=KEY, xds_host="a")
