"""Fields that a kind does not have are found; fields that it has never are."""

from pathlib import Path

import pytest

from k8s_watch.files.fields import unknown_fields
from k8s_watch.files.manifest import READ
from k8s_watch.objects.gateway import Gateway

FIELDS = (Path(__file__).parent / "gateway_api_fields.txt").read_text().splitlines()
"""Kind and path of every spec field of the CRDs of Gateway API v1.6.3, experimental channel; [] is a list."""


def nested(path: str) -> object:
    """A manifest part that holds nothing but the field at `path`."""
    head, _, rest = path.partition(".")
    inner = nested(rest) if rest else None
    return {head.removesuffix("[]"): [inner] if head.endswith("[]") else inner}


@pytest.mark.parametrize("kind", sorted({line.split()[0] for line in FIELDS}))
def test_every_field_of_the_api_is_known(kind: str) -> None:
    paths = [line.split()[1] for line in FIELDS if line.split()[0] == kind]
    refused = [path for path in paths if list(unknown_fields(nested(path), READ[kind].type))]
    assert paths
    assert refused == []


def test_unknown_fields_are_found_in_every_element_of_a_list() -> None:
    found = unknown_fields({"spec": {"listeners": [{"name": "a"}, {"prot": 1, "x": 2}]}}, Gateway)
    assert [(one.path, one.suggestion) for one in found] == [
        (("spec", "listeners", 1, "prot"), "port"),
        (("spec", "listeners", 1, "x"), ""),
    ]


def test_keys_that_users_choose_are_no_fields() -> None:
    value = {"metadata": {"labels": {"x": "y"}}, "spec": {"infrastructure": {"labels": {"any": "thing"}}}}
    assert list(unknown_fields(value, Gateway)) == []
