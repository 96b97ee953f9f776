import pytest

from gateway_api.graph.durations import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0s", 0), ("10s", 10), ("500ms", 0.5), ("1h30m", 5400), ("1m1m", 120), ("99999h", 359996400)],
)
def test_a_duration_is_read_in_seconds(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "10", "1.5s", "-1s", "1d", "1s 1m", "100000s", "1h1m1s1ms1h", "1s\n", "١s"])
def test_what_gep_2257_excludes_is_no_duration(text: str) -> None:
    assert seconds(text) is None
