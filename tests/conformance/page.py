"""Our reports and what others have published → the tables of docs/conformance.md."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.conformance.report import LEVELS, counts, numbers
from tests.conformance.suite import PROFILES

type Json = dict[str, Any]


def with_tables(page: str, ours: Mapping[str, Json], others: Json) -> str:
    """Return the page with its two tables made anew; its words stay.

    `ours` are our reports by mode, `others` is docs/conformance/others.yaml. A table is what stands between a comment
    `<!-- table: results -->`, or `comparison`, and the next `<!-- end -->`.
    """
    tables = {"results": _results(ours), "comparison": _comparison(ours, others)}

    def table(found: re.Match[str]) -> str:
        return "\n".join([found[1], *tables[found[2]], "<!-- end -->"])

    return re.sub(r"(<!-- table: (\w+) -->)\n.*?<!-- end -->", table, page, flags=re.DOTALL)


def _results(ours: Mapping[str, Json]) -> Iterator[str]:
    yield from _header(["profile", *(f"{mode}: {level}" for mode in ours for level in LEVELS)])
    profiles = {mode: {profile["name"]: profile for profile in report["profiles"]} for mode, report in ours.items()}
    for name in PROFILES:
        found = [profiles[mode].get(name, {}).get(level) for mode in ours for level in LEVELS]
        yield _row([name, *("" if level is None else counts(level) for level in found)])
    yield _row(["all", *(cell for report in ours.values() for cell in (_all(report), ""))])


def _all(report: Json) -> str:
    levels = [numbers(profile[level]) for profile in report["profiles"] for level in LEVELS if level in profile]
    return f"**{sum(passed for passed, _, _ in levels)} of {sum(total for _, total, _ in levels)}**"


def _comparison(ours: Mapping[str, Json], others: Json) -> Iterator[str]:
    their = others["implementations"]
    renamed = others["renamed"]
    claims = {f"Lychgate, {mode}": _claimed(report, "supportedFeatures") for mode, report in ours.items()}
    for key, one in their.items():
        claims[one["name"]] = {renamed.get(name, name) for name, who in others["features"].items() if key in who}
    open_ones = [_claimed(report, "unsupportedFeatures") for report in ours.values()]
    yield from _header(["", *claims])
    versions = [report["implementation"]["version"] for report in ours.values()]
    yield _row(["version", *versions, *(one["version"] for one in their.values())])
    versions = [report["gatewayAPIVersion"] for report in ours.values()]
    yield _row(["Gateway API", *versions, *(one["gatewayAPIVersion"] for one in their.values())])
    reported = [[profile["name"] for profile in report["profiles"]] for report in ours.values()]
    yield _row(["profiles", *map(_short, [*reported, *(one["core"] for one in their.values())])])
    yield _row(["extended features", *(f"**{len(claimed)}**" for claimed in claims.values())])
    for feature in sorted(set().union(*claims.values(), *open_ones)):
        yield _row([feature, *("yes" if feature in claimed else "" for claimed in claims.values())])


def _claimed(report: Json, *lists: str) -> set[str]:
    extended = [profile["extended"] for profile in report["profiles"] if "extended" in profile]
    return {name for level in extended for of in lists for name in level.get(of) or ()}


def _short(profiles: Iterable[str]) -> str:
    there = set(profiles)
    return ", ".join(name.removeprefix("GATEWAY-") for name in PROFILES if name in there)


def _header(cells: list[str]) -> Iterator[str]:
    yield _row(cells)
    yield "|" + "---|" * len(cells)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
