"""The one place that catches everything: a stage that fails on one thing must not take the others with it."""

from collections.abc import Callable

import msgspec


class Failure(msgspec.Struct, frozen=True):
    """What went wrong inside `attempt`: a defect of ours, to be logged and counted by whoever asked."""

    what: str
    error: Exception


def attempt[T](what: str, work: Callable[[], T]) -> T | Failure:
    """Call `work`; any exception comes back as a `Failure` that says `what` failed.

    For pure work on one object among many, where the last good result can go on serving. Never for I/O.
    """
    try:
        return work()
    except Exception as error:
        return Failure(what, error)
