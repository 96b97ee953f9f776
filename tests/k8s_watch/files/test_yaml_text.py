"""One stream → documents → plain values."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s_watch.files.yaml_text import MAX_DEPTH, YamlError, parse_document, plain_value, split_documents


def test_documents_are_cut_at_markers_and_keep_their_lines() -> None:
    documents = split_documents("# only a comment\n---\na: 1\n---\n\nb: 2\n...\n---\n# nothing\n")
    assert [(d.text.strip(), d.where) for d in documents] == [("a: 1", "3 (document 1)"), ("b: 2", "6 (document 2)")]


def test_a_marker_inside_a_block_of_text_is_text_when_indented() -> None:
    (document,) = split_documents("a: |\n  ---\n  x\n")
    assert parse_document(document.text) == {"a": "---\nx\n"}


def test_windows_line_ends_and_a_byte_order_mark_are_read() -> None:
    first, second = split_documents("\ufeffa: 1\r\n---\r\nb: 2\r\n")
    assert (parse_document(first.text), parse_document(second.text)) == ({"a": 1}, {"b": 2})


@pytest.mark.parametrize("text", ["a: 1\r\n---\r\n", "# c\r\n\r\n---\r\na: 1\r\n", "%YAML 1.2\r\n---\r\na: 1\r\n"])
def test_nothing_between_windows_line_ends_is_no_document(text: str) -> None:
    (document,) = split_documents(text)
    assert parse_document(document.text) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("on", True),
        ("y", True),
        ("No", False),
        ("off", False),
        ("~", None),
        ("", None),
        ("8080", 8080),
        ("0o17", 15),
        ("017", 15),
        ("0x1F", 31),
        ("1_000", 1000),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("12:30:45", "12:30:45"),
        ("10.0.0.1", "10.0.0.1"),
        ("yess", "yess"),
        ("0xZZ", "0xZZ"),
    ],
)
def test_unquoted_scalars_mean_what_they_mean_to_kubectl(text: str, value: object) -> None:
    assert plain_value(text) == value
    assert type(plain_value(text)) is type(value)


@pytest.mark.parametrize("text", ['"yes"', "'yes'", "!!str yes", "! yes"])
def test_quoted_and_tagged_scalars_are_text(text: str) -> None:
    assert parse_document(text) == "yes"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: &x 1\nb: *x", 1, "the anchor &x is refused"),
        ("a: 1\nb: *x", 2, "the alias *x is refused"),
        ("a: 1\nb: 2\na: 3", 3, "the key 'a' appears twice"),
        ("a:\n  b: 1\n  b: 2", 3, "the key 'b' appears twice"),
        ("a: !!binary aGk=", 1, "the tag tag:yaml.org,2002:binary is refused"),
        ("? [a]\n: 1", 1, "cannot be a key"),
        ("a: [1\nb: 2", 2, "flow sequence"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), 1, "nested deeper than 64"),
        ("a: b: c", 1, "mapping values are not allowed"),
        ("a: 1\nb: \x01", 2, "the character U+0001 is refused: remove it"),
        ("a:\n\tb: 1", 2, ": indent with spaces, not with tabs"),
        ("a:\n  name: {{ .Name }}", 2, ": render templates first"),
        ("a: 1\n{{- end }}\n", 3, ": render templates first"),
        ("a:\n  b: 1\n<<<<<<< HEAD\n  c: 1\n", 4, ": resolve the conflict"),
        ("hosts:\n- *.example.com", 2, ": put text that begins with *"),
        ('{\n\t"a": "\\d"}', 2, ": write it in single quotes"),
        ("a: @x", 1, ": put text that begins with *"),
        ("a:\n  b: 1\n c: 2", 3, ": look at the indentation"),
        ("a: 'b\nc: 1", 2, ": close the quotes"),
        ('a: "\\d"', 1, ": write it in single quotes"),
        ("a: " + 5000 * "9", 1, "999… is a number that cannot be read: put it in quotes"),
        ("a: 0x_", 1, "0x_… is a number that cannot be read: put it in quotes"),
    ],
)
def test_what_is_refused_is_named_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(YamlError) as caught:
        parse_document(text)
    assert reason in caught.value.reason
    assert caught.value.line == line


def test_the_deepest_allowed_nesting_is_read() -> None:
    assert parse_document("[" * MAX_DEPTH + "]" * MAX_DEPTH) is not None


def test_a_broken_document_tells_what_was_read_before_the_break() -> None:
    with pytest.raises(YamlError) as caught:
        parse_document("kind: HTTPRoute\nmetadata:\n  name: a\nspec: [")
    assert caught.value.partial == {"kind": "HTTPRoute", "metadata": {"name": "a"}, "spec": []}


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for document in split_documents(text):
        with contextlib.suppress(YamlError):
            parse_document(document.text)
