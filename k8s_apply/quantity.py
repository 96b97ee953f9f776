"""Kubernetes quantities as users write them → as the API server spells them, and in bytes.

What we apply is compared with what is there: another spelling of the same would look like somebody's edit.
Spec: Kubernetes API, Quantity, "canonical form"
"""

from itertools import pairwise

CPU = r"^[1-9][0-9]*m?$"
"""Cores or thousandths of them, for example 2 or 250m."""
MEMORY = r"^[1-9][0-9]*(Ki|Mi|Gi)$"
"""For example 512Mi."""

_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


def canonical_cpu(text: str) -> str:
    """Spell `CPU` as the API server does: 1000m is 1."""
    return str(int(text[:-1]) // 1000) if text.endswith("000m") else text


def canonical_memory(text: str) -> str:
    """Spell `MEMORY` as the API server does: 1024Mi is 1Gi."""
    number, unit = _parts(text)
    for smaller, larger in pairwise(_UNITS):
        if unit == smaller and number % 1024 == 0:
            number, unit = number // 1024, larger
    return f"{number}{unit}"


def bytes_of(text: str) -> int:
    """Return how many bytes `MEMORY` is."""
    number, unit = _parts(text)
    return number * _UNITS[unit]


def _parts(text: str) -> tuple[int, str]:
    return int(text[:-2]), text[-2:]
