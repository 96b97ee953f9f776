"""Flags, environment and a file → the settings, in that order of precedence.

A field `xds_port` is the flag `--xds-port`, the variable `LYCHGATE_XDS_PORT` and the key `xdsPort` of the file.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec

from lychgate.settings import Settings, SettingsError

ENVIRONMENT_PREFIX = "LYCHGATE_"

OURS = frozenset(ENVIRONMENT_PREFIX + name for name in ("BENCH_BIN", "LAB_BIN", "LAB_DIR", "STEPS"))
"""Variables of tests and benchmarks."""
_OF_A_SERVICE = re.compile(r"_SERVICE_HOST\Z|_SERVICE_PORT(_|\Z)|_PORT_\d+_(TCP|UDP|SCTP)(_|\Z)")

_AT_FIELD = re.compile(r"(?P<reason>.*) - at `\$\.(?P<field>\w+)`\Z", re.DOTALL)
_NO_FIELD = re.compile(r"Object contains unknown field `(?P<field>.*)`\Z", re.DOTALL)
_TYPES = {
    " | null`": "`",
    "`int`": "a whole number",
    "`float`": "a number",
    "`bool`": "true or false",
    "`str`": "text",
    "Expected": "expected",
}
"""msgspec's words → a user's."""


def load_settings(
    file: Path | None, environment: Mapping[str, str], flags: Mapping[str, object], defaults: Settings | None = None
) -> Settings:
    """Merge `defaults`, the file, the environment and the flags, each over the one before.

    `flags` holds fields by their Python names; None means that the flag was not given. Raises SettingsError.
    """
    merged: dict[str, object] = msgspec.to_builtins(defaults or Settings())
    merged |= _from_file(file) if file else {}
    merged |= _from_environment(environment)
    merged |= {_camel(name): value for name, value in flags.items() if value is not None}
    try:
        return msgspec.convert(merged, Settings)
    except msgspec.ValidationError as error:
        raise _explained("settings", error, merged, _flag) from error


def unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """Say of each variable that looks like a setting that it is none, and which was probably meant."""
    settings = [field.name.upper() for field in msgspec.structs.fields(Settings)]
    ours = {name: name.removeprefix(ENVIRONMENT_PREFIX) for name in environment if name.startswith(ENVIRONMENT_PREFIX)}
    for name, short in sorted(ours.items()):
        if short not in settings and not _is_of_other_use(name, environment):
            yield f"{name} is not a setting and is ignored{_hint(short, settings, ENVIRONMENT_PREFIX)}"


def _hint(name: str, known: Collection[str], prefix: str = "") -> str:
    """Which of those that are known was probably meant."""
    import difflib  # few misspell, and settings are read before our ports are open

    close = difflib.get_close_matches(name, known, 1)
    return f": did you mean {prefix}{close[0]}?" if close else ""


def _is_of_other_use(name: str, environment: Mapping[str, str]) -> bool:
    """Whether our own tests and benchmarks read it, or Kubernetes tells with it where a Service is.

    Spec: Kubernetes "Accessing the Service", environment variables
    """
    return bool(name in OURS or _OF_A_SERVICE.search(name) or "://" in environment[name])


def _from_file(file: Path) -> dict[str, object]:
    import yaml  # few have a file, and settings are read before our ports are open

    try:
        with file.open("rb") as stream:
            loader = yaml.CSafeLoader(stream)
            node = loader.get_single_node()
            document: Any = loader.construct_document(node) if node else None
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"settings file {file}: {' '.join(str(error).split())}") from error
    if document is None:  # nothing but comments, perhaps
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise SettingsError(f"settings file {file}: expected a mapping of settings, for example `xdsPort: 18000`")
    names = [key.value for key, _ in node.value]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise SettingsError(f"settings file {file}: {twice} appears twice: remove one")
    _check("settings file " + str(file), document, _camel, strict=True)
    return dict(document)


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    found = {
        _camel(field.name): environment[variable]
        for field in msgspec.structs.fields(Settings)
        if (variable := _variable(field.name)) in environment
    }
    _check("environment", found, _variable, strict=False)
    # The environment only has text: let msgspec read numbers and booleans out of it, field by field.
    return {
        name: getattr(msgspec.convert({name: text}, Settings, strict=False), _snake(name))
        for name, text in found.items()
    }


def _check(source: str, values: Mapping[str, object], spell: Callable[[str], str], *, strict: bool) -> None:
    try:
        msgspec.convert(values, Settings, strict=strict)
    except msgspec.ValidationError as error:
        raise _explained(source, error, values, spell) from error


def _explained(
    source: str, error: msgspec.ValidationError, values: Mapping[str, object], spell: Callable[[str], str]
) -> SettingsError:
    """The error with the setting's name, as `spell` has it in this source, its value, and those that are allowed."""
    if unknown := _NO_FIELD.match(str(error)):
        known = [each.encode_name for each in msgspec.structs.fields(Settings)]
        return SettingsError(f"{source}: {unknown['field']} is not a setting{_hint(unknown['field'], known)}")
    if not (match := _AT_FIELD.match(str(error))):
        return SettingsError(f"{source}: {error}")
    field = next(each for each in msgspec.structs.fields(Settings) if each.encode_name == match["field"])
    allowed = " or ".join(get_args(field.type)) if get_origin(field.type) is Literal else _described(field.type)
    reason = f"write {allowed}" if allowed else match["reason"]
    if not allowed:
        for theirs, ours in _TYPES.items():
            reason = reason.replace(theirs, ours)
    return SettingsError(f"{source}: {spell(field.name)} is {values[field.encode_name]!r}: {reason}")


def _described(annotation: Any) -> str:
    """What its description says, or that of one of its parts; "" for none."""
    if isinstance(annotation, msgspec.Meta):
        return annotation.description or ""
    parts = get_args(getattr(annotation, "__value__", annotation))
    return next(filter(None, map(_described, parts)), "")


def _variable(name: str) -> str:
    return ENVIRONMENT_PREFIX + name.upper()


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
