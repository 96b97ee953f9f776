"""A cluster under watch, in memory and in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from k8s_watch import kinds
from k8s_watch.cluster import Cluster
from k8s_watch.informer import KindHealth
from k8s_watch.keys import AnyKind
from tests.flow.virtual_clock import VirtualClock
from tests.k8s_watch.fake_api import FakeApi

WATCHED: tuple[AnyKind, ...] = (kinds.SERVICE, kinds.CONFIG_MAP, kinds.GATEWAY, kinds.HTTP_ROUTE, kinds.TCP_ROUTE)


class World:
    """An API server, a cluster that watches it, and the time of both."""

    def __init__(self, watched: tuple[AnyKind, ...] = WATCHED, *, page_size: int = 1000) -> None:
        self.clock = VirtualClock()
        self.api = FakeApi(self.clock, page_size=page_size)
        self.cluster = Cluster(self.api, clock=self.clock, kinds=watched)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch in the background."""
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self.cluster.run())
            try:
                await self.clock.advance(0)
                yield
            finally:
                running.cancel()

    def health(self, kind: AnyKind) -> KindHealth:
        """How the kind is doing."""
        return next(health for health in self.cluster.health() if health.kind == kind.name)


@pytest.fixture
def world() -> World:
    return World()
