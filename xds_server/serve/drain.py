"""Ending streams one after the other, so that their clients do not all knock at the other replicas at once."""

from collections.abc import Iterable

import grpc

from flow.clock import Clock
from xds_server.serve.session import Session


async def drain(sessions: Iterable[Session], *, within: float, clock: Clock) -> None:
    """End every session, evenly spread over `within` seconds."""
    open_ = list(sessions)
    for session in open_:
        session.end(grpc.StatusCode.UNAVAILABLE, "the connection ends, come again")
        await clock.sleep(within / len(open_))
