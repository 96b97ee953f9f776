"""Words on the command line → one function of the lab."""

import argparse
import logging
import os
from pathlib import Path
from typing import NoReturn

from tests.lab import cluster, loadbalancer, processes, project_images, tools
from tests.lab.network import inside
from tests.lab.places import ADMIN_KUBECONFIG, CACHE


def main() -> int:
    """Run the command that the arguments name and return its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        return _run(_parser().parse_args())
    except processes.NotReady as error:
        raise SystemExit(f"lab: {error}; logs are in {processes.LOGS}") from error


def _run(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "deps":
            tools.install()
        case "build":
            cluster.build()
        case "up":
            cluster.up()
        case "down":
            cluster.down()
        case "exec":
            execute(arguments.words)
        case "load":
            cluster.load(arguments.archives)
        case "image":
            cluster.load(project_images.build())
        case "loadbalancer":
            loadbalancer.serve()
    return 0


def execute(words: list[str]) -> NoReturn:
    """Become `words`, run in the lab's network, with KUBECONFIG set and our kubectl first on PATH."""
    if not cluster.is_up():
        raise SystemExit("lab: not up")
    os.environ["KUBECONFIG"] = str(ADMIN_KUBECONFIG)
    os.environ["PATH"] = f"{CACHE}{os.pathsep}{os.environ['PATH']}"
    command = inside(*words)
    os.execvp(command[0], command)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python tests/lab", description="A real Kubernetes on this machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("deps", help="install the Debian packages that the lab needs")
    commands.add_parser("build", help="build binaries and images: ten minutes the first time, then only what changed")
    commands.add_parser("up", help="build, then start the cluster")
    commands.add_parser("down", help="end the cluster and remove every trace of it")
    run = commands.add_parser("exec", help="run a client in the cluster's network: kubectl, curl, a test")
    run.add_argument("words", nargs=argparse.REMAINDER, metavar="CMD")
    load = commands.add_parser("load", help="make OCI image archives known to the cluster")
    load.add_argument("archives", nargs="+", type=Path, metavar="FILE.tar")
    commands.add_parser("image", help="build the project's images and make them known to the cluster")
    commands.add_parser("loadbalancer", help="assign LoadBalancer addresses (a process of the cluster)")
    return parser
