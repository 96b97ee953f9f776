"""Files in, snapshots out, while files change."""

import asyncio
import errno
import os
import shutil
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from flow.clock import SystemClock
from k8s_watch.files import FileSource, watch
from k8s_watch.files.folder import MAX_BYTES
from k8s_watch.keys import ObjectKey
from tests.k8s_watch.files.world import World


def config_map(name: str, value: str = "x") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: {value}}}\n"


def route(name: str, path: str = "/") -> str:
    return textwrap.dedent(f"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {{name: {name}}}
        spec:
          hostnames: [{name}.example.com]
          rules: [{{matches: [{{path: {{value: {path}}}}}], backendRefs: [{{name: svc, port: 3000}}]}}]
    """)


def key(name: str) -> ObjectKey:
    return ObjectKey("default", name)


async def names(world: World) -> set[str]:
    return {found.name for found in (await world.read()).config_maps}


async def test_a_new_source_says_nothing_before_it_has_read(world: World) -> None:
    assert world.source.revision.value == 0
    await world.read()
    assert world.source.revision.value == 1


async def test_objects_come_from_all_files_and_documents(world: World) -> None:
    world.write("a.yaml", config_map("a") + "---\n" + config_map("b"))
    world.write("deep/er/c.yaml", config_map("c"))
    assert await names(world) == {"a", "b", "c"}


async def test_a_broken_document_leaves_its_neighbours_alone(world: World) -> None:
    world.write("a.yaml", config_map("a") + "---\nkind: [\n---\n" + config_map("b"))
    assert await names(world) == {"a", "b"}
    (rejected,) = world.source.snapshot().rejected
    assert rejected.where == f"{world.folder}/a.yaml:7 (document 2)"


async def test_an_object_defined_twice_is_the_first_one(world: World) -> None:
    world.write("a.yaml", config_map("a", "first"))
    world.write("b.yaml", config_map("a", "second"))
    snapshot = await world.read()
    assert snapshot.config_maps[key("a")].data == {"value": "first"}
    (rejected,) = snapshot.rejected
    assert rejected.where == f"{world.folder}/b.yaml:1 (document 1)"
    assert f"already defined at {world.folder}/a.yaml:1 (document 1)" in rejected.reason


async def test_unchanged_objects_and_kinds_keep_their_identity(world: World) -> None:
    world.write("a.yaml", config_map("a") + "---\n" + config_map("b") + "---\n" + route("r"))
    before = await world.read()
    world.write("a.yaml", config_map("a") + "---\n" + config_map("b", "new") + "---\n" + route("r"))
    after = await world.read()
    assert after.config_maps[key("a")] is before.config_maps[key("a")]
    assert after.config_maps[key("b")] != before.config_maps[key("b")]
    assert after.http_routes is before.http_routes
    assert after.changed == {"ConfigMap": {key("b")}}


async def test_nothing_new_is_the_same_snapshot(world: World) -> None:
    world.write("a.yaml", config_map("a"))
    before = await world.read()
    world.write("a.yaml", "# a comment changes nothing\n" + config_map("a"))
    assert await world.read() is before
    assert world.source.revision.value == 1


async def test_a_snapshot_names_all_changes_since_the_one_before(world: World) -> None:
    world.write("a.yaml", config_map("a"))
    first = await world.read()
    world.write("b.yaml", config_map("b"))
    await world.source.reload()
    world.write("a.yaml", "# nothing left")
    second = await world.read()
    assert (first.changed, second.changed) == (None, {"ConfigMap": {key("a"), key("b")}})
    assert (first.revision, second.revision) == (1, 2)


async def test_the_generation_grows_with_the_spec_and_with_nothing_else(world: World) -> None:
    generations, versions = [], set()
    for labels, path in (("a: b", "/"), ("a: c", "/"), ("a: c", "/new")):
        world.write("r.yaml", route("r", path).replace("{name: r}", f"{{name: r, labels: {{{labels}}}}}"))
        meta = (await world.read()).http_routes[key("r")].metadata
        generations.append(meta.generation)
        versions.add(meta.resource_version)
    assert generations == [1, 1, 2]
    assert len(versions) == 3


async def test_the_same_files_give_the_same_metadata_in_every_process(world: World) -> None:
    world.write("a.yaml", config_map("a"))
    first = (await world.read()).config_maps
    other = FileSource([world.folder], clock=SystemClock())
    await other.reload()
    assert other.snapshot().config_maps == first
    meta = first[key("a")].metadata
    assert (meta.generation, meta.creation_timestamp, len(meta.uid)) == (1, "1970-01-01T00:00:00Z", 36)


async def test_a_removed_document_and_a_removed_file_are_gone(world: World) -> None:
    world.write("a.yaml", config_map("a") + "---\n" + config_map("b"))
    gone = world.write("c.yaml", config_map("c"))
    await world.read()
    world.write("a.yaml", config_map("b"))
    gone.unlink()
    assert await names(world) == {"b"}


@pytest.mark.parametrize(
    "broken",
    [
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: [\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {value: 1}\n",
        "apiVersion: v1\nkind: [",
        "{",
    ],
)
async def test_a_document_that_turns_bad_goes_on_serving_as_it_was(world: World, broken: str) -> None:
    world.write("a.yaml", config_map("a") + "---\n" + config_map("b"))
    before = await world.read()
    world.write("a.yaml", broken + "---\n" + config_map("b"))
    after = await world.read()
    assert after.config_maps == before.config_maps
    assert after.rejected[0].reason.endswith("; what was last good goes on serving")


async def test_a_document_that_never_was_good_serves_nothing(world: World) -> None:
    world.write("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: [\n")
    assert await names(world) == set()
    assert "goes on serving" not in world.source.snapshot().rejected[0].reason


async def test_a_removed_document_is_gone_even_beside_a_broken_one(world: World) -> None:
    world.write("a.yaml", config_map("a") + "---\n" + config_map("b"))
    await world.read()
    world.write("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: [\n")
    assert await names(world) == {"a"}


SHOP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shop\n  namespace: prod\ndata: {value: x}\n"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("ConfigMap", "ConfgMap"),
        ("name: shop", "name: Shop_"),
        ("namespace: prod", "namespace: 12"),
        ("  namespace", "   namespace"),
        ("  name: shop\n", ""),
        ("apiVersion: v1", "apiVersion: v"),
        ("ConfigMap", "GRPCRoute"),
    ],
)
async def test_an_edit_that_spoils_what_tells_the_object_takes_nothing_off_the_air(
    world: World, right: str, wrong: str
) -> None:
    other = "---\n" + SHOP.replace("prod", "default")
    world.write("a.yaml", SHOP + other)
    before = await world.read()
    world.write("a.yaml", SHOP.replace(right, wrong) + other)
    after = await world.read()
    assert after.config_maps == before.config_maps
    assert after.rejected[0].reason.endswith("; what was last good goes on serving")
    world.write("a.yaml", SHOP.replace("shop", "store") + other)
    assert await names(world) == {"store", "shop"}
    assert ObjectKey("prod", "shop") not in world.source.snapshot().config_maps


async def test_a_document_that_was_bad_before_holds_nothing_that_is_taken_out_later(world: World) -> None:
    new = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: New_}\n"
    world.write("a.yaml", config_map("a") + "---\n" + config_map("b") + new)
    await world.read()
    world.write("a.yaml", config_map("a") + new)
    assert await names(world) == {"a"}
    world.write("a.yaml", config_map("a").replace("{value: x}", "{") + new)
    assert await names(world) == {"a"}
    world.write("a.yaml", "# a is taken out\n" + new)
    assert await names(world) == set()
    assert "goes on serving" not in world.source.snapshot().rejected[0].reason


@pytest.mark.parametrize(
    "foreign",
    [
        "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: j-}\n",
        "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: [\n",
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\n",
    ],
)
async def test_an_object_of_a_kind_that_is_not_ours_stands_for_nothing(world: World, foreign: str) -> None:
    world.write("a.yaml", config_map("a") + "---\n" + config_map("b"))
    await world.read()
    world.write("a.yaml", config_map("a") + "---\n" + foreign)
    assert await names(world) == {"a"}


async def test_an_object_without_a_name_stands_for_those_of_its_kind_alone(world: World) -> None:
    world.write("a.yaml", config_map("a") + "---\n" + route("r"))
    await world.read()
    world.write("a.yaml", config_map("a").replace("name: a", ""))
    snapshot = await world.read()
    assert (len(snapshot.config_maps), len(snapshot.http_routes)) == (1, 0)


async def test_what_is_held_over_survives_further_bad_edits_and_ends_with_the_good_one(world: World) -> None:
    world.write("a.yaml", config_map("a"))
    await world.read()
    for broken in ("{", "[", "kind: ["):
        world.write("a.yaml", broken)
        assert await names(world) == {"a"}
    world.write("a.yaml", config_map("b"))
    assert await names(world) == {"b"}


async def test_an_object_that_moved_out_of_a_broken_file_counts_where_it_is_good(world: World) -> None:
    world.write("a.yaml", config_map("a", "old"))
    await world.read()
    world.write("a.yaml", "{")
    world.write("b.yaml", config_map("a", "new"))
    snapshot = await world.read()
    assert snapshot.config_maps[key("a")].data == {"value": "new"}


async def test_a_file_that_grows_too_large_keeps_its_last_good_objects(world: World) -> None:
    world.write("a.yaml", config_map("a"))
    await world.read()
    world.write("a.yaml", "#" * (MAX_BYTES + 1))
    assert await names(world) == {"a"}
    assert "larger than 16 MiB" in world.source.snapshot().rejected[0].reason


class Later(SystemClock):
    """To whom every file is an old one."""

    def now(self) -> float:
        return super().now() + 10


async def test_a_file_that_stays_empty_while_it_is_generated_keeps_its_objects_and_says_so(world: World) -> None:
    world.source = FileSource([world.folder], clock=Later())
    path = world.write("a.yaml", config_map("a"))
    await world.read()
    path.write_text("")
    assert await names(world) == {"a"}
    (rejected,) = world.source.snapshot().rejected
    assert rejected.reason == "is empty: delete the file to remove its objects; what was last good goes on serving"
    path.write_text(config_map("b"))
    assert await names(world) == {"b"}
    path.write_text("# nothing")
    assert await names(world) == set()


async def test_endpoint_slices_are_grouped_by_service_and_keep_their_groups(world: World) -> None:
    for service, name in (("s", "s-2"), ("s", "s-1"), ("t", "t-1")):
        world.write(
            f"{name}.yaml",
            f"""
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {{name: {name}, labels: {{kubernetes.io/service-name: {service}}}}}
            addressType: IPv4
            endpoints: []
            """,
        )
    before = await world.read()
    assert [one.metadata.name for one in before.slices_by_service[key("s")]] == ["s-1", "s-2"]
    (world.folder / "t-1.yaml").unlink()
    after = await world.read()
    assert set(after.slices_by_service) == {key("s")}
    assert after.slices_by_service[key("s")] is before.slices_by_service[key("s")]


@asynccontextmanager
async def running(source: FileSource) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(source.run())
        await source.revision.newer_than(0)
        yield
        task.cancel()


async def until_named(source: FileSource, wanted: set[str]) -> None:
    version = 0
    while {found.name for found in source.snapshot().config_maps} != wanted:
        version, _ = await source.revision.newer_than(version)


async def test_edits_additions_and_removals_are_seen_as_they_happen(world: World) -> None:
    world.write("a.yaml", config_map("a"))
    async with running(world.source):
        world.write("sub/b.yaml", config_map("b"))
        await until_named(world.source, {"a", "b"})
        world.write("a.yaml", config_map("c"))
        await until_named(world.source, {"c", "b"})
        (world.folder / "sub/b.yaml").unlink()
        await until_named(world.source, {"c"})


def misnamed(folder: Path, text: str) -> Path:
    """A file whose name is no UTF-8."""
    path = Path(os.fsdecode(os.fsencode(folder) + b"/\xff.yaml"))
    path.write_text(text)
    return path


async def test_a_name_that_is_no_text_ends_nothing(world: World) -> None:
    world.write("a.yaml", config_map("a"))
    async with running(world.source):
        misnamed(world.folder, config_map("b"))
        await until_named(world.source, {"a", "b"})
        world.write("c.yaml", config_map("c"))
        await until_named(world.source, {"a", "b", "c"})


async def test_a_name_that_is_no_text_is_spelt_out(world: World) -> None:
    misnamed(world.folder, "kind: [\n")
    (rejected,) = (await world.read()).rejected
    assert rejected.where == f"{world.folder}/\\xff.yaml:2 (document 1)"


async def test_an_editor_that_renames_over_a_single_file_is_seen(world: World) -> None:
    path = world.write("a.yaml", config_map("a"))
    source = FileSource([path], clock=SystemClock())
    async with running(source):
        for name in ("b", "c"):
            (world.folder / ".a.tmp").write_text(config_map(name))
            (world.folder / ".a.tmp").replace(path)
            await until_named(source, {name})


@pytest.mark.parametrize(("file", "link"), [("a.yaml", "a.yaml"), ("sub/a.yaml", "sub")])
async def test_the_swap_of_a_mounted_config_map_is_seen(world: World, file: str, link: str) -> None:
    world.write(f"..1/{file}", config_map("a"))
    world.write(f"..2/{file}", config_map("b"))
    (world.folder / "..data").symlink_to("..1")
    (world.folder / link).symlink_to(f"..data/{link}")
    async with running(world.source):
        await until_named(world.source, {"a"})
        (world.folder / "..data_tmp").symlink_to("..2")
        (world.folder / "..data_tmp").rename(world.folder / "..data")
        await until_named(world.source, {"b"})


async def test_a_file_that_is_removed_and_written_anew_is_never_missing(world: World) -> None:
    """As git does when it changes one."""
    path, other = world.write("a.yaml", config_map("a")), world.write("b.yaml", config_map("b"))
    text = path.read_text()

    class Clock(SystemClock):
        async def sleep(self, seconds: float) -> None:
            path.write_text(text)
            other.unlink(missing_ok=True)  # it may be the next one

    world.source = FileSource([world.folder], clock=Clock())
    await world.read()
    path.unlink()
    assert await names(world) == {"a", "b"}
    assert await names(world) == {"a"}


@pytest.fixture
def notices_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks without having been told."""
    monkeypatch.setattr(watch, "RESCAN", 3600.0)


@pytest.mark.usefixtures("notices_alone")
async def test_links_that_lead_everywhere_are_not_watched(world: World) -> None:
    """A walk that followed these would go a million ways."""
    folders = [world.folder / f"n{number}" for number in range(9)]
    for one in folders:
        world.write(f"{one.name}/{one.name}.yaml", config_map(one.name))
        for other in folders:
            (one / f"to-{other.name}").symlink_to(other)
    (world.folder / "out").symlink_to("/")
    async with running(world.source):
        world.write("n8/more.yaml", config_map("more"))
        await until_named(world.source, {*(one.name for one in folders), "more"})


@pytest.mark.usefixtures("notices_alone")
@pytest.mark.parametrize("way", ["made anew", "exchanged"])
async def test_a_folder_in_the_folder_is_watched_when_it_is_another(world: World, way: str) -> None:
    world.write("sub/a.yaml", config_map("a"))
    async with running(world.source):
        for name in ("b", "c"):
            old, new = world.folder / "sub", world.folder / ".new"
            if way == "exchanged":
                world.write(".new/a.yaml", config_map(name))
                old.rename(world.folder / f".{name}")
                new.rename(old)
            else:
                shutil.rmtree(old)
                world.write("sub/a.yaml", config_map(name))
            await until_named(world.source, {name})
        world.write("sub/deep/er/d.yaml", config_map("d"))
        await until_named(world.source, {"c", "d"})
        world.write("sub/deep/er/d.yaml", config_map("e"))
        await until_named(world.source, {"c", "e"})


async def test_a_folder_that_is_exchanged_is_found_again(tmp_path: Path) -> None:
    world, other = World(tmp_path / "live"), World(tmp_path / "next")
    world.write("a.yaml", config_map("a"))
    other.write("a.yaml", config_map("b"))
    async with running(world.source):
        world.folder.rename(tmp_path / "old")
        other.folder.rename(world.folder)
        await until_named(world.source, {"b"})
        world.write("c.yaml", config_map("c"))
        await until_named(world.source, {"b", "c"})


async def test_only_the_changed_file_of_a_folder_is_parsed(world: World) -> None:
    for i in range(100):
        world.write(f"r{i}.yaml", route(f"r{i}"))
    before = await world.read()
    world.write("r50.yaml", route("r50", "/new"))
    after = await world.read()
    assert after.changed == {"HTTPRoute": {key("r50")}}
    assert sum(after.http_routes[k] is not before.http_routes[k] for k in after.http_routes) == 1


async def test_only_the_changed_document_of_a_large_file_is_parsed(world: World) -> None:
    whole = "---\n".join(route(f"r{i}") for i in range(1000))
    world.write("all.yaml", whole)
    before = await world.read()
    world.write("all.yaml", whole.replace("r500.example.com", "new.example.com"))
    after = await world.read()
    assert after.changed == {"HTTPRoute": {key("r500")}}
    assert sum(after.http_routes[k] is not before.http_routes[k] for k in after.http_routes) == 1


async def test_a_file_without_permission_keeps_its_objects_and_says_so(world: World) -> None:
    path = world.write("a.yaml", config_map("a"))
    await world.read()
    path.unlink()
    path.symlink_to("a.yaml")  # a loop: unreadable for root, too
    assert await names(world) == {"a"}
    assert "cannot be read" in world.source.snapshot().rejected[0].reason


async def test_a_folder_that_is_away_for_a_moment_takes_nothing_along(world: World) -> None:
    world.write("a.yaml", config_map("a"))
    world.write("deep/er/b.yaml", config_map("b"))
    await world.read()
    away = world.folder.rename(world.folder.with_name("away"))
    assert await names(world) == {"a", "b"}
    (rejected,) = world.source.snapshot().rejected
    assert (rejected.where, rejected.reason) == (str(world.folder), "cannot be read: No such file or directory")
    away.rename(world.folder)
    (world.folder / "a.yaml").unlink()
    assert await names(world) == {"b"}
    assert not world.source.snapshot().rejected


@pytest.mark.parametrize("code", [errno.ESTALE, errno.EIO, errno.EACCES])
async def test_a_folder_that_the_system_refuses_keeps_what_was_in_it(
    world: World, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write("a.yaml", config_map("a"))
    world.write("deep/er/b.yaml", config_map("b"))
    await world.read()
    really = os.scandir

    def refused(path: str) -> Any:
        if path.endswith("deep"):
            raise OSError(code, os.strerror(code))
        return really(path)

    monkeypatch.setattr(os, "scandir", refused)
    (world.folder / "a.yaml").unlink()
    assert await names(world) == {"b"}
    assert world.source.snapshot().rejected[0].where == f"{world.folder}/deep"
