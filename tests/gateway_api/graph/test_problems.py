"""What messages say, and how much of it."""

from gateway_api.graph.problems import MOST_NAMED, some


def test_a_message_names_a_few_and_says_that_there_are_more() -> None:
    assert (some([]), some(["a"]), some(["a", "b"])) == ("none", "a", "a, b")
    assert some(map(str, range(MOST_NAMED))) == ", ".join(map(str, range(MOST_NAMED)))
    assert some(map(str, range(60_000))).endswith(f", {MOST_NAMED - 1}, and more")
