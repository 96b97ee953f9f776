"""A clock that the test moves, and an API server in memory."""

import pytest

from tests.flow.virtual_clock import VirtualClock
from tests.k8s_apply.fake_writer import FakeWriter
from tests.k8s_apply.site import Site


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def api(clock: VirtualClock) -> FakeWriter:
    return FakeWriter(clock)


@pytest.fixture
def site(clock: VirtualClock, api: FakeWriter) -> Site:
    return Site(clock, api)
