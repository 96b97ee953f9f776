"""The first line of a replica's log: what it is, whom it asks, and how it differs from every other."""

import msgspec
import structlog

from lychgate.settings import Settings
from lychgate.version import VERSION

log = structlog.get_logger("lychgate.in_cluster.introduction")


def introduce(settings: Settings, *, api_server: str) -> None:
    """Log our version, the API server's URL, and the settings that are not the defaults. No setting is a secret: those
    are in files, and the settings have their paths.
    """
    log.info(
        "starting",
        version=VERSION,
        api_server=api_server,
        settings={
            field.encode_name: value
            for field in msgspec.structs.fields(Settings)
            if (value := getattr(settings, field.name)) != field.default
        },
    )
