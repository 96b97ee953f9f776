"""`lychgate serve`: settings, then ports, then everything else."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from lychgate.cli.structlog_alone import import_structlog_alone
from lychgate.settings import SettingsError, load_settings, unknown_variables
from lychgate.telemetry.sockets import PortError, listening
from lychgate.terminal import complain


def main(config: Path | None, flags: Mapping[str, object]) -> int:
    """Run as the controller of a cluster; return the exit code: 2 for settings or ports that cannot be used."""
    try:
        settings = load_settings(config, os.environ, flags)
        for wrong in unknown_variables(os.environ):
            complain(f"lychgate serve: {wrong}")
        health, metrics = (
            (settings.health_address, settings.health_port),
            (settings.metrics_address, settings.metrics_port),
        )
        with listening(health=health, metrics=metrics) as sockets:
            import_structlog_alone()
            from lychgate.in_cluster import process  # most of our start, and the ports are open already

            return process.main(settings, sockets)
    except (SettingsError, PortError) as error:
        print(f"lychgate serve: {error}", file=sys.stderr)
        return 2
