"""Results as JSON → the page: one table of everything against its target, a plot a figure."""

import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import svg
from cluster.figures import FIGURES, FLOOR, Figure, Target
from cluster.loss import VARIANTS
from cluster.systems import ENVOY_GATEWAY, LYCHGATE

type Json = dict[str, Any]

HEAD = """\
# Performance

Measured by `make bench`: Lychgate and {other} in one run, in one cluster, with the same Envoy binary, one
switched off while the other is measured, in alternating order. Medians of the rounds, whose number stands below each
plot; a ratio is Lychgate's value divided by Envoy Gateway's. CPU seconds come from /proc, of the control plane and of
Envoy each alone; they say more than milliseconds on a machine that does other things too. What each figure means: [the
benchmark](../bench/README.md).
The numbers of every round are in [performance/](performance/).

"""


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
        if self.ours is None or not self.theirs:
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
    text = HEAD.format(other=ENVOY_GATEWAY.title)
    text += "\n".join(_table(lines)) + "\n"
    for figure in FIGURES:
        found = [line for line in lines if line.figure is figure]
        if found:
            text += "\n" + _section(figure, found, results)
    if (alone := results / "alone.md").exists():  # what is measured without a cluster, written down by hand
        text += "\n" + alone.read_text()
    page.write_text(text)


def _lines(figure: Figure, documents: list[Json]) -> Iterator[Line]:
    floors = {
        d["routes"]: _median(d, LYCHGATE.key, FLOOR.targets[0].value) for d in documents if d["figure"] == FLOOR.id
    }
    for document in sorted((d for d in documents if d["figure"] == figure.id), key=lambda d: d["routes"]):
        for target in figure.targets:
            ours, theirs = (_median(document, system.key, target.value) for system in (LYCHGATE, ENVOY_GATEWAY))
            if ours is not None or theirs is not None:
                floor = floors.get(document["routes"]) if target.floor else None
                yield Line(figure, target, document["routes"], ours, theirs, document, floor)


def _median(document: Json, system: str, value: str) -> float | None:
    values = [
        r["values"][value]
        for r in document["rounds"]
        if r["system"] == system and isinstance(r["values"], dict) and value in r["values"]
    ]
    return statistics.median(values) if values else None


def _table(lines: list[Line]) -> Iterator[str]:
    yield f"| figure | routes | Lychgate | {ENVOY_GATEWAY.title} | ratio | target | |"
    yield "|---|---:|---:|---:|---:|---|---|"
    for line in lines:
        goals = line.goals()
        verdict = "" if not goals else "met" if all(met for _, met in goals) else "**missed**"
        words = f"{line.figure.id} {line.figure.title}: {line.target.words}, {line.target.unit}"
        size = f"{line.routes:,}" if line.routes else ""
        ratio = f"{line.ratio:.3f}" if line.ratio is not None else ""
        targets = ", ".join(goal for goal, _ in goals)
        yield f"| {words} | {size} | {_number(line.ours)} | {_number(line.theirs)} | {ratio} | {targets} | {verdict} |"


def _section(figure: Figure, lines: list[Line], results: Path) -> str:
    document = lines[0].document
    text = f"## {figure.id} {figure.title}\n\n"
    plotted = [line for line in lines if line.target is figure.targets[0]]
    if figure.id == "F3":
        text += "\n".join(_losses(document)) + "\n"
    else:
        plot = results / f"{figure.id}.svg"
        title = f"{figure.title}: {figure.targets[0].words}, {figure.targets[0].unit}"
        plot.write_text(svg.bars(title, [_bars(line) for line in plotted]))
        text += f"![{title}]({results.name}/{plot.name})\n"
    taken = {line.routes: line.document for line in lines}
    return text + f"\n{document['machine']}. {'; '.join(_taken(*size) for size in taken.items())}.\n"


def _taken(routes: int, document: Json) -> str:
    """When and how often a size was measured."""
    rounds = max((r["round"] for r in document["rounds"]), default=0)
    size = f"{routes:,} routes: " if routes else ""
    return f"{size}{document['date']}, rounds: {rounds}{', a short look' if document['short'] else ''}"


def _bars(line: Line) -> list[svg.Bar]:
    pairs = ((LYCHGATE.title, line.ours), (ENVOY_GATEWAY.title, line.theirs), ("Ready bytes", line.floor))
    return [
        svg.Bar(f"{title}, {line.routes:,} routes", value, f"{_number(value)} {line.target.unit}", series)
        for series, (title, value) in enumerate(pairs)
        if value is not None
    ]


def _losses(document: Json) -> Iterator[str]:
    yield f"| change | Lychgate: lost of requests | {ENVOY_GATEWAY.title}: lost of requests |"
    yield "|---|---:|---:|"
    for variant in VARIANTS:
        yield (
            f"| {variant.name} | "
            + " | ".join(_lost(document, system.key, variant.name) for system in (LYCHGATE, ENVOY_GATEWAY))
            + " |"
        )


def _lost(document: Json, system: str, variant: str) -> str:
    """Sums over all rounds: a lost request is not taken back by a round that lost none."""
    rounds = [r["values"] for r in document["rounds"] if r["system"] == system and isinstance(r["values"], dict)]
    if not rounds or f"{variant}: lost" not in rounds[0]:
        return ""
    lost, requests = (sum(r.get(f"{variant}: {what}", 0) for r in rounds) for what in ("lost", "requests"))
    return f"{lost:,.0f} of {requests:,.0f}"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
