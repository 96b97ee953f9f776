"""The roles in docker/ grant what the code uses, and nothing else."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8s_apply.permissions import PERMISSIONS, Scope

DOCKER = Path(__file__).parents[2] / "docker"

ROLES = {
    Scope.CLUSTER: ("install.yaml", "ClusterRole", "envoy-gateway"),
    Scope.SYSTEM_NAMESPACE: ("install.yaml", "Role", "envoy-gateway"),
    Scope.CERTGEN: ("install.yaml", "Role", "envoy-gateway-certgen"),
    Scope.GATEWAY_NAMESPACES: ("gateway-namespace-mode.yaml", "ClusterRole", "envoy-gateway-infrastructure"),
}

type Grant = tuple[str, str, str]
"""API group, resource, verb."""


@pytest.mark.parametrize("scope", Scope)
def test_a_role_grants_what_is_used_and_no_more(scope: Scope) -> None:
    used = [rule for rule in PERMISSIONS if rule.scope is scope]
    expected = {grant for rule in used for grant in grants([rule.group], rule.resources, rule.verbs)}
    assert granted(*ROLES[scope]) == expected


def test_every_role_is_compared() -> None:
    files = [path.name for path in DOCKER.glob("*.yaml")]
    roles = {(file, each["kind"], each["metadata"]["name"]) for file in files for each in documents(file)}
    assert {role for role in roles if role[1] in ("Role", "ClusterRole")} == set(ROLES.values())


def granted(file: str, kind: str, name: str) -> set[Grant]:
    (role,) = (each for each in documents(file) if each["kind"] == kind and each["metadata"]["name"] == name)
    return {grant for rule in role["rules"] for grant in grants(rule["apiGroups"], rule["resources"], rule["verbs"])}


def grants(groups: Iterable[str], resources: Iterable[str], verbs: Iterable[str]) -> set[Grant]:
    return {(group, resource, verb) for group in groups for resource in resources for verb in verbs}


def documents(file: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DOCKER / file).read_text()))
