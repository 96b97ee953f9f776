"""What became of a case → the texts of its golden files: only what the case is about, and short enough to review."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
import yaml

from gateway_api.ir import xds as ir
from gateway_api.ir.infra import InfraIR
from gateway_api.status.types import (
    Body,
    Condition,
    GatewayClassStatus,
    GatewayStatus,
    ListenerSetStatus,
    PolicyStatus,
    RouteStatus,
    StatusKey,
)
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.routes import ParentReference
from protos.render import decode, to_dict
from tests.cases.case import ROOT, Case, Outcome, Result, load
from xds_server.snapshot.resource import TYPE_URLS, ResourceType, Snapshot

PLAIN = "gateway/plain"
"""The case that shows in full what the others leave out."""


def goldens(case: Case, outcome: Outcome) -> dict[str, str]:
    """File name → text."""
    shown = _shown_gateways(case, outcome)
    return {
        "status.yaml": yaml.safe_dump(_statuses(case, outcome), sort_keys=False, width=1000),
        "ir.yaml": _dump({str(key): _lowered(case, result) for key, result in shown.items()}),
        "xds.yaml": _dump({str(key): _translated(case, result) for key, result in shown.items()}),
    }


def resources(snapshot: Snapshot, type_: ResourceType) -> list[dict[str, Any]]:
    """All resources of one type in Envoy's own spelling, sorted by name."""
    return [to_dict(decode(TYPE_URLS[type_], each.body)) for each in snapshot.of(type_).in_order]


def conditions(status: Body) -> tuple[Condition, ...]:
    """Every condition of a status, at whatever depth."""
    match status:
        case GatewayClassStatus():
            return status.conditions
        case GatewayStatus() | ListenerSetStatus():
            return (*status.conditions, *(each for listener in status.listeners for each in listener.conditions))
        case RouteStatus():
            return tuple(each for parent in status.parents for each in parent.conditions)
        case PolicyStatus():
            return tuple(each for ancestor in status.ancestors for each in ancestor.conditions)


def _shown_gateways(case: Case, outcome: Outcome) -> dict[ObjectKey, Result]:
    """Those that the case brings; when it brings none, that of the world."""
    own = {key for kind, key in case.objects if kind == "Gateway"}
    return {key: result for key, result in sorted(outcome.gateways.items()) if key in own or not own}


# --- status -----------------------------------------------------------------------------------------------------------


def _statuses(case: Case, outcome: Outcome) -> dict[str, Any]:
    """Of the case's own objects; of all in the plain case, which shows what is usual."""
    if case.name == PLAIN:
        return {str(key): _status(outcome.statuses[key], frozenset()) for key in sorted(outcome.statuses, key=str)}
    keys = (StatusKey(kind=kind, key=key) for kind, key in case.objects)
    return {str(key): _status(outcome.statuses[key], _usual()) for key in keys if key in outcome.statuses}


def _status(body: Body, usual: frozenset[str]) -> dict[str, Any]:
    match body:
        case GatewayClassStatus(conditions=found):
            return _conditions(found, usual)
        case (
            GatewayStatus(conditions=found, listeners=listeners)
            | ListenerSetStatus(conditions=found, listeners=listeners)
        ):
            attached = body.attached_listener_sets if isinstance(body, GatewayStatus) else 0
            return {
                **_conditions(found, usual),
                **({"attachedListenerSets": attached} if attached else {}),
                "listeners": {
                    listener.name: {
                        "attachedRoutes": listener.attached_routes,
                        "supportedKinds": ", ".join(kind.kind for kind in listener.supported_kinds),
                        **_conditions(listener.conditions, usual),
                    }
                    for listener in listeners
                },
            }
        case RouteStatus(parents=parents):
            return {_parent(parent.parent_ref): _conditions(parent.conditions, usual) for parent in parents}
        case PolicyStatus(ancestors=ancestors):
            return {_parent(one.ancestor_ref): _conditions(one.conditions, usual) for one in ancestors}


def _conditions(found: Iterable[Condition], usual: frozenset[str]) -> dict[str, str]:
    """One line each; those that say what they say in the plain case share one line."""
    lines = {each.type: f"{each.status} ({each.reason}) {each.message}" for each in found}
    as_usual = ", ".join(type_ for type_, line in lines.items() if line in usual)
    unusual = {type_: line for type_, line in lines.items() if line not in usual}
    return {**unusual, "as usual": as_usual} if as_usual else unusual


@cache
def _usual() -> frozenset[str]:
    statuses = load(ROOT / PLAIN).run().statuses.values()
    found = (condition for status in statuses for condition in conditions(status))
    return frozenset(f"{each.status} ({each.reason}) {each.message}" for each in found)


def _parent(ref: ParentReference) -> str:
    kind = "" if ref.kind == "Gateway" else f"{ref.kind} "
    parts = [kind + (f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name)]
    parts += [f"section {ref.section_name}"] if ref.section_name else []
    parts += [f"port {ref.port}"] if ref.port else []
    return ", ".join(parts)


# --- ir ---------------------------------------------------------------------------------------------------------------


def _lowered(case: Case, result: Result) -> dict[str, Any]:
    shown = {
        "listeners": [_listener(listener) for listener in result.ir.listeners],
        "route_tables": {table.name: _table(table) for table in result.ir.route_tables},
        "clusters": [_cluster(cluster) for cluster in result.ir.clusters],
        "secrets": [secret.name for secret in result.ir.secrets],
    }
    if "endpoint" in case.claim.show:
        shown["endpoints"] = {each.cluster: list(map(_endpoint, each.endpoints)) for each in result.endpoints}
    if "infra" in case.claim.show:
        shown["infra"] = _without_empty(_infra(result.infra))
    return {key: value for key, value in shown.items() if value}


def _listener(of: ir.Listener) -> dict[str, Any]:
    place = {"name": of.name, "port": of.port, "bind_port": of.bind_port}
    if of.datagrams is not None:
        return {**place, "udp": _destinations(of.datagrams.destinations)}
    return {**place, "filter_chains": [_filter_chain(chain) for chain in of.filter_chains]}


def _filter_chain(of: ir.FilterChain) -> dict[str, Any]:
    """The kind of handler stands for the field; a TCP chain without destinations is shown as such."""
    fields = _without_empty(msgspec.to_builtins(of))
    match of.handler:
        case ir.HttpChain(route_table=name, scoping=scoping):
            handler: dict[str, Any] = {"http": name}
            if scoping:
                handler["a scope each"] = list(scoping.wildcards)
        case ir.TcpChain(destinations=destinations):
            handler = {"tcp": _destinations(destinations)}
    return {key: value for key, value in fields.items() if key != "handler"} | handler


def _destinations(of: Iterable[ir.Destination]) -> list[str]:
    return [f"{each.cluster} weight {each.weight}" for each in of]


def _table(of: ir.RouteTable) -> dict[str, Any]:
    """By hostname: one without routes is shown, for it keeps requests from other hosts' routes."""
    return {host.hostname: [_acting(route) for route in host.routes] for host in of.virtual_hosts}


def _acting(of: ir.Route | ir.Share) -> dict[str, Any]:
    """The kind of action stands for the field."""
    fields = _without_empty(msgspec.to_builtins(of))
    del fields["action"]
    return fields | _action(of.action)


def _action(of: ir.Action) -> dict[str, Any]:
    match of:
        case ir.Split(shares=shares):
            return {"split": [_acting(share) for share in shares]}
        case _:
            return {type(of).__name__.lower(): _without_empty(msgspec.to_builtins(of))}


def _cluster(of: ir.Cluster) -> str:
    tls = (
        "" if of.tls is None else f", TLS to {of.tls.server_name}, named {_names(of.tls)}, by {of.tls.authorities.name}"
    )
    shown = "" if of.tls is None or of.tls.client_certificate is None else f", as {of.tls.client_certificate.name}"
    budget = of.retry_budget
    retries = "" if budget is None else f", retries {budget.percent} % or {budget.at_least}"
    where = f", looked up as {of.hostname}" if of.hostname else ""
    near = ", near" if of.near else ""
    return f"{of.name} ({of.protocol}{where}{tls}{shown}{retries}{near})"


def _names(of: ir.UpstreamTls) -> str:
    return " or ".join(name.value for name in of.names)


def _endpoint(of: ir.Endpoint) -> str:
    draining = " draining" if of.draining else ""
    return f"{of.address} port {of.port}{draining}" + (f" zone {of.zone}" if of.zone else "")


def _infra(of: InfraIR) -> dict[str, Any]:
    ports = {port.name: f"{port.protocol} {port.port} binds {port.bind_port}" for port in of.ports}
    return {"ports": ports, "labels": of.labels, "annotations": of.annotations, "addresses": list(of.addresses)}


def _without_empty(value: Any) -> Any:
    match value:
        case dict():
            shown = {key: _without_empty(each) for key, each in value.items()}
            return {key: each for key, each in shown.items() if each not in ({}, [], None)}
        case list() | tuple():
            return [_without_empty(each) for each in value]
        case _:
            return value


# --- xds --------------------------------------------------------------------------------------------------------------


def _translated(case: Case, result: Result) -> dict[str, Any]:
    types = [type_ for type_ in ResourceType if type_.name.lower() in case.claim.show]
    shown = {type_.name.lower(): resources(result.snapshot, type_) for type_ in types}
    plain = frozenset[str]() if case.name == PLAIN else _plain_fields()
    return {name: _special(found, plain) for name, found in shown.items() if found}


ESSENTIAL = frozenset(
    {
        "@type",
        "address",
        "cluster",
        "cluster_name",
        "domains",
        "endpoint",
        "endpoints",
        "filter_chains",
        "filters",
        "lb_endpoints",
        "match",
        "name",
        "port_value",
        "prefix",
        "rds",
        "route",
        "route_config_name",
        "routes",
        "socket_address",
        "typed_config",
        "virtual_hosts",
    }
)
"""Fields that are always shown. Others are left out where they are as in the case `gateway/plain`, which shows them."""


def _special(value: Any, plain: frozenset[str]) -> Any:
    match value:
        case dict():
            return {key: _special(each, plain) for key, each in value.items() if _pair(key, each) not in plain}
        case list():
            return [_special(each, plain) for each in value]
        case _:
            return value


@cache
def _plain_fields() -> frozenset[str]:
    """The boilerplate of the case `gateway/plain`: field and value."""
    outcome = load(ROOT / PLAIN).run()
    found: set[str] = set()
    for result in outcome.gateways.values():
        for type_ in ResourceType:
            found.update(_boilerplate(resources(result.snapshot, type_)))
    return frozenset(found)


def _boilerplate(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for key, each in value.items():
                if key in ESSENTIAL:
                    yield from _boilerplate(each)
                else:
                    yield _pair(key, each)
        case list():
            for each in value:
                yield from _boilerplate(each)


def _pair(key: str, value: Any) -> str:
    return msgspec.json.encode((key, value), order="deterministic").decode()


def _dump(value: Mapping[str, Any]) -> str:
    return yaml.safe_dump(value, sort_keys=False, width=120, default_flow_style=None, allow_unicode=True)
