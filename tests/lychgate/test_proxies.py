"""Every setting of the proxies arrives in what they are made of."""

import json
from typing import Any

import msgspec
import pytest

from k8s_apply.infra.desired import desired
from lychgate.proxies import infra_settings, proxy_bootstrap
from lychgate.settings import Settings
from lychgate.surroundings import cluster_graph_settings
from tests.k8s_apply.gateways import CERTIFICATE, infra

POD = "Deployment.spec.template.spec"
ENVOY = f"{POD}.containers.0"
XDS = "bootstrap.static_resources.clusters.0"
XDS_ADDRESS = f"{XDS}.load_assignment.endpoints.0.lb_endpoints.0.endpoint.address.socket_address"
HEAP = "bootstrap.overload_manager.resource_monitors.1.typed_config.max_heap_size_bytes"
READY = "bootstrap.static_resources.listeners.2"
DRAIN = f"{READY}.filter_chains.0.filters.0.typed_config.route_config.virtual_hosts.0.routes.0.typed_per_filter_config"

EFFECTS: list[tuple[str, object, dict[str, object]]] = [
    ("envoy_image", "envoy:mine", {f"{ENVOY}.image": "envoy:mine"}),
    ("envoy_image_pull_policy", "Always", {f"{ENVOY}.imagePullPolicy": "Always"}),
    ("envoy_image_pull_secrets", "mine", {f"{POD}.imagePullSecrets": [{"name": "mine"}]}),
    ("proxy_replicas", 3, {"Deployment.spec.replicas": 3}),
    ("proxy_disruption_budget", False, {"PodDisruptionBudget": None}),
    ("proxy_service_type", "NodePort", {"Service.spec.type": "NodePort"}),
    ("proxy_external_traffic_policy", "Cluster", {"Service.spec.externalTrafficPolicy": "Cluster"}),
    (
        "proxy_ip_family",
        "DualStack",
        {
            "Service.spec.ipFamilyPolicy": "PreferDualStack",
            f"{READY}.address.socket_address.address": "::",
            "graph.bind_address": "::",
        },
    ),
    ("proxy_ip_family", "IPv6", {f"{READY}.address.socket_address.address": "::", "graph.bind_address": "::"}),
    ("proxy_cpu_request", "2000m", {f"{ENVOY}.resources.requests.cpu": "2"}),
    ("proxy_memory_request", "2048Mi", {f"{ENVOY}.resources.requests.memory": "2Gi"}),
    ("proxy_memory_limit", "5120Mi", {f"{ENVOY}.resources.limits.memory": "5Gi", HEAP: str(4 << 30)}),
    ("proxy_min_ready_seconds", 7, {"Deployment.spec.minReadySeconds": 7}),
    (
        "proxy_drain_seconds",
        70,
        {
            f"{POD}.terminationGracePeriodSeconds": 90,
            f"{ENVOY}.args.-1": "70",
            f"{DRAIN}.envoy.filters.http.fault.delay.fixed_delay": "70s",
        },
    ),
    ("proxy_drain_seconds", 0, {f"{ENVOY}.lifecycle": None, DRAIN: None}),
    ("proxy_log_level", "debug", {f"{ENVOY}.args.7": "debug"}),
    (
        "proxy_stats",
        "mine",
        {"bootstrap.stats_config.stats_matcher.inclusion_list.patterns.3.safe_regex.regex": "mine"},
    ),
    ("service_name", "mine", {f"{XDS_ADDRESS}.address": "mine.envoy-gateway-system.svc.cluster.local."}),
    (
        "cluster_domain",
        "mine",
        {
            f"{XDS_ADDRESS}.address": "envoy-gateway.envoy-gateway-system.svc.mine.",
            "graph.cluster_domain": "mine",
        },
    ),
    ("xds_port", 1234, {f"{XDS_ADDRESS}.port_value": 1234}),
    (
        "namespace",
        "mine",
        {
            f"{XDS_ADDRESS}.address": "envoy-gateway.mine.svc.cluster.local.",
            "Deployment.metadata.namespace": "mine",
        },
    ),
    ("gateway_namespace_mode", True, {"Service.metadata.namespace": "default", "graph.gateway_namespace_mode": True}),
    ("controller_name", "example.com/mine", {"graph.controller_name": "example.com/mine"}),
    ("privileged_port_shift", 0, {"graph.privileged_port_shift": 0}),
    ("route_scoping", "always", {"graph.route_scoping": "always"}),
    ("escaped_slashes", "KeepUnchanged", {"graph.paths.escaped_slashes": "KeepUnchanged"}),
    ("merge_slashes", False, {"graph.paths.merge_slashes": False}),
    ("request_timeout", "1m30s", {"graph.request_timeout": 90.0}),
    ("system_ca_file", "/mine", {"graph.system_ca_file": "/mine"}),
]


@pytest.mark.parametrize(("field", "value", "effects"), EFFECTS)
def test_a_setting_of_the_proxies_has_its_effect(field: str, value: object, effects: dict[str, object]) -> None:
    usual, made = proxies(Settings()), proxies(msgspec.structs.replace(Settings(), **{field: value}))
    for path, expected in effects.items():
        assert at(made, path) == expected
        assert at(usual, path) != expected


def test_no_setting_of_the_proxies_is_without_effect() -> None:
    names = {field.name for field in msgspec.structs.fields(Settings)}
    assert {name for name in names if name.startswith(("proxy_", "envoy_"))} <= {field for field, _, _ in EFFECTS}


def proxies(settings: Settings) -> dict[str, Any]:
    """One Gateway's objects by kind, their bootstrap and the graph's settings."""
    texts = proxy_bootstrap(settings, infra(), "secret")
    objects = desired(
        infra(), infra_settings(settings), bootstrap=texts, certificate=CERTIFICATE, drain_secret="secret"
    )
    return {
        **{each["kind"]: each for each in objects},
        "bootstrap": json.loads(texts["bootstrap.yaml"]),
        "graph": msgspec.to_builtins(cluster_graph_settings(settings)),
    }


def at(item: Any, path: str) -> Any:
    """What is there, None if nothing. A key may have dots in it."""
    if not path or item is None:
        return item
    if isinstance(item, list):
        index, _, rest = path.partition(".")
        return at(next(iter(item[int(index) :]), None), rest)
    key = next((key for key in item if f"{path}.".startswith(f"{key}.")), None)
    return None if key is None else at(item[key], path[len(key) + 1 :])
