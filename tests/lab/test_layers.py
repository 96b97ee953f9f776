"""Image layers: equal files give an equal layer, and an unchanged recipe is not made again."""

import os
from pathlib import Path

import pytest

from tests.lab import layers


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(layers, "LAYERS", tmp_path / "layers")
    return tmp_path / "layers"


def test_equal_files_give_an_equal_digest() -> None:
    assert (
        layers.layer("a", "one", write("hello", age=0)).digest
        == layers.layer("b", "one", write("hello", age=99)).digest
    )


def test_a_layer_of_an_unchanged_recipe_is_kept() -> None:
    first = layers.layer("a", "one", write("hello"))
    assert layers.layer("a", "one", write("never written")) == first


def test_a_layer_of_a_new_recipe_replaces_the_old_one(cache: Path) -> None:
    old = layers.layer("a", "one", write("hello"))
    new = layers.layer("a", "two", write("hello again"))
    assert old.digest != new.digest
    assert list(cache.glob("a-*.tar")) == [new.path]


def test_a_program_brings_its_libraries(tmp_path: Path) -> None:
    layers.put_program(tmp_path, Path("/bin/sh").resolve(), "/bin/sh")
    assert any("libc" in path.name or "musl" in path.name for path in tmp_path.rglob("*.so*"))


def write(text: str, *, age: float = 0) -> layers.Fill:
    def fill(root: Path) -> None:
        (root / "file").write_text(text)
        os.utime(root / "file", (age, age))

    return fill
