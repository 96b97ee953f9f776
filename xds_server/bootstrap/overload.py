"""What a proxy refuses before it breaks."""

from protos import bootstrap as pb
from protos.encode import pack
from protos.values import seconds

REFRESH = 0.25
"""Seconds between looks at the resources."""

HEAP = "envoy.resource_monitors.fixed_heap"

MAX_CONNECTIONS = 50_000
"""Of all clients of one proxy; Envoy warns of a proxy without any limit."""

RESET_FROM, RESET_ALL_AT = 0.85, 0.95
SHRINK_AT = 0.95
STOP_AT = 0.98
"""Shares of the heap limit: end the streams that hold most, then ever smaller ones; give memory back; then refuse
requests. A client that reads nothing has a proxy hold 12 MiB with each connection of HTTP/2, and a few of those would
have all others refused for as long as it likes."""

LEAST_TO_END = 14
"""Streams that hold less than 16 KiB, two to the power of this, are never ended."""


def overload_manager(max_heap_bytes: int | None = None) -> pb.OverloadManager:
    """Limits on connections and, where given, on the heap.

    Spec: Envoy v1.40, "Overload manager"
    """
    connections = pb.DownstreamConnectionsConfig(max_active_downstream_connections=MAX_CONNECTIONS)
    result = pb.OverloadManager(
        refresh_interval=seconds(REFRESH),
        resource_monitors=[
            pb.ResourceMonitor(
                name="envoy.resource_monitors.global_downstream_max_connections", typed_config=pack(connections)
            )
        ],
    )
    if max_heap_bytes is not None:
        heap = pb.FixedHeapConfig(max_heap_size_bytes=max_heap_bytes)
        result.resource_monitors.append(pb.ResourceMonitor(name=HEAP, typed_config=pack(heap)))
        result.buffer_factory_config.minimum_account_to_track_power_of_two = LEAST_TO_END
        ends_streams = pb.ScaledTrigger(scaling_threshold=RESET_FROM, saturation_threshold=RESET_ALL_AT)
        result.actions.extend(
            [
                _by_heap("reset_high_memory_stream", pb.Trigger(name=HEAP, scaled=ends_streams)),
                _by_heap("shrink_heap", _at(SHRINK_AT)),
                _by_heap("stop_accepting_requests", _at(STOP_AT)),
            ]
        )
    return result


def _by_heap(action: str, trigger: pb.Trigger) -> pb.OverloadAction:
    return pb.OverloadAction(name=f"envoy.overload_actions.{action}", triggers=[trigger])


def _at(share: float) -> pb.Trigger:
    return pb.Trigger(name=HEAP, threshold=pb.ThresholdTrigger(value=share))
