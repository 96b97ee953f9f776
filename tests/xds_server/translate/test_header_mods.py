"""Header changes as Envoy applies them: remove first, then add in order."""

import pytest

from gateway_api.ir import xds as ir
from protos import core
from xds_server.translate.header_mods import header_changes

OVERWRITE = core.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
APPEND = core.HeaderValueOption.APPEND_IF_EXISTS_OR_ADD


def added(*layers: ir.HeaderMods) -> list[tuple[str, str, int]]:
    return [(o.header.key, o.header.value, o.append_action) for o in header_changes(*layers).add]


def test_set_overwrites_and_add_appends() -> None:
    mods = ir.HeaderMods(set=(("a", "1"),), add=(("a", "2"),))
    assert added(mods) == [("a", "1", OVERWRITE), ("a", "2", APPEND)]


def test_a_percent_sign_is_no_command() -> None:
    assert added(ir.HeaderMods(set=(("a", "%REQ(x)% 5%"),))) == [("a", "%%REQ(x)%% 5%%", OVERWRITE)]


def test_what_is_removed_is_not_added_before() -> None:
    mods = ir.HeaderMods(set=(("A", "1"),), remove=("a",))
    assert header_changes(mods) == ([], ["a"])


def test_a_later_layer_has_the_last_word() -> None:
    rule = ir.HeaderMods(set=(("a", "rule"), ("b", "rule")), remove=("c",))
    backend = ir.HeaderMods(set=(("b", "backend"), ("c", "backend")), remove=("a",))
    assert added(rule, backend) == [("b", "backend", OVERWRITE), ("c", "backend", OVERWRITE)]
    assert header_changes(rule, backend).remove == ["c", "a"]


def test_a_later_layer_overwrites_what_an_earlier_one_adds() -> None:
    """Envoy alone would overwrite first and append after."""
    rule, backend = ir.HeaderMods(add=(("A", "rule"),)), ir.HeaderMods(set=(("a", "1"),), add=(("a", "2"),))
    assert added(rule, backend) == [("a", "1", OVERWRITE), ("a", "2", APPEND)]


@pytest.mark.parametrize("name", ["Host", "host", ":path", ":authority", "", "a b", "a\r\n", "é"])
def test_names_that_envoy_refuses_are_left_out(name: str) -> None:
    assert header_changes(ir.HeaderMods(set=((name, "x"),), add=((name, "x"),), remove=(name,))) == ([], [])


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\0b"])
def test_values_that_would_break_a_message_are_left_out(value: str) -> None:
    assert added(ir.HeaderMods(set=(("a", value),))) == []


def test_an_empty_value_is_kept() -> None:
    assert header_changes(ir.HeaderMods(set=(("a", ""),))).add[0].keep_empty_value
