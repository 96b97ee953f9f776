"""ReferenceGrants → what may refer to what across namespaces.

Spec: Gateway API v1.6 ReferenceGrant
"""

from collections import Counter
from collections.abc import Container, Iterable
from typing import NamedTuple

from gateway_api.graph.references import Referrer
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import ReferenceGrant


class Permission(NamedTuple):
    """One pair of ends that a grant connects. `to_name` "" stands for every object of that kind and namespace."""

    from_group: str
    from_kind: str
    from_namespace: str
    to_group: str
    to_kind: str
    to_namespace: str
    to_name: str


def permissions(grants: Iterable[ReferenceGrant]) -> frozenset[Permission]:
    """Return what the grants permit: each of their `from` to each of their `to`.

    Spec: Gateway API v1.6 ReferenceGrantSpec
    """
    return frozenset(
        Permission(from_.group, from_.kind, from_.namespace, to.group, to.kind, grant.metadata.namespace, to.name or "")
        for grant in grants
        for from_ in grant.spec.from_
        for to in grant.spec.to
    )


class Permitted:
    """What is permitted now, kept up to date grant by grant: several may permit the same."""

    def __init__(self) -> None:
        self.times: Counter[Permission] = Counter()
        """By how many grants; without those that none permits."""

    def replace(self, before: Iterable[ReferenceGrant], after: Iterable[ReferenceGrant]) -> frozenset[Permission]:
        """Put some grants in the place of others; return what is permitted now and was not, or was and is not.

        Spec: Gateway API v1.6 ReferenceGrantSpec
        """
        left, joined = (Counter(p for grant in grants for p in permissions((grant,))) for grants in (before, after))
        touched = left.keys() | joined.keys()
        were = {permission for permission in touched if permission in self.times}
        self.times.update(joined)
        self.times.subtract(left)
        for permission in touched:
            if not self.times[permission]:
                del self.times[permission]
        return frozenset(were ^ {permission for permission in touched if permission in self.times})


class Grants:
    """What the grants of a cluster permit: asking costs two look-ups however many there are."""

    def __init__(self, permitted: Container[Permission]) -> None:
        self._permitted = permitted

    def allow(self, referrer: Referrer, kind: str, target: ObjectKey) -> bool:
        """Return whether the referrer may read the target, of the core group: by its own namespace, or a grant.

        A grant is in the target's namespace; one that names no object opens all of that kind there.

        Spec: Gateway API v1.6 ReferenceGrantSpec
        """
        if referrer.namespace == target.namespace:
            return True
        ends = (referrer.group, referrer.kind, referrer.namespace, "", kind, target.namespace)
        return Permission(*ends, target.name) in self._permitted or Permission(*ends, "") in self._permitted
