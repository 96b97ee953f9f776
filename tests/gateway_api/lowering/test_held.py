"""Records that several routes bring: a listener's certificate is one of them, whether or not the listener serves."""

from gateway_api.lowering.held import Held


def test_a_record_is_there_until_its_last_holder_lets_go() -> None:
    held = Held[str, int]()
    held.hold({"a": 1})
    held.hold({"a": 1, "b": 2})
    assert held.settle() == {"a": 1, "b": 2}
    held.release(["a", "b"])
    assert (held.by_name, held.settle()) == ({"a": 1}, {"b": None})
    held.release(["a"])
    assert (held.by_name, held.settle()) == ({}, {"a": None})


def test_what_goes_and_comes_back_is_no_news() -> None:
    held = Held[str, int]()
    held.hold({"a": 1})
    held.settle()
    held.release(["a"])
    held.hold({"a": 1})
    assert held.settle() == {}


def test_what_is_renewed_is_held_as_before_and_what_nobody_holds_is_not_there() -> None:
    held = Held[str, int]()
    held.hold({"a": 1})
    held.settle()
    held.renew({"a": 2, "b": 3})
    assert (held.by_name, held.settle()) == ({"a": 2}, {"a": 2})
    held.release(["a"])
    assert held.by_name == {}
