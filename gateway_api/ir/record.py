"""What every record of the IR is, and the words that several of them need."""

from collections.abc import Mapping
from typing import Literal, NewType

import msgspec

type Transport = Literal["TCP", "UDP"]
"""Whose ports a port is one of."""

WELL_KNOWN_PORTS: Mapping[str, int] = {"http": 80, "https": 443}
"""Scheme → the port that goes without saying. Spec: RFC 9110 section 4.2"""

ClusterName = NewType("ClusterName", str)

INVALID_BACKEND = ClusterName("invalid-backend")
"""A cluster that never exists: a share of traffic sent to it fails."""

FAILURE = 500
"""The status that says so, where no other does."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every IR record: frozen, compared by value, hashable."""
