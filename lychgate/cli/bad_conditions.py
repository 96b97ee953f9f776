"""Which conditions tell of something wrong."""

from k8s_apply.local.status_file import StatusRow

BAD_WHEN_TRUE = frozenset({"Conflicted", "PartiallyInvalid", "OverlappingTLSConfig"})
"""Condition types of which True is the bad news."""


def is_bad(row: StatusRow) -> bool:
    """Whether the condition tells of something wrong."""
    return row.status != "False" if row.type in BAD_WHEN_TRUE else row.status != "True"
