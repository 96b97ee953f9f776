"""The kinds of constraint that a field may have, and what a check answers."""

import re
from collections.abc import Callable, Iterable, Iterator

from k8s_watch.files.paths import Path

type Broken = Iterator[tuple[Path, str]]
"""The rules that a shape breaks: where, counted from the shape, and what is wrong and what to write."""
type Check = Callable[[object], str]
"""A field's value → what is wrong with it and what to write, or ""."""


def text(pattern: str, remedy: str, longest: int = 253) -> Check:
    """Text, or each of several, that matches as a whole and has no more than `longest` characters."""
    compiled = re.compile(pattern)

    def check(value: object) -> str:
        for text in value if isinstance(value, tuple) else (value,):
            if not compiled.fullmatch(str(text)):
                return f"{str(text)!r} is not usable: write {remedy}"
            if len(str(text)) > longest:
                return f"is longer than {longest} characters"
        return ""

    return check


def one_of(*allowed: object) -> Check:
    """A value that is among those allowed."""
    wanted = ", ".join(map(str, allowed))
    return lambda value: "" if value in allowed else f"{value!r} is not one of {wanted}"


def number(low: int, high: int) -> Check:
    """A number in a range, both ends included."""

    def check(value: object) -> str:
        fits = not isinstance(value, int) or low <= value <= high
        return "" if fits else f"{value} is out of range: write a number from {low} to {high}"

    return check


def count(low: int, high: int) -> Check:
    """A list with so many elements, both ends included."""

    def check(value: object) -> str:
        count = len(value) if isinstance(value, tuple) else low
        if count < low:
            return f"is empty: at least {low} is needed"
        return f"has {count} entries: at most {high} are allowed" if count > high else ""

    return check


def every(check: Check) -> Check:
    """A list whose elements each pass; of several reasons the first is given."""
    return lambda value: next(filter(None, map(check, value)), "") if isinstance(value, tuple) else ""


def both(first: Check, second: Check) -> Check:
    """What both want; of two reasons the first is given."""
    return lambda value: first(value) or second(value)


def unique(named: Iterable[tuple[Path, str]]) -> Broken:
    """Names, each with where it stands, of which no two are equal."""
    seen: set[str] = set()
    for path, name in named:
        if name in seen:
            yield path, f"{name!r} is already taken: names must differ" if name else "is missing: names must differ"
        seen.add(name)
