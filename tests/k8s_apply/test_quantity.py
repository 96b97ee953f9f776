"""Quantities, as the API server spells them."""

import pytest

from k8s_apply.quantity import bytes_of, canonical_cpu, canonical_memory


@pytest.mark.parametrize(("written", "spelled"), [("2", "2"), ("250m", "250m"), ("1000m", "1"), ("12000m", "12")])
def test_whole_cores_are_spelled_as_cores(written: str, spelled: str) -> None:
    assert canonical_cpu(written) == spelled


@pytest.mark.parametrize(
    ("written", "spelled"),
    [("512Mi", "512Mi"), ("1024Mi", "1Gi"), ("1536Mi", "1536Mi"), ("1048576Ki", "1Gi"), ("2048Gi", "2048Gi")],
)
def test_memory_is_spelled_in_the_largest_unit(written: str, spelled: str) -> None:
    assert canonical_memory(written) == spelled


def test_memory_in_bytes() -> None:
    assert [bytes_of(text) for text in ("1Ki", "3Mi", "2Gi")] == [1024, 3 << 20, 2 << 30]
