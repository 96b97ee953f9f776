"""Words on the command line → runs in the lab, results as JSON, the page."""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any

from bench.cluster import envoy_gateway, report
from bench.cluster.api import Api
from bench.cluster.figures import ALL, BY_ID, FIGURES, Alone, Figure, Values
from bench.cluster.ramp import ramp, world
from bench.cluster.run import Run, switched_on
from bench.cluster.systems import ENVOY_GATEWAY, LYCHGATE, SYSTEMS, System, install
from bench.lab import in_the_lab
from tests.lab.places import PROJECT

RESULTS = PROJECT / "docs" / "performance"
PAGE = PROJECT / "docs" / "performance.md"

BOTH_UP_TO = 5000
"""Routes; beyond it Lychgate is measured alone."""


def main() -> int:
    """Measure what the arguments name; 0 when every run came to its end."""
    options = _parser().parse_args()
    figures = [BY_ID[name] for name in options.figure] or list(FIGURES)
    systems = tuple(system for system in SYSTEMS if system.key in options.system)
    failed = 0
    if not options.page_only:
        for figure in figures:
            if figure.alone:
                take_alone(figure, figure.alone, systems, options)
        in_the_cluster = [figure for figure in figures if not figure.alone]
        if in_the_cluster:
            if ENVOY_GATEWAY in systems:
                envoy_gateway.prepare()
            with in_the_lab():
                failed = measure(in_the_cluster, systems, options)
    report.write(PAGE, RESULTS)
    return failed


def take_alone(figure: Figure, alone: Alone, systems: tuple[System, ...], options: argparse.Namespace) -> None:
    """A figure that needs no cluster: the script's last line is the values."""
    for routes in alone.sizes:
        rounds: list[dict[str, Any]] = []
        for number in range(options.rounds):
            for system in systems if number % 2 == 0 else systems[::-1]:
                if system is ENVOY_GATEWAY and routes > alone.both_up_to:
                    continue
                command = [sys.executable, str(PROJECT / "bench" / alone.script), "--system", system.key]
                command += ["--routes", str(routes), *alone.arguments]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                values = {figure.id: json.loads(done.stdout.splitlines()[-1])}
                say(f"{figure.id} {system.title}: {_short(values[figure.id])}")
                rounds.append({"system": system.key, "round": number + 1, "values": values})
        save(routes, [figure], rounds, short=options.quick, of=options.rounds)


def measure(figures: list[Figure], systems: tuple[System, ...], options: argparse.Namespace) -> int:
    """All sizes, all rounds, both systems; return how many runs broke off."""
    api, failed = Api(), 0
    say(f"installing {' and '.join(system.title for system in systems)}")
    install(api, systems)
    for routes in _sizes(figures, options.routes):
        chosen = [
            figure
            for figure in figures
            if figure.needs_routes == bool(routes) and (figure.up_to is None or routes <= figure.up_to)
        ]
        rounds: list[dict[str, Any]] = []
        for number in range(options.rounds):
            taking_part = [system for system in systems if system is LYCHGATE or routes <= BOTH_UP_TO]
            for system in taking_part if number % 2 == 0 else taking_part[::-1]:
                taken = [figure for figure in chosen if system is LYCHGATE or not figure.ours]
                if not taken:
                    continue
                say(f"round {number + 1} of {options.rounds}, {routes} routes: {system.title}")
                values: Values = {}
                try:
                    session(api, system, routes, taken, values, short=options.quick)
                except Exception as error:  # whatever it is, the hours of the other runs are not lost
                    traceback.print_exc()
                    failed += 1
                    values["error"] = str(error)
                rounds.append({"system": system.key, "round": number + 1, "values": values})
                save(routes, chosen, rounds, short=options.quick, of=options.rounds)
    return failed


def session(
    api: Api, system: System, routes: int, figures: list[Figure], found: dict[str, Values], *, short: bool
) -> None:
    """One system, one size: fill the world, then take the figures one after the other. One that fails ends it."""
    with switched_on(api, system, say) as run:
        filled = _fill(run, routes, figures) if routes else {}
        found |= {figure.id: filled[figure.id] for figure in figures if figure.ramp and not figure.measure}
        for figure in figures:
            if figure.measure:  # one that breaks off has no values at all, so that the page says so
                start = time.monotonic()
                found[figure.id] = filled.get(figure.id, {}) | figure.measure(run, figure.look.amount(short=short))
                say(f"  {figure.id} {_short(found[figure.id])} ({time.monotonic() - start:.0f} s)")


def _fill(run: Run, routes: int, figures: list[Figure]) -> dict[str, Values]:
    """Fill the world: at a steady pace when that is a figure, else as fast as it goes."""
    ramps = [figure for figure in figures if figure.ramp]
    if ramps:
        values: Values = dict(ramp(run, routes))
        say(f"  ramp {_short(values)}")
        return {figure.id: values for figure in ramps}
    run.api.create_all(world(run, routes))
    run.routes = routes
    run.until_all_answer()
    run.until_quiet(patience=900)  # 40,000 statuses have to be written
    return {}


def save(routes: int, figures: list[Figure], rounds: list[dict[str, Any]], *, short: bool, of: int) -> None:
    """Write a file a figure and size, so that one figure taken again replaces itself alone; of so many rounds."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}"
    for figure in figures:
        taken = [
            {
                "system": r["system"],
                "round": r["round"],
                "values": r["values"].get(figure.id) or r["values"].get("error"),
            }
            for r in rounds
            if r["system"] == LYCHGATE.key or not figure.ours
        ]
        document = {
            "figure": figure.id,
            "title": figure.title,
            "routes": routes,
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "machine": machine,
            "short": short,
            "look": figure.look.words(short=short) if figure.look is not ALL else "",
            "rounds_asked_for": of,
            "rounds": taken,
        }
        name = f"{figure.id}-{routes}.json" if routes else f"{figure.id}.json"
        (RESULTS / name).write_text(json.dumps(document, indent=1) + "\n")


def say(text: str) -> None:
    """Show progress."""
    print(f"{datetime.datetime.now().astimezone():%H:%M:%S} {text}", file=sys.stderr, flush=True)


def _short(values: Values) -> str:
    return " ".join(f"{key}={value}" for key, value in values.items() if ": " not in key)


def _sizes(figures: list[Figure], routes: list[int]) -> Iterator[int]:
    """The sizes that are asked for; 0 for the figures that know none."""
    if any(not figure.needs_routes for figure in figures):
        yield 0
    if any(figure.needs_routes for figure in figures):
        yield from routes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python bench/cluster", description="Lychgate beside Envoy Gateway.")
    parser.add_argument("--figure", type=lambda text: text.upper(), nargs="*", default=[], metavar="F1")
    parser.add_argument("--routes", type=int, nargs="+", default=[100, 1000, 5000, 10000, 40000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions of everything")
    parser.add_argument("--system", nargs="+", default=[s.key for s in SYSTEMS], choices=[s.key for s in SYSTEMS])
    parser.add_argument("--page-only", action="store_true", help="write the page again from the results that are there")
    return parser
