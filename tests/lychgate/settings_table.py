"""The rows of docs/settings.md, as the code has them."""

import ast
import inspect
import json
from collections.abc import Iterator
from typing import Literal, get_args, get_origin, get_type_hints

import msgspec

from lychgate.settings import Settings


def rows() -> Iterator[str]:
    """A line for each setting: name, default, meaning, and the values where they are few."""
    meanings, hints = _docstrings(), get_type_hints(Settings)
    for field in msgspec.structs.fields(Settings):
        default = field.default if field.default and isinstance(field.default, str) else json.dumps(field.default)
        choices = [*get_args(hints[field.name])] if get_origin(hints[field.name]) is Literal else []
        meaning = (
            f"{meanings[field.name]} {', '.join(choices[:-1])} or {choices[-1]}." if choices else meanings[field.name]
        )
        yield f"| `{field.encode_name}` | {default} | {meaning} |"


def _docstrings() -> dict[str, str]:
    [cls] = ast.parse(inspect.getsource(Settings)).body
    assert isinstance(cls, ast.ClassDef)
    found: dict[str, str] = {}
    for before, after in zip(cls.body, cls.body[1:], strict=False):
        if isinstance(before, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[ast.unparse(before.target)] = _as_users_write(" ".join(str(after.value.value).split()))
    return found


def _as_users_write(text: str) -> str:
    """Their file has null where Python has None, and other names for the settings."""
    for field in msgspec.structs.fields(Settings):
        text = text.replace(f"`{field.name}`", f"`{field.encode_name}`")
    return text.replace("None is", "null is")
