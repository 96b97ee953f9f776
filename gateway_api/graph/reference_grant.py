"""ReferenceGrants, Services and Secrets → the one door through which an object reads an object it refers to.

Spec: Gateway API v1.6 ReferenceGrant
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gateway_api.graph import problems
from gateway_api.graph.types import Problem
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import Secret, Service
from k8s_watch.objects.gateway import GROUP, ReferenceGrant


class Referrer(NamedTuple):
    """The end of a reference that points: what kind of object, in which namespace."""

    kind: str
    namespace: str
    group: str = GROUP


class Grants:
    """The grants of a cluster, indexed: asking costs two look-ups however many there are."""

    def __init__(self, grants: Iterable[ReferenceGrant]) -> None:
        self._allowed = frozenset(
            (from_.group, from_.kind, from_.namespace, to.group, to.kind, grant.metadata.namespace, to.name or "")
            for grant in grants
            for from_ in grant.spec.from_
            for to in grant.spec.to
        )

    def allow(self, referrer: Referrer, group: str, kind: str, target: ObjectKey) -> bool:
        """Return whether the referrer may read the target: its own namespace, or a grant in the target's.

        A grant that names no object opens all of that kind in its namespace.

        Spec: Gateway API v1.6 ReferenceGrantSpec
        """
        if referrer.namespace == target.namespace:
            return True
        ends = (referrer.group, referrer.kind, referrer.namespace, group, kind, target.namespace)
        return (*ends, target.name) in self._allowed or (*ends, "") in self._allowed


class Resolver:
    """Follows references. Whoever needs a Service or a Secret that an object names gets it here and nowhere else.

    An object that may not be read looks the same whether or not it exists.
    """

    def __init__(
        self, grants: Grants, services: Mapping[ObjectKey, Service], secrets: Mapping[ObjectKey, Secret]
    ) -> None:
        self._grants = grants
        self._services = services
        self._secrets = secrets

    def service(self, referrer: Referrer, target: ObjectKey) -> Service | Problem:
        """Return the Service, or why not: RefNotPermitted or BackendNotFound.

        Spec: Gateway API v1.6 RouteReasonRefNotPermitted, RouteReasonBackendNotFound
        """
        if not self._grants.allow(referrer, "", "Service", target):
            return problems.ref_not_permitted(_not_permitted(referrer, "Service", target))
        found = self._services.get(target)
        return found or problems.backend_not_found(f"Service {target} does not exist.")

    def secret(self, referrer: Referrer, target: ObjectKey) -> Secret | Problem:
        """Return the Secret, or why not: RefNotPermitted or InvalidCertificateRef.

        Spec: Gateway API v1.6 ListenerReasonRefNotPermitted, ListenerReasonInvalidCertificateRef
        """
        if not self._grants.allow(referrer, "", "Secret", target):
            return problems.ref_not_permitted(_not_permitted(referrer, "Secret", target))
        found = self._secrets.get(target)
        return found or problems.invalid_certificate_ref(f"Secret {target} does not exist.")


def _not_permitted(referrer: Referrer, kind: str, target: ObjectKey) -> str:
    return (
        f"{kind} {target} is in another namespace and no ReferenceGrant in {target.namespace} "
        f"lets the kind {referrer.kind} of {referrer.namespace} refer to it."
    )
