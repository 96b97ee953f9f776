"""What costs as much as the change equals what looks at everything."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from xds_server.snapshot.consistency import References, dangling_references
from xds_server.snapshot.diff import changed_names, named_apart
from xds_server.snapshot.resource import (
    EMPTY_SET,
    LINEAGE,
    Resource,
    ResourceSet,
    ResourceType,
    Snapshot,
    change_set,
    make_resource,
    make_set,
)

NAMES = st.sampled_from("abcdef")
EDITS = st.dictionaries(NAMES, st.none() | st.sampled_from([b"1", b"2", b"3"]), max_size=3)
"""Name → the new body; None removes."""
REFERENCES = st.lists(st.tuples(st.sampled_from(list(ResourceType)), NAMES), max_size=4, unique=True)


def steps(edits: list[dict[str, bytes | None]]) -> Iterator[tuple[ResourceSet, dict[str, bytes]]]:
    newest, content = EMPTY_SET, dict[str, bytes]()
    for edit in edits:
        gone = [name for name, body in edit.items() if body is None]
        new = {name: body for name, body in edit.items() if body is not None}
        newest = change_set(newest, (make_resource(n, b) for n, b in new.items()), gone)
        content = {n: b for n, b in (content | new).items() if n not in gone}
        yield newest, content


def bare(of: ResourceSet) -> ResourceSet:
    """The same set without a past."""
    return ResourceSet(of.version, of.by_name)


@given(st.lists(EDITS))
def test_a_changed_set_is_the_set_of_what_is_left(edits: list[dict[str, bytes | None]]) -> None:
    for newest, content in steps(edits):
        assert newest == make_set(make_resource(n, b) for n, b in content.items())


@given(st.lists(EDITS, min_size=2, max_size=LINEAGE + 4), st.data())
def test_a_difference_read_off_the_lineage_is_the_difference(edits: list[Any], data: st.DataObject) -> None:
    sets = [EMPTY_SET, *(newest for newest, _ in steps(edits))]
    old, new = data.draw(st.sampled_from(sets)), data.draw(st.sampled_from(sets))
    assert changed_names(old, new) == changed_names(bare(old), bare(new))


def test_a_change_that_changes_nothing_is_the_same_set() -> None:
    old = make_set([make_resource("a", b"1")])
    assert change_set(old, [make_resource("a", b"1")], ["b"]) is old


@given(REFERENCES, REFERENCES)
def test_what_two_versions_name_apart_is_their_difference(before: list[Any], after: list[Any]) -> None:
    apart = named_apart(Resource("a", "1", b"", tuple(before)), Resource("a", "2", b"", tuple(after)))
    assert apart == (set(before) - set(after), set(after) - set(before))


@given(st.lists(st.dictionaries(st.tuples(st.sampled_from(list(ResourceType)), NAMES), st.none() | REFERENCES)))
def test_counted_references_find_what_a_look_at_everything_finds(edits: list[Any]) -> None:
    newest, references = Snapshot({}), References()
    for edit in edits:
        by_type = dict(newest.by_type)
        for (type_, name), named in edit.items():
            new = [] if named is None else [make_resource(name, repr(sorted(set(named))).encode(), sorted(set(named)))]
            by_type[type_] = change_set(by_type.get(type_, EMPTY_SET), new, () if new else (name,))
        candidate = Snapshot(by_type)
        found = dangling_references(candidate)
        assert references.advance(candidate) == found
        newest = newest if found else candidate
