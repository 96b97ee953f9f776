"""Which GatewayClasses are in use → their finalizer: a class does not go while a Gateway uses it.

Without it, deleting a class, or replacing it by one of the same name, takes every Gateway of it along, its address too.
The finalizer is written when it is due by what was watched; right before that the class is read again, and its other
finalizers, which are others', are written back as they are.

Spec: Gateway API v1 GatewayClass, "gateway-exists-finalizer"
"""

from collections.abc import Mapping

import msgspec
import structlog

from flow.backoff import pause_after
from flow.clock import Clock
from flow.latest import Latest
from flow.race import while_true
from gateway_api.graph.types import Graph
from k8s_apply.api import Conflict, KubeWriter, NotFound
from k8s_apply.fence import NotLeadingError
from k8s_apply.workqueue import WorkQueue
from k8s_watch.api import ApiError, asked_to_wait
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import GATEWAY_CLASS
from k8s_watch.objects.gateway import GatewayClass

log = structlog.get_logger("k8s_apply.classes")

FINALIZER = "gateway-exists-finalizer.gateway.networking.k8s.io"
PAUSE = 1.0
"""Seconds between two writes of one class at least: two controllers must not fight at full speed."""


class ClassUse(msgspec.Struct, frozen=True):
    """A class of ours, and whether a Gateway uses it."""

    source: GatewayClass
    in_use: bool


type ClassUses = Mapping[ObjectKey, ClassUse]


def class_uses(graph: Graph) -> ClassUses:
    """Return the classes that have to carry the finalizer, and those that must not. Pure; cost: a look at Gateways
    until each class is seen to be in use, at all of them where one is not.

    One that is not accepted is left as it is while a Gateway names it.
    """
    unused = {key.name for key in graph.gateway_classes}
    for gateway in graph.gateways.values():
        unused.discard(gateway.source.spec.gateway_class_name)
        if not unused:
            break
    return {
        key: ClassUse(node.source, in_use=key.name not in unused)
        for key, node in graph.gateway_classes.items()
        if key.name in unused or not node.problems
    }


def uses_alike(one: Graph, other: Graph) -> bool:
    """Whether nothing of what `class_uses` reads differs in two graphs of one keeper. Cost: none; no may be in vain."""
    return one.gateways is other.gateways and one.gateway_classes is other.gateway_classes


class FinalizerWriter:
    """Puts the finalizer on every class that is in use and takes it off all others, while we lead."""

    def __init__(self, api: KubeWriter, *, leading: Latest[bool], clock: Clock) -> None:
        self.failures = 0
        """Counts failed tries, other than because somebody was faster."""
        self._api = api
        self._leading = leading
        self._clock = clock
        self._wanted: ClassUses = {}
        self._written: dict[ObjectKey, float] = {}
        """When each class was written last."""
        self._failures: dict[ObjectKey, int] = {}
        self._logged: dict[ObjectKey, str] = {}
        """What the log says of those that fail."""
        self._queue: WorkQueue[ObjectKey] = WorkQueue(clock)

    def want(self, classes: ClassUses, /) -> None:
        """Make these the wish, all of them. Never blocks; no call where neither a class nor its use is another."""
        before, self._wanted = self._wanted, classes
        if self._leading.value:
            for key, use in classes.items():
                if before.get(key) != use and _is_due(use):
                    self._queue.add(key)

    async def run(self) -> None:
        """Write while we lead, until cancelled. Retries conflicts and outages itself."""
        await while_true(self._leading, self._lead)

    async def _lead(self) -> None:
        self._queue.clear()
        self._written.clear()
        self._failures.clear()
        self._logged.clear()
        for key, use in self._wanted.items():
            if _is_due(use):
                self._queue.add(key)
        await self._queue.run(self._attend, workers=1)

    async def _attend(self, key: ObjectKey) -> float | None:
        """Bring one class to its wish; return when to look again."""
        rested = self._clock.monotonic() - self._written.get(key, -PAUSE)
        if rested < PAUSE:
            return PAUSE - rested
        try:
            await self._bring(key)
        except NotLeadingError:
            return 1.0  # whoever tells us so by `leading` ends this work before that
        except NotFound:
            pass  # gone, and its finalizer with it
        except (ApiError, OSError) as error:
            return self._failed(key, error)
        if self._logged.pop(key, None):
            log.info("finalizer is as it should be again", gateway_class=key.name)
        self._failures.pop(key, None)
        return None

    async def _bring(self, key: ObjectKey) -> None:
        live = await self._api.get(GATEWAY_CLASS, key)
        use, meta = self._wanted.get(key), live["metadata"]
        if use is None or use.source.metadata.uid != meta["uid"]:
            return  # not ours any more, or another class of that name, of which the watch will tell
        finalizers = meta.get("finalizers") or []
        if _is_right(use, carries=FINALIZER in finalizers, is_going="deletionTimestamp" in meta):
            return
        kept = [each for each in finalizers if each != FINALIZER]
        wanted = [*kept, FINALIZER] if use.in_use else kept
        await self._api.replace(GATEWAY_CLASS, key, live | {"metadata": meta | {"finalizers": wanted}})
        self._written[key] = self._clock.monotonic()

    def _failed(self, key: ObjectKey, error: Exception) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        self.failures += not isinstance(error, Conflict)
        if not isinstance(error, Conflict) and (text := str(error)) != self._logged.get(key):
            self._logged[key] = text
            log.warning("finalizer cannot be written, will retry", gateway_class=key.name, error=text)
        return max(pause_after(failures, self._clock, most=60.0), asked_to_wait(error))


def _is_due(use: ClassUse) -> bool:
    meta = use.source.metadata
    return not _is_right(use, carries=FINALIZER in meta.finalizers, is_going=meta.deletion_timestamp is not None)


def _is_right(use: ClassUse, *, carries: bool, is_going: bool) -> bool:
    """Whether the finalizer is where it has to be, or can be: what is under deletion takes no new ones."""
    return carries == use.in_use or (use.in_use and is_going)
