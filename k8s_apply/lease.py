"""A Lease that many replicas want → `leading`, true in at most one of them.

No clock of another machine is ever compared with ours: a candidate notes, by its own monotonic clock, when it saw the
Lease change, and takes it only after it saw nothing for as long as the Lease is good for. The holder renews far more
often, and gives up writing earlier than anybody can take over: it counts from before the last renewal that succeeded
was sent, the others from after they saw it.

    sent ├── deadline 10 s ──┤ we stop
         seen ├──── duration 15 s ─────┤ another may begin

Losing the Lease ends nothing but the writing: we go on as a candidate.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from flow.clock import Clock
from flow.latest import Latest
from flow.race import newer_within, within
from k8s_apply.api import Conflict, Json, KubeWriter, NotFound
from k8s_apply.kinds import LEASE
from k8s_apply.timestamps import rfc3339
from k8s_watch.api import ApiError
from k8s_watch.keys import AnyKind, ObjectKey

log = structlog.get_logger("k8s_apply.lease")

RELEASE_PATIENCE = 2.0
"""Seconds for giving the Lease back when we end; who does not manage has it expire."""


class Leadership:
    """Our claim on one Lease. Spec: Kubernetes coordination.k8s.io/v1 Lease."""

    def __init__(
        self,
        api: KubeWriter,
        *,
        identity: str,
        key: ObjectKey,
        clock: Clock,
        duration: float = 15.0,
        deadline: float = 10.0,
        retry: float = 2.0,
        eligible: Latest[bool] | None = None,
    ) -> None:
        """`identity` must be unique to this process; `key` is the Lease's. `eligible`: whether we may take it, always
        if not given; till then it is watched only, and given back if we have it: who cannot write yet, or ever, must
        keep nobody from it. `duration`: seconds that a renewal is good for, a whole number; `deadline`: seconds without
        a renewal after which we stop writing, less than `duration`; `retry`: seconds between renewals.
        """
        if not 0 < retry < deadline < duration:
            raise ValueError(f"need retry < deadline < duration, not {retry:g}, {deadline:g}, {duration:g}")
        self.leading: Latest[bool] = Latest(initial=False)
        """Whether we may write."""
        self.failures = 0
        """Counts calls that failed, other than because somebody was faster."""
        self._api = api
        self._identity = identity
        self._key = key
        self._clock = clock
        self._duration = duration
        self._deadline = deadline
        self._retry = retry
        self._eligible = eligible or Latest(initial=True)
        self._renewed = float("-inf")
        """When the last successful renewal was sent, monotonic."""
        self._held: Json | None = None
        """The Lease as we wrote it last; None when that is not known to be its present state."""
        self._seen: Json = {}
        """The Lease's spec as last observed, and when it was first seen so, monotonic."""
        self._seen_at = float("-inf")
        self._trouble = ""
        """Why the last call failed, as it was logged; "" when it did not."""
        self._waits_for = ""
        """The holder whom we wait for, as it was logged."""

    def may_write(self) -> bool:
        """Whether we lead at this very moment, by the clock: true for no longer than the deadline allows."""
        return self.leading.value and self._clock.monotonic() < self._renewed + self._deadline

    async def run(self) -> None:
        """Be a candidate, lead, be a candidate again, until cancelled; then give the Lease back."""
        try:
            while True:
                await self._acquire()
                log.info("leading", lease=str(self._key), identity=self._identity)
                self.leading.publish(True)
                await self._hold()
                self.leading.publish(False)
                if self._eligible.value:
                    log.warning("leadership lost", lease=str(self._key), identity=self._identity)
                else:
                    self._held = None
                    await self._release()
                    log.warning("lease given back", lease=str(self._key), identity=self._identity)
        finally:
            if self.leading.publish(False):
                await self._release()

    async def _acquire(self) -> None:
        while True:
            eligible = self._eligible.version
            if await self._claimed(self._deadline):
                return
            # Twice as often as the holder renews: what we see late, we take over late.
            pause = self._retry * (0.45 + self._clock.jitter() / 10)
            await newer_within(self._eligible, eligible, pause, self._clock)

    async def _hold(self) -> None:
        pause = self._retry
        while (left := self._renewed + self._deadline - self._clock.monotonic()) > 0:
            await self._clock.sleep(min(pause, left))
            left = self._renewed + self._deadline - self._clock.monotonic()
            if left > 0:
                # Not all that is left: a connection whose other end is gone must not be the only one that is tried.
                renewed = await self._claimed(min(left, self._deadline / 2))
                pause = self._retry if renewed else self._retry / 2
            if self._seen.get("holderIdentity") != self._identity or not self._eligible.value:
                return

    async def _claimed(self, patience: float) -> bool:
        """Try to take or renew the Lease within `patience` seconds; return whether that worked."""
        try:
            claimed = await within(patience, self._claim(), self._clock)
        except Conflict:
            return False  # somebody was faster: whoever it is holds it, as the next look shows
        except (ApiError, OSError) as error:
            self._failed(error)
            return False
        if claimed:
            self._works()
        else:
            self._stands_by()
        return claimed

    def _failed(self, error: ApiError | OSError) -> None:
        """Say so once for each reason: who has no permission would else never write, and never say why."""
        self.failures += 1
        # How long was waited differs each time.
        text = "no answer in time" if isinstance(error, TimeoutError) else str(error)
        if text != self._trouble:
            log.warning("cannot acquire the lease, will retry", lease=str(self._key), error=text)
        self._trouble, self._waits_for = text, ""

    def _works(self) -> None:
        if self._trouble:
            log.info("lease is written again", lease=str(self._key))
        self._trouble = self._waits_for = ""

    def _stands_by(self) -> None:
        """Say whom we wait for, once for each, and again after a failure: that it works again is said by it too."""
        holder = str(self._seen.get("holderIdentity") or "")
        if holder and holder != self._waits_for:
            log.info("waiting, the lease is held by another", lease=str(self._key), holder=holder)
        self._trouble, self._waits_for = "", holder

    async def _claim(self) -> bool:
        return await self._renew() or await self._take()

    async def _renew(self) -> bool:
        """Write the Lease anew as we left it, unread; False when it is not so any more, or was not ours."""
        held, self._held = self._held, None
        if held is None:
            return False
        try:
            await self._write(self._api.replace, held)
        except (Conflict, NotFound):
            return False
        return True

    async def _take(self) -> bool:
        """Write the Lease if it is free; False while somebody else holds it, or we may not."""
        try:
            # Not all the time that there is, as in `_hold`.
            lease = await within(self._deadline / 2, self._api.get(LEASE, self._key), self._clock)
        except NotFound:
            if not self._eligible.value:
                return False
            meta = {"name": self._key.name, "namespace": self._key.namespace}
            lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta}
            await self._write(self._api.create, lease)
            return True
        self._observe(lease)
        if self._is_anothers() or not self._eligible.value:
            return False
        await self._write(self._api.replace, lease)
        return True

    async def _write(self, call: Callable[[AnyKind, ObjectKey, Json], Awaitable[Json]], lease: Json) -> None:
        sent = self._clock.monotonic()
        written = await call(LEASE, self._key, lease | {"spec": self._spec(lease.get("spec") or {})})
        self._observe(written)
        self._held, self._renewed = written, sent

    def _observe(self, lease: Json) -> None:
        spec: dict[str, Any] = lease.get("spec") or {}
        if spec != self._seen:
            self._seen, self._seen_at = spec, self._clock.monotonic()

    def _is_anothers(self) -> bool:
        """Whether somebody else holds the Lease, and it has not run out under our eyes."""
        holder = self._seen.get("holderIdentity")
        good_for = self._seen.get("leaseDurationSeconds") or self._duration
        return bool(holder) and holder != self._identity and self._clock.monotonic() < self._seen_at + good_for

    def _spec(self, before: Json) -> Json:
        now = rfc3339(self._clock.now(), micros=True)
        ours = before.get("holderIdentity") == self._identity
        return before | {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._duration),
            "acquireTime": before.get("acquireTime", now) if ours else now,
            "renewTime": now,
            "leaseTransitions": before.get("leaseTransitions", 0) + (0 if ours or not before else 1),
        }

    async def _release(self) -> None:
        """Leave the Lease without a holder, so that nobody has to wait for it to run out."""
        try:
            await within(RELEASE_PATIENCE, self._give_back(), self._clock)
        except (ApiError, OSError) as error:
            log.debug("lease not given back", lease=str(self._key), error=str(error))

    async def _give_back(self) -> None:
        lease = await self._api.get(LEASE, self._key)
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") == self._identity:
            # A duration of 0 is refused by the API server.
            free = {
                "holderIdentity": "",
                "leaseDurationSeconds": 1,
                "renewTime": rfc3339(self._clock.now(), micros=True),
            }
            await self._api.replace(LEASE, self._key, lease | {"spec": spec | free})
