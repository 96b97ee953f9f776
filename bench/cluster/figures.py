"""The figures: what each is called, how it is taken, which value stands for it, and what it is to reach."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from bench.cluster.churn import churn, growth
from bench.cluster.cold_start import cold_start
from bench.cluster.fan_out import fan_out
from bench.cluster.loss import losses
from bench.cluster.many_gateways import many_gateways
from bench.cluster.one_change import one_change
from bench.cluster.probe import PROBES, probe, probe_under_churn
from bench.cluster.run import Run
from bench.cluster.serving import serving
from bench.cluster.status import status
from bench.cluster.wire import wire

type Values = dict[str, Any]
type Measure = Callable[[Run, int], Values]
"""A run and how much of it is asked for, in the unit of the figure's `Look` → values by name."""


class Over(Enum):
    """What stands for all rounds of a value."""

    MEDIAN = "median"
    SUM = "sum"
    """Of errors: a round without one takes none back."""
    MOST = "most"


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a value is to reach: a share of Envoy Gateway's, or a number of its own, by size where it depends on it."""

    value: str
    unit: str
    words: str
    ratio: float | None = None
    at_most: dict[int, float] = field(default_factory=dict)
    """Routes → the value itself; 0 stands for every size."""
    floor: float | None = None
    """How many times the floor (F0) of the same size it may be."""
    over: Over = Over.MEDIAN
    formerly: str = ""
    """Its name in files of before."""
    digits: int = 3
    """How many of them say something; of CPU, which is counted in ticks of 10 ms, two."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """How much of a figure is taken."""

    short: int
    """With --quick."""
    full: int
    of: str
    """Changes, probes, seconds of something."""

    def amount(self, *, short: bool) -> int:
        return self.short if short else self.full

    def words(self, *, short: bool) -> str:
        """As the page says it."""
        part = f"{self.short} of " if short and self.short != self.full else ""
        return f"{part}{self.full} {self.of}"


ALL = Look(short=1, full=1, of="time")
"""Of a figure that is the same with --quick."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure."""

    id: str
    title: str
    measure: Measure | None
    targets: tuple[Target, ...]
    look: Look = ALL
    ramp: bool = False
    """Whether the values of the ramp, which a run of such a figure begins with, are part of it."""
    needs_routes: bool = True
    """Whether the world is full of routes, and the size therefore matters."""
    up_to: int | None = None
    """Routes; larger worlds are not measured."""
    ours: bool = False
    """Whether Lychgate is measured alone."""
    alone: "Alone | None" = None
    """How it is taken without a cluster, when it is."""


@dataclass(frozen=True, kw_only=True)
class Alone:
    """A script beside this package; its last line is the values."""

    script: str
    arguments: tuple[str, ...]
    sizes: tuple[int, ...]
    """Of Lychgate. Envoy Gateway takes part up to `both_up_to`: the next size would take it hours."""
    both_up_to: int


FLOOR = Figure(
    id="F0",
    title="The floor of F1",
    measure=None,
    alone=Alone(script="floor.py", arguments=(), sizes=(100, 1000, 5000), both_up_to=0),
    targets=(Target(value="mean_ms", unit="ms", words="a local Envoy fed ready bytes"),),
)

FIGURES = (
    Figure(
        id="F5",
        title="CPU to absorb a ramp",
        measure=None,
        ramp=True,
        targets=(
            Target(value="control_plane_cpu_s", unit="CPU s", words="control plane", ratio=0.15, digits=2),
            Target(value="envoy_cpu_s", unit="CPU s", words="Envoy", digits=2),
            Target(value="behind_s", unit="s", words="from the last object until every route, asked in turn, answered"),
        ),
    ),
    Figure(
        id="F7",
        title="Memory after the ramp",
        measure=growth,
        look=Look(short=60, full=180, of="seconds of churn"),
        ramp=True,
        targets=(
            Target(
                value="peak_mib",
                unit="MiB",
                words="control plane, peak",
                ratio=0.5,
                at_most={1000: 130, 5000: 300},
            ),
            Target(
                value="growth_mb",
                unit="MB",
                words="control plane, growth with 1,000 changes",
                at_most={0: 0.05},
            ),
            Target(value="growth_to_mib", unit="MiB", words="control plane, at the end of that"),
            Target(value="envoy_rss_mib", unit="MiB", words="Envoy"),
        ),
    ),
    Figure(
        id="F1",
        title="New route, probed until it answers 200",
        measure=probe,
        look=Look(short=PROBES, full=PROBES, of="probes"),
        targets=(
            Target(value="mean_ms", unit="ms", words="mean", ratio=0.10, floor=1.5),
            Target(value="last_third_mean_ms", unit="ms", words="mean of the last third, beyond every credit"),
            Target(value="mean_with_write_ms", unit="ms", words="mean, the API server's own answer included"),
            Target(value="slowest_ms", unit="ms", words="slowest of all rounds", over=Over.MOST, formerly="p99_ms"),
            Target(
                value="errors", unit="answers", words="neither 404 nor 200, all rounds", at_most={0: 0}, over=Over.SUM
            ),
            Target(value="control_plane_cpu_ms", unit="CPU ms", words="control plane, a route", digits=2),
            Target(value="probes", unit="probes", words="in a round"),
        ),
    ),
    Figure(
        id="F2",
        title="New route under churn",
        measure=probe_under_churn,
        look=Look(short=20, full=50, of="probes"),
        targets=(
            Target(value="mean_ms", unit="ms", words="mean", ratio=0.05),
            Target(value="slowest_ms", unit="ms", words="slowest of all rounds", over=Over.MOST, formerly="p99_ms"),
            Target(
                value="errors", unit="answers", words="neither 404 nor 200, all rounds", at_most={0: 0}, over=Over.SUM
            ),
        ),
    ),
    Figure(
        id="F6",
        title="CPU under churn",
        measure=churn,
        look=Look(short=20, full=60, of="seconds of churn"),
        targets=(
            Target(value="control_plane_cores", unit="cores", words="control plane", ratio=0.05, digits=2),
            Target(value="cpu_ms_a_change", unit="CPU ms", words="a change", digits=2),
            Target(value="envoy_cores", unit="cores", words="Envoy", digits=2),
        ),
    ),
    Figure(
        id="F15",
        title="One change in a world at rest",
        measure=one_change,
        look=Look(short=50, full=200, of="changes of each kind"),
        targets=(
            Target(value="route_cpu_ms", unit="CPU ms", words="control plane, a route", at_most={5000: 2.0}, digits=2),
            Target(value="slice_cpu_ms", unit="CPU ms", words="control plane, a slice", at_most={5000: 0.5}, digits=2),
        ),
    ),
    Figure(
        id="F16",
        title="A request",
        measure=serving,
        look=Look(short=20, full=60, of="seconds of requests"),
        up_to=5000,
        targets=(
            Target(value="envoy_cpu_us", unit="CPU µs", words="Envoy, a request", digits=2),
            Target(value="envoy_idle_cores", unit="cores", words="Envoy, at rest", digits=2),
            Target(value="lost", unit="answers", words="other than 200, all rounds", at_most={0: 0}, over=Over.SUM),
        ),
    ),
    Figure(
        id="F9",
        title="Bytes to Envoy",
        measure=wire,
        look=Look(short=5, full=10, of="changes of each kind"),
        targets=(
            Target(value="route_kb", unit="kB", words="one route changed", ratio=0.05),
            Target(value="endpoint_kb", unit="kB", words="one slice changed", ratio=0.05),
        ),
    ),
    Figure(
        id="F4",
        title="Cold start",
        measure=lambda run, _: cold_start(run),
        targets=(
            Target(value="seconds", unit="s", words="until every host, asked one after the other, answered", ratio=0.4),
            Target(value="newest_route_s", unit="s", words="until the newest route answered, asked by itself"),
            Target(value="not_200", unit="answers", words="other than 200, and no answer, meanwhile"),
            Target(value="control_plane_cpu_s", unit="CPU s", words="control plane", digits=2),
            Target(value="envoy_cpu_s", unit="CPU s", words="Envoy", digits=2),
        ),
    ),
    Figure(
        id="F10",
        title="Fan-out",
        measure=lambda run, changes: fan_out(run, 1000, changes),
        look=Look(short=5, full=20, of="changes"),
        up_to=5000,
        targets=(
            Target(value="median_ms", unit="ms", words="a change, median client", ratio=0.5),
            Target(value="last_ms", unit="ms", words="a change, last client", ratio=0.5),
            Target(value="synced_s", unit="s", words="all connected at once and synced", at_most={0: 10}),
            Target(value="change_cpu_ms", unit="CPU ms", words="control plane, a change", digits=2),
            Target(value="clients", unit="clients", words="delta clients"),
            Target(value="connect_cpu_s", unit="CPU s", words="control plane, all connected", digits=2),
        ),
    ),
    Figure(
        id="F14",
        title="Fan-out to 2,000",
        measure=lambda run, changes: fan_out(run, 2000, changes),
        look=Look(short=5, full=20, of="changes"),
        up_to=1000,
        ours=True,
        targets=(
            Target(value="median_ms", unit="ms", words="a change, median client"),
            Target(value="last_ms", unit="ms", words="a change, last client"),
            Target(value="synced_s", unit="s", words="all connected at once and synced"),
            Target(value="sent_away", unit="times", words="told to come back later"),
            Target(value="rss_mib", unit="MiB", words="control plane"),
            Target(value="change_cpu_ms", unit="CPU ms", words="control plane, a change", digits=2),
        ),
    ),
    Figure(
        id="F8",
        title="Status",
        measure=lambda run, _: status(run),
        targets=(
            Target(value="add_s", unit="s", words="from the last creation until all are counted", ratio=0.1),
            Target(value="burst_s", unit="s", words="the API server's own, to create all"),
            Target(value="deletion_s", unit="s", words="the API server's own, to delete all"),
            Target(value="removed_s", unit="s", words="from before the deletion until none is counted", ratio=0.1),
            Target(value="remove_s", unit="s", words="from the deletion's answer until none is counted"),
            Target(value="gateway_writes", unit="writes", words="to the Gateway, both ways", at_most={0: 50}),
            Target(value="gateway_writes_removing", unit="writes", words="of them, while all were removed"),
            Target(value="route_writes", unit="writes", words="to the routes"),
        ),
    ),
    Figure(
        id="F3",
        title="Lost requests in changes",
        measure=lambda run, changes: losses(run, changes, 500),
        look=Look(short=20, full=100, of="changes of each kind"),
        targets=(
            Target(value="lost", unit="requests", words="of all variants and rounds", at_most={0: 0}, over=Over.SUM),
            Target(
                value="reopened",
                unit="connections",
                words="closed between two requests, of all variants and rounds",
                over=Over.SUM,
            ),
            Target(value="slowest_ms", unit="ms", words="slowest answer of all variants and rounds", over=Over.MOST),
            Target(
                value="certificate_slowest_ms",
                unit="ms",
                words="slowest new certificate, until it was served",
                over=Over.MOST,
            ),
        ),
        needs_routes=False,
    ),
    Figure(
        id="F13",
        title="Two hundred Gateways",
        measure=many_gateways,
        look=Look(short=20, full=100, of="changes of each kind"),
        targets=(
            Target(value="settled_s", unit="s", words="made and attached, with 1,000 routes"),
            Target(value="control_plane_cpu_s", unit="CPU s", words="control plane, until then", digits=2),
            Target(value="route_cpu_ms", unit="CPU ms", words="control plane, a route changed", digits=2),
            Target(value="slice_cpu_ms", unit="CPU ms", words="control plane, a slice changed", digits=2),
            Target(value="idle_cores", unit="cores", words="control plane, at rest", digits=2),
            Target(value="probe_mean_ms", unit="ms", words="a new route of one more Gateway, until it answers 200"),
            Target(value="probe_errors", unit="answers", words="neither 404 nor 200", at_most={0: 0}, over=Over.SUM),
            Target(value="peak_mib", unit="MiB", words="control plane, peak"),
        ),
        needs_routes=False,
        ours=True,
    ),
    Figure(
        id="F11",
        title="Standalone, one file edited",
        measure=None,
        alone=Alone(script="standalone.py", arguments=("--changes", "9"), sizes=(100, 1000), both_up_to=100),
        targets=(
            Target(value="edit_median_ms", unit="ms", words="a route edited", ratio=0.05, at_most={0: 50}),
            Target(value="add_median_ms", unit="ms", words="a route added", ratio=0.05, at_most={0: 50}),
            Target(value="cold_start_s", unit="s", words="cold start"),
            Target(value="add_cpu_ms", unit="CPU ms", words="control plane, a route added", digits=2),
            Target(value="peak_mib", unit="MiB", words="control plane, peak"),
        ),
    ),
    Figure(
        id="F12",
        title="`translate`",
        measure=None,
        alone=Alone(script="translate.py", arguments=(), sizes=(300,), both_up_to=300),
        targets=(
            Target(value="seconds", unit="s", words="wall", ratio=0.05, at_most={300: 1.0}),
            Target(value="cpu_s", unit="CPU s", words="process", ratio=0.05, digits=2),
            Target(value="peak_mib", unit="MiB", words="process, peak"),
        ),
    ),
    FLOOR,
)
"""In the order in which one run takes them."""

BY_ID = {figure.id: figure for figure in FIGURES}
