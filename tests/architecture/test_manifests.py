"""The manifests in docker/ agree with each other and with what is written about them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
SETTINGS = {"configMapRef": {"name": "envoy-gateway-settings", "optional": True}}


def containers() -> Iterator[dict[str, Any]]:
    """Every container that runs Lychgate, in the order of the file."""
    for each in yaml.safe_load_all((ROOT / "docker" / "install.yaml").read_text()):
        if each["kind"] in ("Job", "CronJob", "Deployment"):
            of = each["spec"]["jobTemplate"]["spec"] if each["kind"] == "CronJob" else each["spec"]
            yield from of["template"]["spec"]["containers"]


def test_whoever_runs_lychgate_reads_the_same_settings() -> None:
    """The certificate's names follow from settings: certgen with others would make one that no proxy accepts."""
    found = list(containers())
    assert [each["args"] for each in found] == [["certgen"], ["certgen"], ["serve"]]
    assert [each["envFrom"] for each in found] == [[SETTINGS]] * 3


def test_the_variables_that_win_over_the_config_map_are_named() -> None:
    written = (ROOT / "docs" / "settings.md").read_text()
    assert all(f"`{variable['name']}`" in written for each in containers() for variable in each["env"])


def test_an_upgrade_leaves_the_number_of_replicas_alone() -> None:
    """`kubectl scale` owns it; a number here would be a conflict, after which the old version stays."""
    documents = yaml.safe_load_all((ROOT / "docker" / "install.yaml").read_text())
    assert [each["kind"] for each in documents if "replicas" in each.get("spec", {})] == []


def test_certificates_are_renewed_though_an_earlier_renewal_hangs() -> None:
    """A pod waits for its image for ever, and its Job with it: every later night would be left out."""
    documents = yaml.safe_load_all((ROOT / "docker" / "install.yaml").read_text())
    assert [each["spec"]["concurrencyPolicy"] for each in documents if each["kind"] == "CronJob"] == ["Replace"]
