"""Which conditions tell of something wrong."""

from gateway_api.status.catalogue import NEGATIVE
from k8s_apply.status_report import StatusRow

DELIBERATE = frozenset({"InsecureFrontendValidationMode"})
"""Warnings of what the user has chosen, with a field that does nothing else: nothing is wrong."""


def is_bad(row: StatusRow) -> bool:
    """Whether the condition tells of something wrong. Unknown is wrong too."""
    if row.type in DELIBERATE:
        return False
    return row.status != "False" if row.type in NEGATIVE else row.status != "True"
