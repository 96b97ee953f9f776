"""`lychgate serve`: ports, then everything else."""

from lychgate.cli.structlog_alone import import_structlog_alone
from lychgate.settings import Settings
from lychgate.telemetry.sockets import PortError, listening
from lychgate.terminal import complain


def main(settings: Settings) -> int:
    """Run as the controller of a cluster; return the exit code: 2 when it cannot even begin."""
    health = settings.health_address, settings.health_port
    metrics = settings.metrics_address, settings.metrics_port
    try:
        with listening(health=health, metrics=metrics) as sockets:
            import_structlog_alone()
            from lychgate.in_cluster import process  # most of our start, and the ports are open already

            return process.main(settings, sockets)
    except PortError as error:
        complain(f"lychgate serve: {error}")
        return 2
