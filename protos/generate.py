"""The installed wheel's descriptors → `protos/stubs`, the types that mypy sees for the messages that we use.

The wheel ships no stubs. `make generate` runs this; a test holds the folder to what it would write.
"""

import importlib
import pkgutil
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import Message

import protos

STUBS = Path(__file__).parent / "stubs"

TYPED_ELSEWHERE = "google/protobuf/"
"""`types-protobuf` has the types of these."""


def used_files() -> list[FileDescriptorProto]:
    """The files that define what `protos` re-exports, and those that they import: dependencies first."""
    pool = descriptor_pool.Default()
    ordered: dict[str, FileDescriptorProto] = {}

    def visit(name: str) -> None:
        if name not in ordered:
            file = FileDescriptorProto()
            pool.FindFileByName(name).CopyToProto(file)
            for dependency in file.dependency:
                visit(dependency)
            ordered[name] = file

    for name in sorted(_exported_files()):
        visit(name)
    return list(ordered.values())


def write_stubs(to: Path) -> None:
    """Write a `.pyi` for each used file below `to`, and an `__init__.pyi` in each folder.

    Raises CalledProcessError when protoc refuses.
    """
    files = used_files()
    wanted = [f.name for f in files if not f.name.startswith(TYPED_ELSEWHERE)]
    with tempfile.NamedTemporaryFile() as descriptors:
        descriptors.write(FileDescriptorSet(file=files).SerializeToString())
        descriptors.flush()
        protoc = [sys.executable, "-m", "grpc_tools.protoc"]
        subprocess.run([*protoc, f"--descriptor_set_in={descriptors.name}", f"--pyi_out={to}", *wanted], check=True)
    for name in wanted:
        for folder in list((to / name).relative_to(to).parents)[:-1]:
            (to / folder / "__init__.pyi").touch()


def _exported_files() -> Iterator[str]:
    for module in pkgutil.iter_modules(protos.__path__):
        area = importlib.import_module(f"protos.{module.name}")
        for name in getattr(area, "__all__", ()):
            exported = getattr(area, name)
            if isinstance(exported, type) and issubclass(exported, Message):
                yield str(exported.DESCRIPTOR.file.name)


if __name__ == "__main__":
    shutil.rmtree(STUBS, ignore_errors=True)
    STUBS.mkdir()
    write_stubs(STUBS)
