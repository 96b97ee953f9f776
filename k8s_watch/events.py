"""What can happen to a collection, as a closed set. A relist shows in it: Init, then the whole list, then InitDone.

Between Init and InitDone nothing is settled: what readers see changes at InitDone, all at once. An Init that comes
before the InitDone of the last one starts the list again.
"""

import msgspec

from k8s_watch.keys import ObjectKey
from k8s_watch.snapshot import Rejected


class Apply[T](msgspec.Struct, frozen=True):
    """The object was added or changed."""

    object: T


class Delete(msgspec.Struct, frozen=True):
    """The object is gone. One of the same name and another `uid` is not meant."""

    key: ObjectKey
    uid: str = ""
    """"" means any."""


class Reject(msgspec.Struct, frozen=True):
    """The object is there, in a form that cannot be decoded: as part of a list or as a change."""

    rejected: Rejected
    uid: str = ""


class Init(msgspec.Struct, frozen=True):
    """A list begins."""


class InitApply[T](msgspec.Struct, frozen=True):
    """The list contains this object."""

    object: T


class InitDone(msgspec.Struct, frozen=True):
    """The list is whole: what it did not contain no longer exists."""


type Event[T] = Apply[T] | Delete | Reject | Init | InitApply[T] | InitDone
