"""Which files are read, and which are refused."""

import os
from pathlib import Path

from k8s_watch.files.folder import MAX_BYTES, FileText, read_files

LATER = 4e9
"""Seconds: long after every file of a test was written."""


def read(*roots: Path, known: dict[str, FileText] | None = None, now: float = LATER) -> dict[str, FileText]:
    return read_files(roots, known or {}, now=now).files


def test_folders_are_read_recursively_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.yaml", "a/z.yml", "a/c.json", "a/readme.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [path.removeprefix(f"{tmp_path}/") for path in read(tmp_path)] == ["b.yaml", "a/c.json", "a/z.yml"]


def test_a_file_named_itself_is_read_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "manifests.txt").write_text("x")
    assert read(tmp_path / "manifests.txt")[str(tmp_path / "manifests.txt")].text == "x"


def test_hidden_files_and_editors_leftovers_are_passed_over(tmp_path: Path) -> None:
    for name in (".a.yaml.swp", ".hidden.yaml", "a.yaml~", "#a.yaml#", ".#a.yaml"):
        (tmp_path / name).write_text("x")
    assert read(tmp_path) == {}


def test_a_mounted_config_map_is_read_once_through_its_links(tmp_path: Path) -> None:
    (tmp_path / "..2024_1").mkdir()
    (tmp_path / "..2024_1/a.yaml").write_text("one")
    (tmp_path / "..data").symlink_to("..2024_1")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    assert {Path(path).name: file.text for path, file in read(tmp_path).items()} == {"a.yaml": "one"}


def test_a_link_out_of_its_root_is_refused(tmp_path: Path) -> None:
    root, secret = tmp_path / "root", tmp_path / "secret.yaml"
    root.mkdir()
    secret.write_text("x")
    (root / "a.yaml").symlink_to(secret)
    (file,) = read(root).values()
    assert "is a link out of" in file.refusal
    assert not file.text


def test_a_folder_that_is_linked_from_beside_it_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.yaml").write_text("x")
    (tmp_path / "link").symlink_to("real")
    assert read(tmp_path).keys() == {str(tmp_path / "real/a.yaml")}


def test_a_link_to_a_hidden_folder_is_read_in_the_links_place(tmp_path: Path) -> None:
    for name in ("..2026_1/sub/gw.yaml", ".worktrees/abc/deep/er.yaml"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "..data").symlink_to("..2026_1")
    (tmp_path / "sub").symlink_to("..data/sub")
    (tmp_path / "repo").symlink_to(".worktrees/abc")
    assert read(tmp_path).keys() == {str(tmp_path / "repo/deep/er.yaml"), str(tmp_path / "sub/gw.yaml")}


def test_a_hidden_folder_that_many_links_lead_to_is_read_once(tmp_path: Path) -> None:
    (tmp_path / ".hidden/in").mkdir(parents=True)
    (tmp_path / ".hidden/in/a.yaml").write_text("x")
    for link, target in {"a": ".hidden/in", "b": ".hidden", "c": ".hidden", ".hidden/in/up": "..", "top": "."}.items():
        (tmp_path / link).symlink_to(target)
    assert read(tmp_path).keys() == {str(tmp_path / "a/a.yaml")}


def test_a_link_to_a_folder_that_is_away_for_a_moment_keeps_what_was_below(tmp_path: Path) -> None:
    (tmp_path / ".one").mkdir()
    (tmp_path / ".one/a.yaml").write_text("x")
    (tmp_path / "link").symlink_to(".one")
    before = read(tmp_path)
    (tmp_path / ".one").rename(tmp_path / ".two")
    after = read(tmp_path, known=before)
    assert after.pop(str(tmp_path / "link")).refusal == "cannot be read: it is a link to nothing"
    assert after == before


def test_a_link_to_a_folder_outside_is_refused_and_not_entered(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    (other / "a.yaml").write_text("x")
    (root / "link").symlink_to(other)
    ((path, file),) = read(root).items()
    assert (path, file.text) == (str(root / "link"), "")
    assert "is a link out of" in file.refusal


def test_a_root_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.yaml").write_text("x")
    (tmp_path / "root").symlink_to("real")
    assert [file.text for file in read(tmp_path / "root").values()] == ["x"]


def test_what_is_no_regular_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (file,) = read(tmp_path).values()
    assert file.refusal == "is not a regular file"


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fits.yaml").write_bytes(b"#" * MAX_BYTES)
    (tmp_path / "large.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    fits, large = read(tmp_path).values()
    assert (bool(fits.text), large.refusal) == (True, "is larger than 16 MiB: split it")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"abc\xff")
    (file,) = read(tmp_path).values()
    assert file.refusal == "is not UTF-8 text (byte 4): save it as UTF-8"


def test_a_missing_root_is_refused(tmp_path: Path) -> None:
    assert "No such file" in read(tmp_path / "nowhere")[str(tmp_path / "nowhere")].refusal


def test_an_untouched_file_is_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("x")
    before = read(tmp_path)
    assert read(tmp_path, known=before)[str(tmp_path / "a.yaml")] is before[str(tmp_path / "a.yaml")]


def test_a_file_read_at_once_after_its_change_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("x")
    before = read(tmp_path, now=path.stat().st_mtime)
    assert read(tmp_path, known=before)[str(path)] is not before[str(path)]


def test_a_file_that_is_emptied_to_be_written_is_as_it_was_for_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("x")
    before = read(tmp_path)
    path.write_text("")
    assert read(tmp_path, known=before, now=path.stat().st_mtime) == before
    emptied = read(tmp_path, known=before)
    assert emptied[str(path)].refusal == "is empty: delete the file to remove its objects"
    assert read(tmp_path, known=emptied, now=path.stat().st_mtime) == emptied == read(tmp_path, known=emptied)


def test_a_file_that_was_always_empty_is_nothing_to_complain_of(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("")
    for known in ({}, read(tmp_path), read(tmp_path, now=0)):
        assert [(file.text, file.refusal) for file in read(tmp_path, known=known).values()] == [("", "")]
