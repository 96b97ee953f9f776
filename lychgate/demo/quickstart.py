"""Services that ask for a demo backend → the backends, run beside the proxies."""

import asyncio
from collections.abc import Iterator, Set
from ipaddress import ip_address

import structlog

from flow.latest import Latest
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import Endpoint, EndpointSlice
from k8s_watch.snapshot import ClusterSnapshot
from lychgate.demo.backend import Backend
from lychgate.pipeline import Step

log = structlog.get_logger("lychgate.demo")

ANNOTATION = "lychgate.dev/demo-backend"
"""On a Service: "true" asks `lychgate run` for a demo backend at each of its endpoints on this machine."""


def demo_backends(cluster: ClusterSnapshot) -> tuple[Backend, ...]:
    """Find the backends that annotated Services ask for: one for each loopback address and port of their slices.

    Named after the Service, and numbered where it has several. Endpoints elsewhere are none of our business.
    """
    return tuple(
        backend
        for key, service in sorted(cluster.services.items())
        if service.metadata.annotations.get(ANNOTATION) == "true"
        for backend in _backends(key, cluster.slices_by_service.get(key, ()))
    )


async def run_demo_backends(steps: Latest[Step | None], elsewhere: Set[tuple[str, int]]) -> None:
    """Run the backends that the newest step asks for, as long as it does, until cancelled.

    None runs at the addresses and ports `elsewhere`, of which somebody has said that another backend is there.
    """
    running: dict[Backend, asyncio.Task[None]] = {}
    seen: ClusterSnapshot | None = None
    version = 0
    async with asyncio.TaskGroup() as tasks:
        while True:
            version, done = await steps.newer_than(version)
            if done is None or (seen and _ask_alike(seen, done.cluster)):
                continue
            seen = done.cluster
            wanted = {each for each in demo_backends(seen) if (each.host, each.port) not in elsewhere}
            for gone in running.keys() - wanted:
                running.pop(gone).cancel()
            for new in wanted - running.keys():
                running[new] = tasks.create_task(_run(new), name=f"demo backend {new.name}")


def _ask_alike(one: ClusterSnapshot, other: ClusterSnapshot) -> bool:
    return one.services is other.services and one.slices_by_service is other.slices_by_service


async def _run(backend: Backend) -> None:
    """Serve until cancelled. A port that is taken is left to whoever has it: that is a backend too."""
    try:
        async with backend.serving():
            await asyncio.Event().wait()
    except OSError as error:
        log.warning("demo backend not started", name=backend.name, port=backend.port, reason=str(error))


def _backends(service: ObjectKey, slices: tuple[EndpointSlice, ...]) -> Iterator[Backend]:
    places = sorted(set(_places(slices)))
    for number, (host, port) in enumerate(places, 1):
        name = service.name if len(places) == 1 else f"{service.name}-{number}"
        yield Backend(name=name, namespace=service.namespace, host=host, port=port)


def _places(slices: tuple[EndpointSlice, ...]) -> Iterator[tuple[str, int]]:
    for one in (each for each in slices if each.address_type != "FQDN"):  # the others' addresses were looked at
        for address in (address for endpoint in one.endpoints for address in _loopback(endpoint)):
            yield from ((address, port.port) for port in one.ports if port.port is not None and port.protocol == "TCP")


def _loopback(endpoint: Endpoint) -> Iterator[str]:
    return (address for address in endpoint.addresses if ip_address(address).is_loopback)
