"""The manifests in docker/ agree with each other and with what is written about them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from gateway_api.ir.pod import BOOTSTRAP_FILE
from k8s_apply.infra.pod import pod_template
from k8s_apply.infra.settings import InfraSettings
from tests.k8s_apply.gateways import infra

ROOT = Path(__file__).parents[2]
SETTINGS = {"configMapRef": {"name": "envoy-gateway-settings", "optional": True}}


def documents(file: str = "install.yaml") -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ROOT / "docker" / file).read_text()))


def pods() -> Iterator[dict[str, Any]]:
    """The spec of every pod that runs Lychgate, in the order of the file."""
    for each in documents():
        if each["kind"] in ("Job", "CronJob", "Deployment"):
            of = each["spec"]["jobTemplate"]["spec"] if each["kind"] == "CronJob" else each["spec"]
            yield of["template"]["spec"]


def containers() -> list[dict[str, Any]]:
    return [container for pod in pods() for container in pod["containers"]]


def test_whoever_runs_lychgate_reads_the_same_settings() -> None:
    """The certificate's names follow from settings: certgen with others would make one that no proxy accepts."""
    found = containers()
    assert [each["args"] for each in found] == [["certgen"], ["certgen"], ["serve"]]
    assert [each["envFrom"] for each in found] == [[SETTINGS]] * 3


def test_the_variables_that_win_over_the_config_map_are_named() -> None:
    written = (ROOT / "docs" / "settings.md").read_text()
    assert all(f"`{variable['name']}`" in written for each in containers() for variable in each["env"])


def test_no_pod_has_variables_for_the_services_of_its_namespace() -> None:
    """Each Gateway has one there, and so many variables no container can be started with."""
    assert {pod["enableServiceLinks"] for pod in pods()} == {False}


def test_an_upgrade_leaves_the_number_of_replicas_alone() -> None:
    """`kubectl scale` owns it; a number here would be a conflict, after which the old version stays."""
    assert [each["kind"] for each in documents() if "replicas" in each.get("spec", {})] == []


def test_all_but_the_namespace_can_be_removed() -> None:
    """The proxies are in it: docs/from-envoy-gateway.md, the way back, cuts the file at its first separator."""
    _, _, others = (ROOT / "docker" / "install.yaml").read_text().partition("\n---\n")
    kinds = [each["kind"] for each in documents()]
    assert kinds == ["Namespace", *(each["kind"] for each in yaml.safe_load_all(others))]
    assert kinds.count("Namespace") == 1


def test_certificates_are_renewed_though_an_earlier_renewal_hangs() -> None:
    """A pod waits for its image for ever, and its Job with it: every later night would be left out."""
    assert [each["spec"]["concurrencyPolicy"] for each in documents() if each["kind"] == "CronJob"] == ["Replace"]


def test_what_a_renewal_that_failed_has_said_can_be_read() -> None:
    """Of one that begins again in its pod, Kubernetes deletes the pod with the last try, and its log with it."""
    assert [pod.get("restartPolicy") for pod in pods()] == ["Never", "Never", None]


def test_the_manual_names_the_alerts_of_each_metric() -> None:
    *_, of = documents("prometheus.yaml")
    rules = [rule for group in of["spec"]["groups"] for rule in group["rules"]]
    lines = (ROOT / "docs" / "metrics.md").read_text().splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| `lychgate_")]
    named = {row[0].strip(" `"): re.findall(r"\w+", row[-1]) for row in rows}
    assert named == {
        metric: [rule["alert"] for rule in rules if re.search(rf"\b{metric}(_bucket)?\b", rule["expr"])]
        for metric in named
    }
    looked_at = {metric for rule in rules for metric in re.findall(r"lychgate_\w+", rule["expr"])}
    assert {metric.removesuffix("_bucket") for metric in looked_at} <= named.keys()


def test_what_prometheus_looks_for_is_there() -> None:
    services, proxies, _ = documents("prometheus.yaml")
    wanted = services["spec"]["selector"]["matchLabels"].items()
    exposed = [each for each in documents() if each["kind"] == "Service"]
    (found,) = (each for each in exposed if wanted <= each["metadata"]["labels"].items())
    assert services["spec"]["endpoints"][0]["port"] in {port["name"] for port in found["spec"]["ports"]}
    pod = pod_template(infra(), InfraSettings(), bootstrap={BOOTSTRAP_FILE: "{}"}, drain_secret="")
    assert proxies["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    (endpoint,) = proxies["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    assert endpoint["path"] == pod["metadata"]["annotations"]["prometheus.io/path"]
