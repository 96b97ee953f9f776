"""Where in a document: a path of keys and indexes, as text and as a line."""

import functools

import yaml

from k8s_watch.files.yaml_text import plain_value

type Path = tuple[str | int, ...]

ANY_KEY = "[...]"
"""Stands for "some key of this mapping": msgspec does not say which."""


def dotted(path: Path) -> str:
    """Write a path as kubectl does: `spec.rules[0].matches`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else ("." if text else "") + step
    return text


class Spot:
    """A place in a document's text."""

    def __init__(self, path: Path, line: int, scalar: str | None) -> None:
        self.path = path
        """As asked, with `ANY_KEY` replaced by the key that was meant."""
        self.line = line
        """From 1 within the document."""
        self.scalar = scalar
        """What stands there, letter by letter, when it is an unquoted scalar."""


def locate(text: str, path: Path) -> Spot:
    """Find the place that `path` leads to, or the nearest place above it. The text has been parsed before.

    Costs another parse: for error messages only.
    """
    node = _compose(text)
    found: list[str | int] = []
    line = node.start_mark.line + 1 if node else 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            entry = _entry(node, step)
            if entry is None:
                break
            key, node = entry
            found.append(key.value)
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            found.append(step)
            line = node.start_mark.line + 1
        else:
            break
    scalar = node.value if isinstance(node, yaml.ScalarNode) and not node.style else None
    return Spot((*found, *path[len(found) :]), line, scalar)


@functools.lru_cache(maxsize=1)
def _compose(text: str) -> yaml.Node | None:
    """The last document's nodes are kept: one with many mistakes is asked about many times."""
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.CSafeLoader)
    return node


def _entry(node: yaml.MappingNode, step: str | int) -> tuple[yaml.ScalarNode, yaml.Node] | None:
    for key, value in node.value:
        if key.value == step or (step == ANY_KEY and _is_not_text(value)):
            return key, value
    return None


def _is_not_text(node: yaml.Node) -> bool:
    if isinstance(node, yaml.ScalarNode):
        return not node.style and not isinstance(plain_value(node.value), str)
    return True
