"""Graph → the lines that tell a person at a terminal what is served and how to try it, once it is."""

import asyncio
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping

from flow.latest import Latest, ring
from gateway_api.graph.types import GatewayNode, Graph, HTTPRouteNode, ListenerNode, Routes
from gateway_api.ir.fleet import FleetReport, GatewayFleet
from gateway_api.ir.infra import InfraReport
from k8s_apply.local.ports import ADDRESS
from k8s_watch.files.folder import SUFFIXES
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.routes import HTTPRouteMatch
from lychgate.pipeline import Step
from lychgate.terminal import say

MOST_LINES = 12
"""Curl lines at most: a screen, not a catalogue."""
NO_LISTENER = "nothing yet: no Gateway has a valid listener"
NO_GATEWAY = f"nothing yet: no Gateway of a GatewayClass of ours is here (of folders, *{', *'.join(SUFFIXES)} are read)"


async def announce(steps: Latest[Step | None], fleet: Latest[FleetReport], infra: Latest[InfraReport]) -> None:
    """Say what is served once every proxy has it, and again whenever that differs. Runs until cancelled."""
    bell: Latest[int] = Latest(0)
    said = ""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ring(bell, steps), name="bell")
        tasks.create_task(ring(bell, fleet), name="bell")
        tasks.create_task(ring(bell, infra), name="bell")
        rung = 0
        while True:
            rung, _ = await bell.newer_than(rung)
            stuck = {key: seen.problem for key, seen in infra.value.gateways.items() if seen.problem}
            if (done := steps.value) and _in_sync(done, fleet.value, stuck):
                text = announcement(done.graph, stuck)
                if text != said:
                    said = text
                    say(text)


def _in_sync(done: Step, fleet: FleetReport, stuck: Collection[ObjectKey]) -> bool:
    """Whether every proxy that should and can serve has all of it."""
    serving = [key for key, gateway in done.gateways.items() if gateway.infra.ports and key not in stuck]
    states = [fleet.gateways.get(key, GatewayFleet()) for key in serving]
    return all(state.acked and state.acked == state.connected for state in states)


def announcement(graph: Graph, stuck: Mapping[ObjectKey, str]) -> str:
    """What is served, an address a line, and the curl lines to try. In order of the Gateways' keys.

    `stuck` are the Gateways without a proxy, each with the reason, which stands in the place of its addresses.
    """
    gateways = [gateway for _, gateway in sorted(graph.gateways.items()) if gateway.serves]
    served = [line for gateway in gateways for line in _places(gateway, stuck.get(gateway.key, ""))]
    running = (gateway for gateway in gateways if gateway.key not in stuck)
    tries = _first_different((line for gateway in running for line in _tries(graph, gateway)), MOST_LINES + 1)
    lines = ["Serving:", *(f"  {line}" for line in served or [NO_LISTENER if graph.gateways else NO_GATEWAY])]
    if tries:
        lines += ["Try:", *(f"  {line}" for line in tries[:MOST_LINES])]
    if len(tries) > MOST_LINES:
        lines.append("  … and more")
    return "\n".join(lines)


def _first_different(lines: Iterable[str], count: int) -> list[str]:
    """The first `count` lines that differ. Looks no further: there may be thousands, and every edit asks."""
    found: dict[str, None] = {}
    for line in lines:
        found[line] = None
        if len(found) == count:
            break
    return list(found)


def _places(gateway: GatewayNode, problem: str) -> Iterator[str]:
    if problem:
        yield f"nothing of Gateway {gateway.key}: {problem}"
        return
    for listener in gateway.all_listeners:
        if listener.serves:
            hosts = f" for {listener.spec.hostname}" if listener.spec.hostname else ""
            yield f"{_url(listener)}{hosts}   Gateway {gateway.key}, listener {listener.name}"


def _url(listener: ListenerNode) -> str:
    scheme = {"HTTP": "http", "HTTPS": "https"}.get(listener.spec.protocol, listener.spec.protocol.lower())
    return f"{scheme}://{ADDRESS}:{listener.bind_port}"


def _tries(graph: Graph, gateway: GatewayNode) -> Iterator[str]:
    listeners = {listener.name: listener for listener in gateway.all_listeners if listener.serves}
    routes = graph.http.get("HTTPRoute", Routes())
    for key in routes.of.get(gateway.key, ()):
        route = routes.nodes[key]
        for parent in route.parents:
            for binding in parent.bindings if parent.gateway == gateway.key else ():
                if listener := listeners.get(binding.listener):
                    for hostname in binding.hostnames[:1]:
                        yield from _route_tries(route, listener, hostname)


def _route_tries(route: HTTPRouteNode, listener: ListenerNode, hostname: str) -> Iterator[str]:
    for rule in route.rules:
        for match in rule.spec.matches:
            if match.path.type != "RegularExpression":
                yield _curl(match, listener, hostname)


def _curl(match: HTTPRouteMatch, listener: ListenerNode, hostname: str) -> str:
    host = "example.com" if hostname == "*" else hostname.replace("*", "any")
    words = ["curl"]
    if match.method and match.method != "GET":
        words += ["-X", match.method]
    words += [word for header in match.headers for word in ("-H", f"{header.name}: {header.value}")]
    query = "&".join(f"{q.name}={q.value}" for q in match.query_params)
    path = match.path.value + (f"?{query}" if query else "")
    if listener.spec.protocol == "HTTPS":
        # The name has to be in the TLS handshake too, so curl must believe that it resolves to us.
        words += ["-k", "--resolve", f"{host}:{listener.bind_port}:{ADDRESS}"]
        words.append(f"https://{host}:{listener.bind_port}{path}")
    else:
        words += [] if hostname == "*" else ["-H", f"Host: {host}"]
        words.append(_url(listener) + path)
    return shlex.join(words)
