"""Python values → the wrapped values that Envoy's messages hold."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value, UInt64Value

NANOS = 1_000_000_000

TRUE = BoolValue(value=True)
FALSE = BoolValue(value=False)


def seconds(value: float) -> Duration:
    """A duration, rounded to whole nanoseconds."""
    whole, nanos = divmod(round(value * NANOS), NANOS)
    return Duration(seconds=whole, nanos=nanos)


def uint32(value: int) -> UInt32Value:
    """A number that can also be absent."""
    return UInt32Value(value=value)


def uint64(value: int) -> UInt64Value:
    """As `uint32`, for larger ones."""
    return UInt64Value(value=value)
