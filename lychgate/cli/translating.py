"""`lychgate translate`: YAML files → what they become, on standard output; what is wrong on standard error."""

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from flow.clock import SystemClock
from gateway_api.ir.fleet import FleetReport
from gateway_api.ir.infra import InfraReport
from gateway_api.ir.xds import PrivateBytes
from gateway_api.status.build import build_statuses
from k8s_apply.status_report import Oversight, make_report
from k8s_watch.files import FileSource, OverrideError, parse_override
from k8s_watch.files.folder import file_text
from k8s_watch.snapshot import ClusterSnapshot
from lychgate.pipeline import Built, build_everything
from lychgate.remarks.oversights import oversights
from lychgate.settings import Settings
from lychgate.surroundings import cluster_graph_settings
from lychgate.terminal import complain, reporting
from protos import render
from xds_server.snapshot.resource import TYPE_URLS, ResourceType

DEFAULTS = Settings()
STANDARD_INPUT = Path("-")


def main(
    paths: Sequence[Path],
    backends: Sequence[str],
    to: str,
    output: str,
    *,
    settings: Settings = DEFAULTS,
    strict: bool = False,
) -> int:
    """Print the translation; return the exit code: 0, 1 when an object was rejected, 2 for a wrong `--backend`.

    `to` is xds, ir or status; `output` is yaml or json.

    With `strict`, it is 1 also when a condition is bad that needs no proxy to be good, for every warning, and where
    there is no Gateway.
    """
    views = {"xds": xds, "ir": ir, "status": statuses}
    try:
        overrides = [parse_override(text) for text in backends]
    except OverrideError as error:
        complain(f"lychgate translate: --backend {error}")
        return 2
    given = {"standard input": file_text(sys.stdin.buffer)} if STANDARD_INPUT in paths else {}
    paths = [path for path in paths if path != STANDARD_INPUT]
    source = FileSource(paths, clock=SystemClock(), overrides=overrides, given=given)
    asyncio.run(source.reload())
    cluster = source.snapshot()
    done = build_everything(cluster, cluster_graph_settings(settings))
    document = views[to](done)
    text = json.dumps(document, indent=2)
    if output == "yaml":  # through JSON, which has no other types than YAML's dumper knows
        text = yaml.dump(json.loads(text), Dumper=yaml.CSafeDumper, sort_keys=False)
    with reporting("translate"):
        print(text.rstrip())
    for passed in cluster.passed_over:
        complain(f"note: {passed.where}: not read: {passed.what}")
    found = oversights(cluster, done.graph, overrides)
    report_oversights(found)
    bad = (report_bad(done) or bool(found)) if strict else 0
    return int(report_rejected(cluster) or bad)


def xds(done: Built) -> dict[str, Any]:
    """Gateway → type of resource → resources, as Envoy's own configuration files spell them. Keys are redacted."""
    return {
        str(key): {
            type_.name.lower() + "s": [
                render.to_dict(render.decode(TYPE_URLS[type_], resource.body))
                for resource in gateway.snapshot.of(type_).in_order
            ]
            for type_ in ResourceType
        }
        for key, gateway in sorted(done.gateways.items())
    }


def ir(done: Built) -> dict[str, Any]:
    """Gateway → what its proxies must do, in our own words."""
    return {
        str(key): {
            "xds": _plain(gateway.ir),
            "endpoints": _plain(gateway.endpoints),
            "infra": _plain(gateway.infra),
        }
        for key, gateway in sorted(done.gateways.items())
    }


def statuses(done: Built) -> dict[str, Any]:
    """Object → the status that we would write, as long as nothing runs."""
    wished = build_statuses(done.graph, FleetReport(), InfraReport())
    return {str(key): _plain(body) for key, body in sorted(wished.items(), key=lambda item: str(item[0]))}


def _plain(record: object) -> Any:
    return msgspec.to_builtins(record, enc_hook=_hidden)


def _hidden(value: object) -> object:
    if isinstance(value, PrivateBytes):
        return repr(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no plain form for {type(value).__name__}")


def report_oversights(found: Iterable[Oversight]) -> None:
    """Warn on standard error of each."""
    for one in found:
        complain(f"warning: {one.object}: {one.reason}")


def report_bad(done: Built) -> int:
    """Name every bad condition on standard error but Programmed, which needs a proxy; return 1 when there was one.

    That there is no Gateway is as bad.
    """
    wished = build_statuses(done.graph, FleetReport(), InfraReport())
    bad = make_report(wished).mistakes
    for row in bad:
        complain(f"bad: {row.place}: {row.type} is {row.status}, {row.reason}: {row.message}")
    if not done.gateways:
        complain("bad: there is no Gateway that is ours: nothing would be served")
    return 1 if bad or not done.gateways else 0


def report_rejected(cluster: ClusterSnapshot) -> int:
    """Name every rejected object on standard error; return 1 when there was one."""
    for rejected in cluster.rejected:
        complain(f"{rejected.where}: {rejected.object}: {rejected.reason}")
    return 1 if cluster.rejected else 0
