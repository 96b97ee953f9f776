"""YAML text → documents → plain values, by the rules that kubectl reads YAML with, and stricter where it is ambiguous.

Documents are cut apart before any of them is parsed, so that a broken one cannot take its neighbours with it, and so
that an unchanged one need not be parsed again. Anchors, aliases, tags and duplicate keys are refused.
"""

import re
from collections.abc import Iterator

import msgspec
import yaml

from k8s_watch.files.yaml_remedies import RENDER, with_remedy

MAX_DEPTH = 64

type Value = dict[str, Value] | list[Value] | str | int | float | bool | None

_SEPARATOR = re.compile(r"^---(?=[ \t\r\n]|$)|^\.\.\.(?=[ \t\r\n]|$)", re.MULTILINE)
_NOTHING = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?(?:[\r\n]|\Z)|%[^\r\n]*(?:[\r\n]|\Z))*\Z")

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)\Z")
_TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")


class Document(msgspec.Struct, frozen=True):
    """One document of a file: `text`, which starts on `line` of the file (from 1) and is its `number`th (from 1)."""

    text: str
    line: int
    number: int

    @property
    def where(self) -> str:
        """`LINE (document NUMBER)`: the line of its first word."""
        return self.at(1 + self.text[: len(self.text) - len(self.text.lstrip())].count("\n"))

    def at(self, line: int) -> str:
        """`LINE (document NUMBER)` for a line that counts from 1 within the document."""
        return f"{self.line + line - 1} (document {self.number})"


class YamlError(ValueError):
    """The text is not YAML that we read. `line` counts from 1 within the document.

    `partial` is what had been read of the document's top level by then.
    """

    def __init__(self, reason: str, line: int, partial: dict[str, Value] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.partial = partial or {}


def split_documents(text: str) -> tuple[Document, ...]:
    """Cut a stream at its document markers, leaving out documents of comments and blanks alone.

    Spec: YAML 1.2 "9.1.2 Document Markers": a marker at the start of a line ends a document wherever it stands.
    """
    text = text.removeprefix("\ufeff")
    documents: list[Document] = []
    start, line = 0, 1
    for end, following in [*((m.start(), m.end()) for m in _SEPARATOR.finditer(text)), (len(text), len(text))]:
        part = text[start:end]
        if not _NOTHING.match(part):
            documents.append(Document(part, line, len(documents) + 1))
        line += part.count("\n")
        start = following
    return tuple(documents)


def parse_document(text: str) -> Value:
    """Parse one document. Raises YamlError."""
    builder = _Builder()
    try:
        for event in _events(text):
            builder.feed(event)
    except yaml.reader.ReaderError as error:  # whose position counts bytes
        line = text.encode()[: error.position].count(b"\n") + 1
        reason = f"the character U+{error.character:04X} is refused: remove it"
        raise YamlError(reason, line, builder.partial) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        words = " ".join(filter(None, (getattr(error, "problem", None), getattr(error, "context", None))))
        line = mark.line + 1 if mark else 1
        raise YamlError(with_remedy(words or str(error), text, line), line, builder.partial) from error
    except ValueError as error:
        raise YamlError(str(error), builder.line, builder.partial) from error
    return builder.root


def plain_value(text: str) -> Value:
    """What an unquoted scalar means. Timestamps stay text.

    Spec: YAML 1.1 bool, int and float as kubectl resolves them: `yes`, `on` and `y` are true.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        return _integer(text)
    if text[0] in "+-.0123456789" and _FLOAT.match(text):
        return float(text)
    return text


def _integer(text: str) -> int:
    digits = text.lstrip("+-").replace("_", "")
    if len(digits) > 1 and digits[0] == "0" and digits[1] in "01234567":
        digits = "0o" + digits[1:]
    try:
        value = int(digits, 0)
    except ValueError as error:  # thousands of digits, or none after 0x
        raise ValueError(f"{text[:12]}… is a number that cannot be read: put it in quotes if it is text") from error
    return -value if text.startswith("-") else value


def _events(text: str) -> Iterator[yaml.Event]:
    yield from yaml.parse(text, Loader=yaml.CSafeLoader)


class _Frame:
    """A mapping or a sequence that is being filled."""

    __slots__ = ("key", "value")

    def __init__(self, value: dict[str, Value] | list[Value]) -> None:
        self.value = value
        self.key: str | None = None


class _Builder:
    """Events in, one value out. A stack instead of recursion: the depth is the input's to choose."""

    def __init__(self) -> None:
        self.root: Value = None
        self.line = 1
        self._stack: list[_Frame] = []
        self._outermost: Value = None

    @property
    def partial(self) -> dict[str, Value]:
        """The document's top-level mapping as far as it has been read."""
        return self._outermost if isinstance(self._outermost, dict) else {}

    def feed(self, event: yaml.Event) -> None:
        """Take the next event. Raises ValueError with the reason; `line` then tells where."""
        mark = event.start_mark
        self.line = mark.line + 1 if mark else self.line
        match event:
            case yaml.ScalarEvent():
                self._refuse_decoration(event)
                is_text = event.tag is not None or not event.implicit[0]
                self._add(event.value if is_text else plain_value(event.value), event)
            case yaml.MappingStartEvent():
                self._refuse_decoration(event)
                self._open({}, event)
            case yaml.SequenceStartEvent():
                self._refuse_decoration(event)
                self._open([], event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._stack.pop()
            case yaml.AliasEvent():
                raise ValueError(f"the alias *{event.anchor} is refused: write the value out where it is used")
            case _:
                pass

    def _refuse_decoration(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.anchor is not None:
            raise ValueError(f"the anchor &{event.anchor} is refused: write the value out where it is used")
        if event.tag not in _TEXT_TAGS:
            raise ValueError(f"the tag {event.tag} is refused: leave it out, and quote what must be text")

    def _open(self, value: dict[str, Value] | list[Value], event: yaml.Event) -> None:
        if len(self._stack) == MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        self._add(value, event)
        if not self._stack:
            self._outermost = value
        self._stack.append(_Frame(value))

    def _add(self, value: Value, event: yaml.Event) -> None:
        if not self._stack:
            self.root = value
            return
        frame = self._stack[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key is None:
            frame.key = self._key(value, event, frame.value)
        else:
            frame.value[frame.key] = value
            frame.key = None

    def _key(self, value: Value, event: yaml.Event, mapping: dict[str, Value]) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise ValueError(f"a mapping or a list cannot be a key: {RENDER}")  # noqa: TRY004 (the text's fault, not a caller's)
        key = value if isinstance(value, str) else event.value
        if key in mapping:
            raise ValueError(f"the key {key!r} appears twice in one mapping: remove one")
        return str(key)
