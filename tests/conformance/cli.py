"""Words on the command line → one run of the suite."""

import argparse
import contextlib
import subprocess
from collections.abc import Iterator

from conformance import installation, report, suite
from lab import cluster
from lab.places import PROJECT

REPORTS = PROJECT / "docs" / "conformance"
LOGS = PROJECT / "build" / "conformance"


def main() -> int:
    """Run the suite for the given profiles; 0 when no test failed."""
    arguments = _parser().parse_args()
    for folder in (REPORTS, LOGS):
        folder.mkdir(parents=True, exist_ok=True)
    with _lab():
        installation.install()
        name = "-".join(arguments.profiles).lower() if not arguments.run else "one-test"
        folder = REPORTS if not arguments.run else LOGS
        run = suite.Run(
            profiles=tuple(arguments.profiles),
            report=folder / f"{name}.yaml",
            log=LOGS / f"{name}.log",
            only=arguments.run,
            skip=tuple(arguments.skip),
        )
        done = suite.run(run)
        if run.report.exists():
            print("\n".join(report.summary(run.report)))
        for test in report.failed_tests(run.log):
            print(f"failed: {test}")
        print(f"report: {run.report}\nlog: {run.log}")
    return done


@contextlib.contextmanager
def _lab() -> Iterator[None]:
    """Use the lab that is up, with today's images, or one of our own."""
    if cluster.is_up():
        cluster.load(cluster.build())
        yield
        return
    cluster.up()
    try:
        yield
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            (LOGS / "controller.log").write_text(installation.controller_log())
        cluster.down()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python tests/conformance", description="Run the Gateway API conformance suite in the lab."
    )
    parser.add_argument("profiles", nargs="+", metavar="PROFILE", help="for example GATEWAY-HTTP")
    parser.add_argument("--run", metavar="TEST", help="one test by its short name; writes no report into docs")
    parser.add_argument("--skip", nargs="*", default=[], metavar="TEST", help="short names of tests to leave out")
    return parser
