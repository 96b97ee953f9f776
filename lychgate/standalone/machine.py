"""What a standalone Lychgate needs of its machine: asked for on the command line, and looked at before it begins."""

import os
import ssl
import tempfile
from pathlib import Path

import msgspec

from k8s_apply.local.binary import find_envoy
from lychgate.settings import Settings

ROOM = 107 - len("/lychgate-12345678/12345678/admin.sock")
"""Bytes that the temporary folder's name may have. The longest of our paths is in it; Unix sockets end at 107."""


class MachineError(RuntimeError):
    """Something that we need on this machine cannot be used. The message has a remedy."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What proxies run with here."""

    envoy: Path
    """The Envoy binary."""
    access_log: Path | None = None
    """Where access logs are appended; None is nowhere."""


def find_machine(envoy: Path | None, access_log: Path | None) -> Machine:
    """Look at all that we need. Raises MachineError, and EnvoyNotFoundError as `find_envoy` does."""
    found = find_envoy(envoy)
    _check_temporary_folder()
    _check_access_log(access_log)
    return Machine(envoy=found, access_log=access_log)


def system_ca_file() -> str:
    """Where this machine keeps the authorities that it trusts; "" where no such file is found."""
    places = (ssl.get_default_verify_paths().cafile, Settings().system_ca_file)
    return next((place for place in places if place and Path(place).exists()), "")


def _check_temporary_folder() -> None:
    """Raises MachineError when our sockets cannot be there."""
    try:
        folder = tempfile.gettempdir()
    except OSError as error:
        raise MachineError(f"there is no folder for temporary files: set TMPDIR to one ({error.strerror})") from error
    if len(os.fsencode(folder)) > ROOM:
        raise MachineError(
            f"the folder for temporary files is too deep for sockets: set TMPDIR to a shorter one: {folder}"
        )


def _check_access_log(path: Path | None) -> None:
    """Raises MachineError when no proxy could append to it."""
    if path is None:
        return
    try:
        # O_NONBLOCK: a named pipe that nobody reads would hold us here.
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666))
    except OSError as error:
        raise MachineError(f"--access-log {path} cannot be written: {error.strerror}") from error
