"""Results as JSON → the page: what stands for each figure, then a plot and a table of everything a figure."""

import json
import statistics
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cluster import svg
from bench.cluster.figures import FIGURES, FLOOR, Figure, Over, Target
from bench.cluster.loss import VARIANTS
from bench.cluster.systems import ENVOY_GATEWAY, LYCHGATE, System

type Json = dict[str, Any]

HEAD = """\
# Performance

Measured by `make bench`: Lychgate and {other} in one cluster, with the same Envoy binary, one switched
off while the other is measured, in alternating order. One figure at one size is of one run, unless said below it; the
page is of several. {dates}

Medians of the rounds, whose number stands below each plot; of errors their sum, of what is slowest the slowest of all.
A ratio is Lychgate's value divided by Envoy Gateway's. CPU comes from /proc, of the control plane and of Envoy each
alone, in ticks of 10 ms; it says more than milliseconds on a machine that does other things too. A short look is so
much of so much as stands there. What each figure means: [the benchmark](../bench/README.md). The numbers of every round
are in [performance/](performance/).

Every world here has one exact hostname a route, which is the best shape for us: a change is one small table. The price
is paid by requests: from 500 hostnames on, a proxy serves 7 to 23 % fewer with a CPU second ([ADR
9](adr/0009-scoped-routes.md), proxied ones and direct responses; F16 is about it, {parity}).

What stands for each figure, at 1,000 routes or the size next to that; everything is below, figure by figure:

"""

WRONG = "measured wrongly"
"""In place of a value that its file takes back."""


@dataclass(frozen=True)
class Line:
    """One row of the table."""

    figure: Figure
    target: Target
    routes: int
    ours: float | None
    theirs: float | None
    document: Json
    floor: float | None = None
    """What ready bytes take, in the value's unit; None where it was not measured."""

    @property
    def ratio(self) -> float | None:
        """None also where it would say nothing: of errors, and of what fell."""
        if self.ours is None or not self.theirs or self.target.over is not Over.MEDIAN:
            return None
        if min(self.ours, self.theirs) < 0:
            return None
        return self.ours / self.theirs

    def goals(self) -> list[tuple[str, bool]]:
        """What was to be reached, and whether it was."""
        found = []
        if self.target.ratio is not None and self.ratio is not None:
            found.append((f"ratio ≤ {self.target.ratio}", self.ratio <= self.target.ratio))
        if self.floor and self.target.floor is not None and self.ours is not None:
            times = self.ours / self.floor
            found.append((f"≤ {self.target.floor} × floor (is {times:.2f})", times <= self.target.floor))
        limit = self.target.at_most.get(self.routes, self.target.at_most.get(0))
        if limit is not None and self.ours is not None:
            found.append((f"≤ {limit:g} {self.target.unit}", self.ours <= limit))
        return found


def write(page: Path, results: Path) -> None:
    """Write the page and its plots from every result that is there."""
    documents = [json.loads(file.read_text()) for file in sorted(results.glob("F*.json"))]
    lines = [line for figure in FIGURES for line in _lines(figure, documents)]
    text = HEAD.format(other=ENVOY_GATEWAY.title, dates=_dates(documents), parity=_parity(lines))
    text += "\n".join(_table(_chief(lines), titled=True)) + f"\n\n{_missed(lines)}\n"
    for figure in FIGURES:
        found = [line for line in lines if line.figure is figure]
        if found:
            text += "\n" + _section(figure, found, results)
    if (alone := results / "alone.md").exists():  # what is measured without a cluster, written down by hand
        text += "\n" + alone.read_text().replace("](../", "](")  # it lies a folder deeper than the page
    page.write_text(text)


def _chief(lines: list[Line]) -> Iterator[Line]:
    """Of each figure the value that stands for it, at the size nearest to 1,000 routes."""
    for figure in FIGURES:
        first = [line for line in lines if line.figure is figure and line.target is figure.targets[0]]
        if first:
            yield min(first, key=lambda line: abs(line.routes - 1000))


def _missed(lines: list[Line]) -> str:
    """How many targets were missed, and where."""
    aimed = [line for line in lines if line.goals()]
    missed = [line for line in aimed if not all(met for _, met in line.goals())]
    where: dict[str, set[int]] = {}
    for line in missed:
        where.setdefault(line.figure.id, set()).add(line.routes)
    return f"Of {len(aimed)} targets at all sizes {len(missed)} are missed" + (f": {_named(where)}." if missed else ".")


def _parity(lines: list[Line]) -> str:
    return "below" if any(line.figure.id == "F16" for line in lines) else "and not measured yet"


def _dates(documents: list[Json]) -> str:
    """The day of most files, and which are of another."""
    found: dict[str, dict[str, list[int]]] = {}
    for document in documents:
        found.setdefault(document["date"], {}).setdefault(document["figure"], []).append(document["routes"])
    most = max(found, key=lambda date: sum(map(len, found[date].values())))
    others = "".join(f"\n* {date}: {_named(found[date])}" for date in sorted(found) if date != most)
    return f"All was measured on {most}" + (f", except for\n{others}" if others else ".")


def _named(figures: Mapping[str, Collection[int]]) -> str:
    """`F1 (100, 5,000 routes); F3`."""
    found = []
    for figure in sorted(figures, key=lambda name: int(name[1:])):
        sizes = ", ".join(f"{routes:,}" for routes in sorted(figures[figure]) if routes)
        found.append(f"{figure} ({sizes} routes)" if sizes else figure)
    return "; ".join(found)


def _lines(figure: Figure, documents: list[Json]) -> Iterator[Line]:
    floors = {d["routes"]: _value(d, LYCHGATE.key, FLOOR.targets[0]) for d in documents if d["figure"] == FLOOR.id}
    for document in sorted((d for d in documents if d["figure"] == figure.id), key=lambda d: d["routes"]):
        for target in figure.targets:
            ours, theirs = (_value(document, system.key, target) for system in (LYCHGATE, ENVOY_GATEWAY))
            taken_back = any(_is_taken_back(document, system.key, target) for system in (LYCHGATE, ENVOY_GATEWAY))
            if ours is not None or theirs is not None or taken_back:
                floor = floors.get(document["routes"]) if target.floor else None
                yield Line(figure, target, document["routes"], ours, theirs, document, floor)


def _value(document: Json, system: str, target: Target) -> float | None:
    """What stands for all rounds, unless the file takes it back."""
    found = [r.get(target.value, r.get(target.formerly)) for r in _rounds(document, system)]
    values: list[float] = [value for value in found if value is not None]
    if not values or _is_taken_back(document, system, target):
        return None
    match target.over:
        case Over.MEDIAN:
            return statistics.median(values)
        case Over.SUM:
            return sum(values)
        case Over.MOST:
            return max(values)


def _is_taken_back(document: Json, system: str, target: Target) -> bool:
    return target.value in document.get("wrong", {}).get(system, ())


def _rounds(document: Json, system: str) -> list[Json]:
    """The values of the rounds that came to their end."""
    return [r["values"] for r in document["rounds"] if r["system"] == system and isinstance(r["values"], dict)]


def _table(lines: Iterable[Line], *, titled: bool = False) -> Iterator[str]:
    """A row a line; `titled`: of several figures, whose titles then go before."""
    yield f"| {'figure' if titled else 'value'} | routes | Lychgate | {ENVOY_GATEWAY.title} | ratio | target | |"
    yield "|---|---:|---:|---:|---:|---|---|"
    for line in lines:
        goals = line.goals()
        verdict = "" if not goals else "met" if all(met for _, met in goals) else "**missed**"
        title = f"{line.figure.id} {line.figure.title}: " if titled else ""
        words = f"{title}{line.target.words}, {line.target.unit}"
        size = f"{line.routes:,}" if line.routes else ""
        ratio = f"{line.ratio:.2g}" if line.ratio is not None else ""
        targets = ", ".join(goal for goal, _ in goals)
        cells = [_cell(line, LYCHGATE.key, line.ours), _cell(line, ENVOY_GATEWAY.key, line.theirs)]
        yield f"| {words} | {size} | {' | '.join(cells)} | {ratio} | {targets} | {verdict} |"


def _cell(line: Line, system: str, value: float | None) -> str:
    return WRONG if _is_taken_back(line.document, system, line.target) else _number(value, line.target.digits)


def _section(figure: Figure, lines: list[Line], results: Path) -> str:
    document = lines[0].document
    text = f"## {figure.id} {figure.title}\n\n"
    plotted = [line for line in lines if line.target is figure.targets[0]]
    if figure.id == "F3":
        text += "\n".join(_losses(document)) + "\n"
    else:
        plot = results / f"{figure.id}.svg"
        title = f"{figure.title}: {figure.targets[0].words}, {figure.targets[0].unit}"
        bars = [_bars(line) for line in plotted]
        plot.unlink(missing_ok=True)
        if any(bars):
            plot.write_text(svg.bars(title, bars))
            text += f"![{title}]({results.name}/{plot.name})\n"
    text += "\n" + "\n".join(_table(lines)) + "\n"
    taken = {line.routes: line.document for line in lines}
    text += f"\n{document['machine']}. {'; '.join(_taken(*size) for size in taken.items())}.\n"
    notes: dict[str, list[int]] = {}
    for routes, each in taken.items():
        if "note" in each:
            notes.setdefault(each["note"], []).append(routes)
    return text + "".join(f"\n{_sizes(sizes)}{note}\n" for note, sizes in notes.items())


def _taken(routes: int, document: Json) -> str:
    """When and how often a size was measured, how much of it, and how many rounds are missing."""
    asked = document.get("rounds_asked_for") or max((r["round"] for r in document["rounds"]), default=0)
    rounds = [_of_system(document, system, asked) for system in (LYCHGATE, ENVOY_GATEWAY)]
    look = f", {'a short look: ' if document['short'] else ''}{document['look']}" if document.get("look") else ""
    return f"{_sizes([routes])}{document['date']}, rounds: {', '.join(filter(None, rounds))}{look}"


def _of_system(document: Json, system: System, asked: int) -> str:
    """`Envoy Gateway 2 (1 broke off)`; nothing where the system took no part."""
    begun = [r["values"] for r in document["rounds"] if r["system"] == system.key]
    ended = len(_rounds(document, system.key))
    lacking = {"broke off": len(begun) - ended, "not begun": asked - len(begun)}
    said = [f"{number} {how}" for how, number in lacking.items() if number]
    return f"{system.title.partition(' v')[0]} {ended}{f' ({", ".join(said)})' if said else ''}" if begun else ""


def _sizes(routes: list[int]) -> str:
    return f"{', '.join(f'{each:,}' for each in routes)} routes: " if any(routes) else ""


def _bars(line: Line) -> list[svg.Bar]:
    pairs = ((LYCHGATE.title, line.ours), (ENVOY_GATEWAY.title, line.theirs), ("Ready bytes", line.floor))
    return [
        svg.Bar(
            f"{title}, {line.routes:,} routes",
            value,
            f"{_number(value, line.target.digits)} {line.target.unit}",
            series,
        )
        for series, (title, value) in enumerate(pairs)
        if value is not None
    ]


def _losses(document: Json) -> Iterator[str]:
    yield f"| change | Lychgate: lost of requests, slowest | {ENVOY_GATEWAY.title}: lost of requests, slowest |"
    yield "|---|---:|---:|"
    for variant in VARIANTS:
        yield (
            f"| {variant.name} | "
            + " | ".join(_lost(document, system.key, variant.name) for system in (LYCHGATE, ENVOY_GATEWAY))
            + " |"
        )


def _lost(document: Json, system: str, variant: str) -> str:
    """Sums over all rounds: a lost request is not taken back by a round that lost none."""
    rounds = _rounds(document, system)
    if not rounds or f"{variant}: lost" not in rounds[0]:
        return ""
    lost, requests = (sum(r.get(f"{variant}: {what}", 0) for r in rounds) for what in ("lost", "requests"))
    slowest = max(r[f"{variant}: slowest_ms"] for r in rounds)
    text = f"{lost:,.0f} of {requests:,.0f}, {slowest:,.0f} ms"
    if any(f"{variant}: reopened" in r for r in rounds):
        text += f", {sum(r.get(f'{variant}: reopened', 0) for r in rounds):,.0f} reopened"
    return text


def _number(value: float | None, digits: int = 3) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"
