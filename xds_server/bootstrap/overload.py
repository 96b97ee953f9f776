"""What a proxy refuses before it breaks."""

from protos import bootstrap as pb
from protos.encode import pack
from protos.values import seconds

REFRESH = 0.25
"""Seconds between looks at the resources."""

MAX_CONNECTIONS = 50_000
"""Of all clients of one proxy; Envoy warns of a proxy without any limit."""

SHRINK_AT = 0.95
STOP_AT = 0.98
"""Shares of the heap limit: give memory back, then refuse requests."""


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
        result.resource_monitors.append(
            pb.ResourceMonitor(name="envoy.resource_monitors.fixed_heap", typed_config=pack(heap))
        )
        result.actions.extend(
            [
                _when_heap_reaches(SHRINK_AT, "envoy.overload_actions.shrink_heap"),
                _when_heap_reaches(STOP_AT, "envoy.overload_actions.stop_accepting_requests"),
            ]
        )
    return result


def _when_heap_reaches(share: float, action: str) -> pb.OverloadAction:
    trigger = pb.Trigger(name="envoy.resource_monitors.fixed_heap", threshold=pb.ThresholdTrigger(value=share))
    return pb.OverloadAction(name=action, triggers=[trigger])
