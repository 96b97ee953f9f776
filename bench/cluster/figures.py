"""The figures: what each is called, how it is taken, which value stands for it, and what it is to reach."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cluster.churn import churn, growth
from cluster.cold_start import cold_start
from cluster.fan_out import fan_out
from cluster.loss import losses
from cluster.many_gateways import many_gateways
from cluster.one_change import one_change
from cluster.probe import probe, probe_under_churn
from cluster.run import Run
from cluster.status import status
from cluster.wire import wire

type Values = dict[str, Any]
type Measure = Callable[[Run, bool], Values]
"""A run and whether a short look will do → values by name."""


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


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure."""

    id: str
    title: str
    measure: Measure | None
    targets: tuple[Target, ...]
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
            Target(value="control_plane_cpu_s", unit="CPU s", words="control plane", ratio=0.15),
            Target(value="envoy_cpu_s", unit="CPU s", words="Envoy"),
        ),
    ),
    Figure(
        id="F7",
        title="Memory after the ramp",
        measure=lambda run, short: growth(run, 60 if short else 180),
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
            Target(value="envoy_rss_mib", unit="MiB", words="Envoy"),
        ),
    ),
    Figure(
        id="F1",
        title="New route, probed until it answers 200",
        measure=lambda run, short: probe(run, 30 if short else 100),
        targets=(
            Target(value="mean_ms", unit="ms", words="mean", ratio=0.10, floor=1.5),
            Target(value="mean_with_write_ms", unit="ms", words="mean, the API server's own answer included"),
            Target(value="p99_ms", unit="ms", words="99th percentile"),
            Target(value="errors", unit="answers", words="neither 404 nor 200", at_most={0: 0}),
            Target(value="control_plane_cpu_ms", unit="CPU ms", words="control plane, a route"),
        ),
    ),
    Figure(
        id="F2",
        title="New route under churn",
        measure=lambda run, short: probe_under_churn(run, 20 if short else 50),
        targets=(
            Target(value="mean_ms", unit="ms", words="mean", ratio=0.05),
            Target(value="errors", unit="answers", words="neither 404 nor 200", at_most={0: 0}),
        ),
    ),
    Figure(
        id="F6",
        title="CPU under churn",
        measure=lambda run, short: churn(run, 20 if short else 60),
        targets=(
            Target(value="control_plane_cores", unit="cores", words="control plane", ratio=0.05),
            Target(value="cpu_ms_a_change", unit="CPU ms", words="a change"),
            Target(value="envoy_cores", unit="cores", words="Envoy"),
        ),
    ),
    Figure(
        id="F9",
        title="Bytes to Envoy",
        measure=lambda run, short: wire(run, 5 if short else 10),
        targets=(
            Target(value="route_kb", unit="kB", words="one route changed", ratio=0.05),
            Target(value="endpoint_kb", unit="kB", words="one slice changed", ratio=0.05),
        ),
    ),
    Figure(
        id="F15",
        title="One change in a world at rest",
        measure=lambda run, short: one_change(run, 50 if short else 200),
        targets=(
            Target(value="route_cpu_ms", unit="CPU ms", words="control plane, a route", at_most={5000: 2.0}),
            Target(value="slice_cpu_ms", unit="CPU ms", words="control plane, a slice", at_most={5000: 0.5}),
        ),
    ),
    Figure(
        id="F4",
        title="Cold start",
        measure=lambda run, _: cold_start(run),
        targets=(
            Target(value="seconds", unit="s", words="to the last host's 200", ratio=0.4),
            Target(value="control_plane_cpu_s", unit="CPU s", words="control plane"),
        ),
    ),
    Figure(
        id="F10",
        title="Fan-out",
        measure=lambda run, short: fan_out(run, 1000, 5 if short else 20),
        up_to=5000,
        targets=(
            Target(value="median_ms", unit="ms", words="a change, median client", ratio=0.5),
            Target(value="last_ms", unit="ms", words="a change, last client", ratio=0.5),
            Target(value="synced_s", unit="s", words="all connected at once and synced", at_most={0: 10}),
            Target(value="change_cpu_ms", unit="CPU ms", words="control plane, a change"),
            Target(value="clients", unit="clients", words="delta clients"),
            Target(value="connect_cpu_s", unit="CPU s", words="control plane, all connected"),
        ),
    ),
    Figure(
        id="F14",
        title="Fan-out to 2,000",
        measure=lambda run, short: fan_out(run, 2000, 5 if short else 20),
        up_to=1000,
        ours=True,
        targets=(
            Target(value="median_ms", unit="ms", words="a change, median client"),
            Target(value="last_ms", unit="ms", words="a change, last client"),
            Target(value="synced_s", unit="s", words="all connected at once and synced"),
            Target(value="sent_away", unit="times", words="told to come back later"),
            Target(value="rss_mib", unit="MiB", words="control plane"),
            Target(value="change_cpu_ms", unit="CPU ms", words="control plane, a change"),
        ),
    ),
    Figure(
        id="F8",
        title="Status",
        measure=lambda run, _: status(run),
        targets=(
            Target(value="add_s", unit="s", words="until all are counted", ratio=0.1),
            Target(value="remove_s", unit="s", words="until none is counted", ratio=0.1),
            Target(value="gateway_writes", unit="writes", words="to the Gateway", at_most={0: 50}),
            Target(value="route_writes", unit="writes", words="to the routes"),
        ),
    ),
    Figure(
        id="F3",
        title="Lost requests in changes",
        measure=lambda run, short: losses(run, 20 if short else 100, 500),
        targets=(Target(value="lost", unit="requests", words="of all variants", at_most={0: 0}),),
        needs_routes=False,
    ),
    Figure(
        id="F13",
        title="Two hundred Gateways",
        measure=lambda run, short: many_gateways(run, 20 if short else 100),
        targets=(
            Target(value="settled_s", unit="s", words="made and attached, with 1,000 routes"),
            Target(value="control_plane_cpu_s", unit="CPU s", words="control plane, until then"),
            Target(value="route_cpu_ms", unit="CPU ms", words="control plane, a route changed"),
            Target(value="slice_cpu_ms", unit="CPU ms", words="control plane, a slice changed"),
            Target(value="idle_cores", unit="cores", words="control plane, at rest"),
            Target(value="probe_mean_ms", unit="ms", words="a new route of one more Gateway, until it answers 200"),
            Target(value="peak_mib", unit="MiB", words="control plane, peak"),
        ),
        needs_routes=False,
        ours=True,
    ),
    Figure(
        id="F11",
        title="Standalone, one file edited",
        measure=None,
        alone=Alone(script="standalone.py", arguments=("--changes", "3"), sizes=(100, 1000), both_up_to=100),
        targets=(
            Target(value="edit_median_ms", unit="ms", words="a route edited", ratio=0.05, at_most={0: 50}),
            Target(value="add_median_ms", unit="ms", words="a route added", ratio=0.05, at_most={0: 50}),
            Target(value="cold_start_s", unit="s", words="cold start"),
            Target(value="add_cpu_ms", unit="CPU ms", words="control plane, a route added"),
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
            Target(value="cpu_s", unit="CPU s", words="process", ratio=0.05),
            Target(value="peak_mib", unit="MiB", words="process, peak"),
        ),
    ),
    FLOOR,
)
"""In the order in which one run takes them."""

BY_ID = {figure.id: figure for figure in FIGURES}
