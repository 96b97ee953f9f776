"""Names → the words of a message that mentions them."""

from collections.abc import Iterable
from itertools import islice

MOST = 10
"""Names in a message."""


def some(names: Iterable[str]) -> str:
    """Mention the first few, and that there are more: a Service may have thousands of ports, and each reference to one
    that it has not would hold them all. "none" for no names.
    """
    first = list(islice(names, MOST + 1))
    if len(first) > MOST:
        first[-1] = "and more"
    return ", ".join(first) or "none"
