"""The page says what the rounds say: of medians, sums, ratios and floors, of what was missed, broke off or is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.cluster import cli, report
from bench.cluster.figures import BY_ID
from bench.cluster.systems import ENVOY_GATEWAY, LYCHGATE

OURS, THEIRS = LYCHGATE.key, ENVOY_GATEWAY.key
type Rounds = list[tuple[str, dict[str, float] | str | None]]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "performance"
    folder.mkdir()
    return folder


def measured(results: Path, figure: str, routes: int, rounds: Rounds, **more: Any) -> None:
    """Leave a file as the benchmark does. Rounds of a system are numbered in their order."""
    systems = [system for system, _ in rounds]
    taken = [
        {"system": system, "round": systems[:index].count(system) + 1, "values": values}
        for index, (system, values) in enumerate(rounds)
    ]
    said = {"date": "2026-01-01", "machine": "m", "short": False, "look": "", "rounds_asked_for": 1}
    document = said | {"figure": figure, "routes": routes, "rounds": taken} | more
    (results / f"{figure}-{routes}.json").write_text(json.dumps(document))


def page(results: Path) -> str:
    report.write(results.parent / "page.md", results)
    return (results.parent / "page.md").read_text()


def row(text: str, words: str) -> list[str]:
    """The cells of the last row that begins so: ours, theirs, the ratio, the goals, the verdict."""
    found = [line for line in text.splitlines() if line.startswith(f"| {words}")]
    return [cell.strip() for cell in found[-1].strip("|").split("|")][2:]


def test_what_stands_for_all_rounds_is_their_median_of_errors_the_sum_and_of_the_slowest_the_slowest(
    results: Path,
) -> None:
    ours = [{"mean_ms": mean, "errors": errors, "slowest_ms": mean} for mean, errors in ((9, 0), (1, 2), (2, 1))]
    rounds: Rounds = [(OURS, each) for each in ours]
    measured(results, "F2", 1000, [*rounds, (THEIRS, {"mean_ms": 50, "errors": 0, "slowest_ms": 4})])
    text = page(results)
    assert row(text, "mean, ms") == ["2", "50", "0.04", "ratio ≤ 0.05", "met"]
    assert row(text, "slowest of all rounds") == ["9", "4", "", "", ""]
    assert row(text, "neither 404 nor 200") == ["3", "0", "", "≤ 0 answers", "**missed**"]


def test_missed_targets_are_counted_with_their_sizes(results: Path) -> None:
    for routes, ours in ((100, 10.0), (1000, 1.0), (5000, 6.0)):
        measured(results, "F2", routes, [(OURS, {"mean_ms": ours}), (THEIRS, {"mean_ms": 100.0})])
    measured(results, "F3", 0, [(OURS, {"lost": 1})])
    assert "Of 4 targets at all sizes 3 are missed: F2 (100, 5,000 routes); F3.\n" in page(results)


def test_a_target_for_one_size_is_none_for_another(results: Path) -> None:
    for routes in (1000, 5000):
        measured(results, "F15", routes, [(OURS, {"route_cpu_ms": 2.5})])
    assert "Of 1 targets at all sizes 1 are missed: F15 (5,000 routes)." in page(results)


@pytest.mark.parametrize(("mean", "verdict"), [(30.0, "met"), (30.1, "**missed**")])
def test_the_floor_is_that_of_the_same_size(results: Path, mean: float, verdict: str) -> None:
    measured(results, "F0", 1000, [(OURS, {"mean_ms": 20.0})])
    measured(results, "F0", 100, [(OURS, {"mean_ms": 1.0})])
    measured(results, "F1", 1000, [(OURS, {"mean_ms": mean})])
    assert row(page(results), "mean, ms")[3:] == [f"≤ 1.5 × floor (is {mean / 20:.2f})", verdict]


@pytest.mark.parametrize("fell", [OURS, THEIRS])
def test_there_is_no_ratio_of_what_fell(results: Path, fell: str) -> None:
    values = {system: {"growth_mb": -0.2 if system == fell else 0.01} for system in (OURS, THEIRS)}
    measured(results, "F7", 1000, list(values.items()))
    assert row(page(results), "control plane, growth")[2] == ""


def test_a_value_that_its_file_takes_back_stands_nowhere_and_makes_no_ratio(results: Path) -> None:
    rounds: Rounds = [(OURS, {"mean_ms": 1}), (THEIRS, {"mean_ms": 100})]
    measured(results, "F2", 1000, rounds, wrong={OURS: ["mean_ms"]})
    text = page(results)
    assert row(text, "mean, ms") == [report.WRONG, "100", "", "", ""]
    assert "Of 0 targets" in text


def test_a_round_that_broke_off_has_no_values_and_is_said(results: Path) -> None:
    rounds: Rounds = [(OURS, {"mean_ms": 1}), (OURS, "never came true"), (THEIRS, {"mean_ms": 100})]
    measured(results, "F2", 1000, rounds, rounds_asked_for=2)
    text = page(results)
    assert row(text, "mean, ms")[:3] == ["1", "100", "0.01"]
    assert "rounds: Lychgate 1 (1 broke off), Envoy Gateway 1 (1 not begun)" in text


def test_the_requests_that_a_change_lost_are_those_of_all_rounds(results: Path) -> None:
    name = "filter flip"
    said = {f"{name}: requests": 1000, f"{name}: slowest_ms": 30}
    rounds: Rounds = [(OURS, said | {f"{name}: lost": lost, "lost": lost}) for lost in (3, 0)]
    measured(results, "F3", 0, rounds)
    assert f"| {name} | 3 of 2,000, 30 ms |  |\n" in page(results)


def test_most_was_measured_on_one_day_and_the_others_are_named(results: Path) -> None:
    for routes, day in ((100, 1), (1000, 2), (5000, 2)):
        measured(results, "F2", routes, [(OURS, {"mean_ms": 1})], date=f"2026-01-0{day}")
    assert "All was measured on 2026-01-02, except for\n\n* 2026-01-01: F2 (100 routes)\n" in page(results)


def test_of_a_figure_that_is_ours_alone_nothing_is_said_of_others(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where both systems took other figures in the same rounds."""
    monkeypatch.setattr(cli, "RESULTS", results)
    values = {OURS: {"F3": {"lost": 0}, "F13": {"settled_s": 28}}, THEIRS: {"F3": {"lost": 2}}}
    rounds = [{"system": system, "round": 1, "values": found} for system, found in values.items()]
    cli.save(0, [BY_ID["F3"], BY_ID["F13"]], rounds, short=False, of=1)
    head, f13 = page(results).split("## F13")
    assert "rounds: Lychgate 1, Envoy Gateway 1" in head
    assert "rounds: Lychgate 1, 100 changes of each kind.\n" in f13
