"""What a measurement counts, asked of a system that answers as the test says."""

from collections.abc import Iterator

import pytest

from bench.cluster.probe import asked
from bench.cluster.run import Client
from bench.cluster.status import Heard
from bench.cluster.traffic import Target, path


class Answering(Client):
    """Answers in this order, whatever it is asked."""

    def __init__(self, *statuses: int) -> None:
        self._statuses: Iterator[int] = iter(statuses)

    def status(self, host: str, path: str = "/") -> int:
        return next(self._statuses)


def test_a_probe_ends_with_200_and_what_is_neither_that_nor_404_is_an_error() -> None:
    made: list[int] = []
    found = asked(Answering(404, 404, 200, 500, 0, 200), 2, made.append)
    assert made == [0, 1]
    assert (found["probes"], found["answers_404"], found["errors"]) == (2, 2, 2)
    assert 10 <= found["median_ms"] <= found["slowest_ms"]


def test_routes_are_told_when_both_conditions_hold_and_their_writes_are_counted() -> None:
    heard = Heard()

    def route(event: str, **statuses: str) -> None:
        conditions = [{"type": type_, "status": status} for type_, status in statuses.items()]
        heard.route(event, {"metadata": {"name": "r"}, "status": {"parents": [{"conditions": conditions}]}})

    route("ADDED")
    route("MODIFIED", Accepted="True", ResolvedRefs="False")
    assert (heard.route_writes, heard.resolved) == (1, set())
    route("MODIFIED", Accepted="True", ResolvedRefs="True")
    assert (heard.route_writes, heard.resolved) == (2, {"r"})
    heard.gateway("MODIFIED", {"status": {"listeners": [{"attachedRoutes": 7}]}})
    assert (heard.gateway_writes, heard.attached) == (1, 7)


@pytest.mark.parametrize(
    ("asked_for", "pod", "stranger"),
    [
        ("/a=one,two", "two-6d4cf56db6-abcde", False),
        ("/a=one,two", "three-6d4cf56db6-abcde", True),
        ("/a=one", "", True),
        ("/a", "any-6d4cf56db6-abcde", False),
    ],
)
def test_an_answer_of_a_deployment_that_has_no_part_in_the_path_is_a_strangers(
    asked_for: str, pod: str, stranger: bool
) -> None:
    target = Target("127.0.0.1", 80, "a.test", [path(asked_for)], None, 1)
    assert target.is_stranger(0, f'{{"pod": "{pod}"}}'.encode()) is stranger
