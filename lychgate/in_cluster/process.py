"""`lychgate serve`: one replica as a process, from the credentials for its cluster to its exit code."""

import uvloop

from flow.clock import SystemClock
from k8s_watch.connection import connect
from k8s_watch.credentials import BadCredentials
from lychgate.in_cluster.introduction import introduce
from lychgate.in_cluster.replica import Replica
from lychgate.settings import Settings, SettingsError
from lychgate.signals import until_told
from lychgate.telemetry.logging import configure_logging
from lychgate.telemetry.sockets import PortError, Sockets
from lychgate.terminal import complain


def main(settings: Settings, sockets: Sockets) -> int:
    """Run until SIGINT, SIGTERM or SIGHUP; return the exit code: 0, or 2 when it cannot even begin, for want of
    credentials for a cluster, of certificates or of a port.

    `sockets` listen already: see `lychgate.telemetry.sockets`.
    """
    configure_logging(settings.log_level, settings.log_format)
    code = 0
    try:
        uvloop.run(until_told(run(settings, sockets)))
    except* (BadCredentials, SettingsError, PortError) as errors:
        complain(f"lychgate serve: {_first(errors)}")
        code = 2
    return code


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = errors.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


async def run(settings: Settings, sockets: Sockets) -> None:
    """Run until cancelled."""
    async with await connect(settings.kubeconfig) as connection:
        introduce(settings, api_server=connection.host)
        await Replica(settings, connection, SystemClock()).run(sockets)
