"""Python values → the small messages that Envoy's messages hold them in."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value, UInt64Value

from protos import core

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


def socket_address(host: str, port: int, *, udp: bool = False) -> core.Address:
    """An address to bind or to connect to, or a name that resolves to some. `::` is any, of IPv4 too."""
    protocol = core.SocketAddress.UDP if udp else core.SocketAddress.TCP
    place = core.SocketAddress(protocol=protocol, address=host, port_value=port, ipv4_compat=host == "::")
    return core.Address(socket_address=place)
