"""One YAML document → typed objects, or what is wrong with it and where."""

import base64
import binascii
import difflib
import re
from collections.abc import Iterator, Mapping

import msgspec

from k8s_watch import kinds
from k8s_watch.decode import without_nulls
from k8s_watch.files.envoy_gateway import meaning
from k8s_watch.files.fields import unknown_fields
from k8s_watch.files.paths import ANY_KEY, Path, dotted, locate
from k8s_watch.files.rules import broken_rules
from k8s_watch.files.yaml_text import Value, YamlError, parse_document
from k8s_watch.keys import AnyKind, ObjectKey
from k8s_watch.objects.gateway import EXPERIMENTAL_GROUP, GROUP
from k8s_watch.objects.meta import Object

READ: Mapping[str, AnyKind] = {kind.name: kind for kind in kinds.ALL if kind is not kinds.DEPLOYMENT}
"""What files may hold. Deployments are not ours to run: of the cluster's we only watch those that we made."""

_AT = re.compile(r"(?P<reason>.*) - at `(?:key in )?\$(?P<path>.*)`\Z", re.DOTALL)
_KIND = re.compile(r"[A-Z][A-Za-z0-9]*")
_STEP = re.compile(r"\[(?P<index>\d+)\]|(?P<any>\[\.\.\.\])|\.(?P<name>[^.\[]+)")
_NOT_TEXT = re.compile(r"Expected `str(?: \| null)?`, got `(?:bool|int|float)`")
_TYPES = {
    " | null`": "`",
    "`str`": "text",
    "`int`": "a whole number",
    "`bool`": "true or false",
    "`float`": "a fraction",
    "`array`": "a list",
    "`object`": "a mapping",
}
"""msgspec's words for types → a user's."""


class Good(msgspec.Struct, frozen=True):
    """An object as its document says, without what the API server would add."""

    kind: str
    object: Object


class Bad(msgspec.Struct, frozen=True):
    """What could not be taken in. `key` is None and `kind` "" where they could not be read."""

    kind: str
    key: ObjectKey | None
    line: int
    """From 1 within the document."""
    reason: str


class Foreign(msgspec.Struct, frozen=True):
    """An object of a kind that is not read, nor a misspelling of one that is: it stands for none of ours.

    Those of other programs may stand in our files, which are theirs too. Those of Envoy Gateway are mistakes.
    """

    kind: str
    key: ObjectKey | None
    line: int
    """From 1 within the document."""
    reason: str = ""
    """Why it is a mistake all the same; "" where nothing is wrong with it."""


type Item = Good | Bad | Foreign


class _RefusedError(ValueError):
    """The manifest is not usable; `problems` are places and reasons."""

    def __init__(self, *problems: tuple[Path, str]) -> None:
        super().__init__(problems)
        self.problems = problems


def read_document(text: str) -> tuple[Item, ...]:
    """Read one document: one object, or those of a `kind: List`. Never raises; depends on nothing but `text`."""
    try:
        value = parse_document(text)
    except YamlError as error:
        kind, key = _identity(error.partial)
        shape = Bad if _group_of_others(error.partial) is None else Foreign
        return (shape(kind, key, error.line, error.reason),)
    return tuple(_read(text, value, ()))


def _read(text: str, value: Value, path: Path) -> Iterator[Item]:
    items = value.get("items") if isinstance(value, dict) and str(value.get("kind", "")).endswith("List") else None
    if isinstance(items, list):
        for index, item in enumerate(items):
            yield from _read(text, item, (*path, "items", index))
        return
    try:
        kind, found = _convert(value)
    except _RefusedError as refused:
        yield _refusal(text, path, refused, value)
    else:
        yield Good(kind.name, found)


def _refusal(text: str, path: Path, refused: _RefusedError, value: Value) -> Bad | Foreign:
    kind, key = _identity(value)
    group = _group_of_others(value)
    if group is not None and not meaning(kind, group):
        return Foreign(kind, key, 1)
    spots = [(locate(text, path + place), reason) for place, reason in refused.problems]
    secret = kind == kinds.SECRET.name
    reasons = (_explain(spot.path[len(path) :], None if secret else spot.scalar, reason) for spot, reason in spots)
    return (Bad if group is None else Foreign)(kind, key, spots[0][0].line, "; ".join(reasons))


def _group_of_others(value: Value) -> str | None:
    """The group of an object that nobody can have meant for one that is read; None of what may be meant for one."""
    if not isinstance(value, dict):
        return None
    name, api_version = value.get("kind"), value.get("apiVersion")
    if not isinstance(name, str) or not isinstance(api_version, str) or not api_version:
        return None
    group = api_version.rpartition("/")[0]
    is_ours = group in (GROUP, EXPERIMENTAL_GROUP) or name in READ or bool(_close(name, group))
    return group if _KIND.fullmatch(name) and not name.endswith("List") and not is_ours else None


def _convert(value: Value) -> tuple[AnyKind, Object]:
    if not isinstance(value, dict):
        raise _RefusedError(((), "expected a mapping with apiVersion, kind and metadata"))
    kind = _kind_of(value)
    manifest = {name: part for name, part in value.items() if name != "status"}
    manifest["metadata"] = _metadata(value.get("metadata"), kind)
    if kind is kinds.SECRET:
        manifest["data"] = _secret_data(value)
    if kind.group in (GROUP, EXPERIMENTAL_GROUP) and (unknown := list(unknown_fields(value, kind.type))):
        raise _RefusedError(
            *((path, f"no such field{f': did you mean {hint}?' if hint else ''}") for path, hint in unknown)
        )
    try:
        found: Object = msgspec.convert(without_nulls(manifest), kind.type)
    except msgspec.ValidationError as error:
        raise _RefusedError(_problem(error)) from error
    if broken := list(broken_rules(found)):
        raise _RefusedError(*broken)
    return kind, found


def _kind_of(value: Mapping[str, Value]) -> AnyKind:
    """The entry of `READ` that apiVersion and kind name."""
    name, api_version = value.get("kind"), value.get("apiVersion")
    if value.keys().isdisjoint(("apiVersion", "kind", "metadata")):
        raise _RefusedError(((), "has no apiVersion, kind or metadata: what is no manifest must be elsewhere"))
    for field, text in (("kind", name), ("apiVersion", api_version)):
        if not isinstance(text, str) or not text:
            raise _RefusedError(((field,), "is missing: every manifest names its apiVersion and its kind"))
    group, _, version = str(api_version).rpartition("/")
    kind = READ.get(str(name))
    if kind is None or kind.group != group:
        raise _RefusedError((("kind",), _not_read(str(name), str(api_version), kind)))
    if version not in kind.versions:
        wanted = " or ".join(f"{group}/{v}" if group else v for v in kind.versions)
        raise _RefusedError((("apiVersion",), f"{name} {api_version} is not read: write {wanted}"))
    return kind


def _not_read(name: str, api_version: str, namesake: AnyKind | None) -> str:
    group = api_version.rpartition("/")[0]
    if namesake:
        wanted = f"{namesake.group}/" if namesake.group else ""
        hint = f"did you mean apiVersion {wanted}{namesake.versions[0]}?"
    elif close := _close(name, group):
        hint = f"did you mean {close}?"
    else:
        hint = meaning(name, group) or f"files may hold {', '.join(sorted(READ))}"
    return f"{name} of {api_version} is not read: {hint}"


def _close(name: str, group: str) -> str:
    """The kind that was probably meant, or "". Kinds of other groups are others, however alike their names are."""
    if group not in {kind.group for kind in READ.values()}:
        return ""
    names = {name.lower(): name for name in READ}
    close = difflib.get_close_matches(name.lower(), names, 1, cutoff=0.8)
    return names[close[0]] if close else ""


def _metadata(value: Value, kind: AnyKind) -> Value:
    """The metadata with the namespace that its kind calls for."""
    if not isinstance(value, dict):
        raise _RefusedError((("metadata",), "is missing: every manifest has metadata with a name"))
    namespace = (value.get("namespace") or "default") if kind.namespaced else ""
    return {**value, "namespace": namespace}


def _secret_data(value: Mapping[str, Value]) -> Value:
    """`data` with `stringData` put over it, as the API server does."""
    data, plain = value.get("data") or {}, value.get("stringData") or {}
    if not isinstance(data, dict) or not isinstance(plain, dict):
        raise _RefusedError((("stringData" if isinstance(data, dict) else "data",), "expected a mapping of text"))
    for name, text in data.items():
        try:
            base64.b64decode(text if isinstance(text, str) else "-", validate=True)
        except (binascii.Error, ValueError):
            raise _RefusedError(
                (("data", name), "is not base64: encode it, or write plain text under stringData")
            ) from None
    for name, text in plain.items():
        if not isinstance(text, str):
            raise _RefusedError((("stringData", name), "Expected `str`, got `bool`"))
    return {**data, **{name: base64.b64encode(str(text).encode()).decode() for name, text in plain.items()}}


def _problem(error: msgspec.ValidationError) -> tuple[Path, str]:
    text = str(error)
    if not (match := _AT.match(text)):
        return (), text
    return tuple(_steps(match["path"])), match["reason"]


def _steps(path: str) -> Iterator[str | int]:
    for step in _STEP.finditer(path):
        if step["index"]:
            yield int(step["index"])
        else:
            yield ANY_KEY if step["any"] else step["name"]


def _explain(path: Path, scalar: str | None, reason: str) -> str:
    """One sentence with the field and what to do about it."""
    where = dotted(path)
    if _NOT_TEXT.match(reason):
        quoted = f', "{scalar}"' if scalar is not None else ""
        return f"{where}: expected text: put it in quotes{quoted}"
    for ours, theirs in _TYPES.items():
        reason = reason.replace(ours, theirs)
    reason = re.sub(r"Object missing required field `(\w+)`", r"the required field \1 is missing", reason)
    reason = re.sub("^Expected", "expected", reason)
    return f"{where}: {reason}" if where else reason


def _identity(value: Value) -> tuple[str, ObjectKey | None]:
    """Kind and key, as far as they can be read from something that need not be right."""
    if not isinstance(value, dict):
        return "", None
    kind, metadata = value.get("kind"), value.get("metadata")
    name = kind if isinstance(kind, str) else ""
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return name, None
    known = READ.get(name)
    namespace = metadata.get("namespace") or "default"
    return name, ObjectKey("" if known and not known.namespaced else str(namespace), str(metadata["name"]))
