"""What every record of the IR is, and the words that several of them need."""

from typing import NewType

import msgspec

ClusterName = NewType("ClusterName", str)

INVALID_BACKEND = ClusterName("invalid-backend")
"""A cluster that never exists: a share of traffic sent to it fails."""

FAILURE = 500
"""The status that says so, where no other does."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every IR record: frozen, compared by value, hashable."""
