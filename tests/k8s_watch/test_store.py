from typing import Any

import msgspec
import pytest

from k8s_watch.events import Apply, Delete, Init, InitApply, InitDone, Reject
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import ConfigMap
from k8s_watch.objects.meta import Meta, Object
from k8s_watch.objects.routes import HTTPRoute, ParentReference, RouteParentStatus, RouteStatus
from k8s_watch.snapshot import Rejected
from k8s_watch.store import Change, StoreWriter

A, B = ObjectKey("ns", "a"), ObjectKey("ns", "b")


def of(key: ObjectKey, version: str, uid: str = "") -> ConfigMap:
    meta = Meta(name=key.name, namespace=key.namespace, resource_version=version, uid=uid or f"uid-{key.name}")
    return ConfigMap(metadata=meta, data={"ca.crt": version})


def broken(key: ObjectKey, uid: str = "", reason: str = "data: expected object, got int") -> Reject:
    rejected = Rejected(kind="ConfigMap", key=key, where=f"/api/v1/{key}", reason=reason)
    return Reject(rejected, uid or f"uid-{key.name}")


def filled(*objects: ConfigMap) -> StoreWriter[ConfigMap]:
    writer: StoreWriter[ConfigMap] = StoreWriter()
    relist(writer, *objects)
    return writer


def relist(writer: StoreWriter[ConfigMap], *content: ConfigMap | Reject) -> Change:
    writer.apply(Init())
    for one in content:
        assert not writer.apply(one if isinstance(one, Reject) else InitApply(one))
    return writer.apply(InitDone())


def changes(*keys: ObjectKey, rejected: bool = False) -> Change:
    return Change(frozenset(keys), rejected)


def test_a_list_shows_only_when_it_is_whole() -> None:
    """Pages are gathered aside and swapped in at the end."""
    writer: StoreWriter[ConfigMap] = StoreWriter()
    reader = writer.reader()
    writer.apply(Init())
    writer.apply(InitApply(of(A, "1")))
    assert (reader.synced, len(reader.objects())) == (False, 0)
    assert writer.apply(InitDone()) == changes(A)
    assert (reader.synced, set(reader.objects())) == (True, {A})


def test_a_list_that_starts_over_forgets_its_pages() -> None:
    """Nothing of the broken list is left."""
    writer = filled()
    writer.apply(Init())
    writer.apply(InitApply(of(A, "1")))
    assert relist(writer, of(B, "1")) == changes(B)


def test_a_relist_tells_what_is_different() -> None:
    """Deletes included; what is equal keeps its identity."""
    writer = filled(of(A, "1"), of(B, "1"))
    before = writer.reader().objects()
    assert relist(writer, of(A, "1")) == changes(B)
    assert writer.reader().objects()[A] is before[A]


def test_a_relist_of_the_same_objects_changes_nothing() -> None:
    writer = filled(of(A, "1"))
    reader = writer.reader()
    before = reader.objects()
    assert not relist(writer, of(A, "1"))
    assert reader.objects() is before


def test_a_mapping_once_given_out_does_not_change() -> None:
    writer = filled(of(A, "1"))
    before = writer.reader().objects()
    writer.apply(Delete(A))
    assert set(before) == {A}


def test_the_same_version_again_is_no_change() -> None:
    """Replayed events."""
    writer = filled(of(A, "1"))
    assert not writer.apply(Apply(of(A, "1")))
    assert writer.apply(Apply(of(A, "2"))) == changes(A)


def test_the_same_version_of_another_uid_is_a_change() -> None:
    """One that was deleted and made again between two lists."""
    writer = filled(of(A, "1"))
    assert writer.apply(Apply(of(A, "1", uid="another"))) == changes(A)


def at(version: str, of: Object) -> Any:
    return msgspec.structs.replace(of, metadata=msgspec.structs.replace(of.metadata, resource_version=version))


def test_a_newer_version_that_says_nothing_else_is_no_change() -> None:
    """Somebody's annotation, or what a ConfigMap holds beside authorities."""
    writer = filled(of(A, "1"))
    before = writer.reader().objects()
    assert not writer.apply(Apply(at("2", of(A, "1"))))
    assert not relist(writer, at("3", of(A, "1")))
    assert writer.reader().objects() is before


def test_the_newest_version_of_what_may_have_a_status_of_ours_is_kept() -> None:
    """It takes that to write the next one."""
    writer: StoreWriter[HTTPRoute] = StoreWriter()
    writer.apply(Apply(ROUTE))
    assert writer.apply(Apply(at("2", ROUTE))).status_only
    assert writer.reader().objects()[A].metadata.resource_version == "2"


def test_objects_without_a_version_are_never_taken_for_the_same() -> None:
    writer = filled(of(A, ""))
    assert writer.apply(Apply(of(A, ""))) == changes(A)


@pytest.mark.parametrize(("uid", "gone"), [("uid-a", True), ("", True), ("earlier", False)])
def test_a_delete_means_one_uid(uid: str, *, gone: bool) -> None:
    """A late delete of an earlier object is not about this one."""
    writer = filled(of(A, "1"))
    assert bool(writer.apply(Delete(A, uid))) is gone


def test_a_broken_change_leaves_the_last_good_object() -> None:
    """Reported, and served on."""
    writer = filled(of(A, "1"))
    assert writer.apply(broken(A)) == changes(rejected=True)
    assert set(writer.reader().objects()) == {A}
    assert [one.key for one in writer.reader().rejected] == [A]


def test_the_same_complaint_again_is_no_change() -> None:
    writer = filled(of(A, "1"))
    writer.apply(broken(A))
    assert not writer.apply(broken(A))
    assert writer.apply(broken(A, reason="something else")) == changes(rejected=True)


def test_a_broken_successor_ends_the_object_before_it() -> None:
    """Another uid is another object, and of that one nothing good is known."""
    writer = filled(of(A, "1"))
    assert writer.apply(broken(A, uid="another")) == changes(A, rejected=True)
    assert not len(writer.reader().objects())


def test_a_relist_keeps_the_last_good_version_of_what_it_cannot_decode() -> None:
    """A list is not blocked, and not a delete."""
    writer = filled(of(A, "1"), of(B, "1"))
    assert relist(writer, broken(A), of(B, "2")) == changes(B, rejected=True)
    assert set(writer.reader().objects()) == {A, B}


def test_a_relist_drops_the_object_before_a_broken_successor() -> None:
    writer = filled(of(A, "1"))
    assert relist(writer, broken(A, uid="another")) == changes(A, rejected=True)


def test_a_healed_object_vanishes_from_the_report() -> None:
    """Also when the good version is the one that we still have."""
    writer = filled(of(A, "1"))
    writer.apply(broken(A))
    assert writer.apply(Apply(of(A, "1"))) == changes(rejected=True)
    assert writer.reader().rejected == ()


def test_a_deleted_object_vanishes_from_the_report() -> None:
    writer = filled()
    writer.apply(broken(A))
    assert writer.apply(Delete(A, "uid-a")) == changes(rejected=True)


def test_an_object_without_a_readable_name_is_reported_until_the_next_list() -> None:
    writer = filled()
    nameless = Reject(Rejected(kind="ConfigMap", key=None, where="/api/v1/configmaps", reason="malformed"))
    assert writer.apply(nameless) == changes(rejected=True)
    assert relist(writer) == changes(rejected=True)


ROUTE = HTTPRoute(metadata=Meta(name="a", namespace="ns", resource_version="1", uid="u", generation=1))
REPORTED = RouteStatus(parents=(RouteParentStatus(parent_ref=ParentReference(name="eg"), controller_name="c"),))


@pytest.mark.parametrize(
    ("metadata", "status_only"),
    [
        ({}, True),
        ({"generation": 2}, False),
        ({"labels": {"a": "b"}}, False),
        ({"annotations": {"a": "b"}}, False),
        ({"uid": "another"}, False),
        ({"deletion_timestamp": "2026-01-01T00:00:00Z"}, False),
    ],
)
def test_a_change_of_nothing_but_the_status_is_told_apart(metadata: dict[str, Any], status_only: bool) -> None:
    writer: StoreWriter[HTTPRoute] = StoreWriter()
    assert not writer.apply(Apply(ROUTE)).status_only
    meta = msgspec.structs.replace(ROUTE.metadata, resource_version="2", **metadata)
    assert writer.apply(Apply(HTTPRoute(metadata=meta, status=REPORTED))) == Change(
        frozenset({A}), status_only=status_only
    )


def test_a_kind_without_a_generation_may_have_changed_in_anything() -> None:
    assert not filled(of(A, "1")).apply(Apply(of(A, "2"))).status_only
