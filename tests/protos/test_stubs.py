"""The checked-in types are those of the installed wheel."""

from pathlib import Path

from protos import generate


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*.pyi")}


def test_regenerating_the_stubs_changes_nothing(tmp_path: Path) -> None:
    generate.write_stubs(tmp_path)
    assert contents(tmp_path) == contents(generate.STUBS)
