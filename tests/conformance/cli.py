"""Words on the command line → one run of the suite."""

import argparse
import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.conformance import installation, page, report, suite, twins
from tests.conformance.installation import Mode
from tests.lab import cluster
from tests.lab.places import PROJECT

REPORTS = PROJECT / "docs" / "conformance"
PAGE = PROJECT / "docs" / "conformance.md"
LOGS = PROJECT / "build" / "conformance"


def main() -> int:
    """Run the suite; 0 when no test failed and each has a golden case."""
    arguments = _parser().parse_args()
    if arguments.page:
        write_page()
        return 0
    mode = Mode(arguments.mode)
    profiles = tuple(arguments.profiles) or claimed(mode)
    LOGS.mkdir(parents=True, exist_ok=True)
    name = "-".join([mode.value, *arguments.profiles, *([arguments.run] if arguments.run else [])])
    run = suite.Run(
        mode=mode,
        profiles=profiles,
        report=LOGS / f"{name}.yaml",
        log=LOGS / f"{name}.log",
        only=arguments.run,
        skip=tuple(arguments.skip),
    )
    with _lab():
        installation.install(mode)
        started = time.monotonic()
        done = suite.run(run)
        seconds = time.monotonic() - started
    whole = report.is_whole(run.report, run.log, profiles)
    if run.report.exists():
        print("\n".join(report.summary(report.load(run.report))))
    log = run.log.read_text()
    for test, complaint in report.failures(log).items():
        print(f"failed: {test}: {complaint}")
    for test in twins.without_twin(log):
        print(f"{test} has no golden case: tests/cases/<kind>/<case>/case.yaml names it under conformance")
        done = done or 1
    if whole and not (arguments.profiles or run.only or run.skip):
        shutil.copyfile(run.report, tracked(mode))
        write_page()
    print(f"{'whole' if whole else 'ABORTED'}, {seconds:.0f} s; report: {run.report}; log: {run.log}")
    return done if whole else done or 1


def claimed(mode: Mode) -> tuple[str, ...]:
    """Return the profiles that are about a kind that we claim."""
    return tuple(profile for profile, kind in suite.PROFILES.items() if kind in mode.features)


def tracked(mode: Mode) -> Path:
    """Return where the report of the last whole run is kept."""
    return REPORTS / f"{mode.value}.yaml"


def write_page() -> None:
    """Bring the tables of docs/conformance.md to what the reports say."""
    PAGE.write_text(page_now())


def page_now() -> str:
    """Return docs/conformance.md as the reports would have it."""
    ours = {mode.value: report.load(tracked(mode)) for mode in Mode if tracked(mode).exists()}
    return page.with_tables(PAGE.read_text(), ours, yaml.safe_load((REPORTS / "others.yaml").read_text()))


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
        prog="python tests/conformance",
        description="Run the Gateway API conformance suite in the lab. A whole run of every profile is the new report "
        "in docs/conformance; whatever is narrower leaves its own in build/conformance.",
    )
    parser.add_argument(
        "profiles", nargs="*", metavar="PROFILE", help="for example GATEWAY-HTTP; all that we claim when none is given"
    )
    parser.add_argument(
        "--mode", choices=[mode.value for mode in Mode], default=Mode.GATEWAY_NAMESPACE.value, help="where proxies run"
    )
    parser.add_argument("--run", metavar="TEST", help="one test by its short name")
    parser.add_argument("--skip", nargs="*", default=[], metavar="TEST", help="short names of tests to leave out")
    parser.add_argument("--page", action="store_true", help="only make the tables of docs/conformance.md anew")
    return parser
