"""Who refers to what."""

from typing import NamedTuple

from k8s_watch.objects.gateway import GROUP


class Referrer(NamedTuple):
    """The end of a reference that points: what kind of object, in which namespace."""

    kind: str
    namespace: str
    group: str = GROUP
