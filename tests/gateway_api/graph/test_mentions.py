"""What messages say, and how much of it."""

from gateway_api.graph.mentions import MOST, some


def test_a_message_names_a_few_and_says_that_there_are_more() -> None:
    assert (some([]), some(["a"]), some(["a", "b"])) == ("none", "a", "a, b")
    assert some(map(str, range(MOST))) == ", ".join(map(str, range(MOST)))
    assert some(map(str, range(60_000))).endswith(f", {MOST - 1}, and more")
