"""What a YAML parser stumbled over → what to do about it: its words are about YAML, and say nothing of a remedy."""

import re

RENDER = "render templates first, for example with `helm template`"

_NEAR = (
    (re.compile(r"\{\{"), RENDER),
    (re.compile(r"^(<{7}|={7}|>{7})(\s|\Z)", re.MULTILINE), "resolve the conflict of two versions"),
)
"""Looks of the line, or of the one before: what is wrong there is often noticed late."""
_HERE = (
    (re.compile(r" *\t\s*\S"), "indent with spaces, not with tabs"),
    (re.compile(r"(.*[:\[{,]|\s*-)\s+[*@`%]"), "put text that begins with *, @, ` or % in quotes"),
)
"""Looks of the line, for the parser's words in `_CHARACTER`."""
_CHARACTER = re.compile("cannot start any token|a tab character|scanning an alias")
_WORDS = (
    ("mapping values are not allowed", "look at the indentation, and put text that has `: ` in it in quotes"),
    ("did not find expected key", "look at the indentation"),
    ("did not find expected '-' indicator", "look at the indentation"),
    ("could not find expected ':'", "look at the indentation, and write a colon between a key and its value"),
    ("unexpected end of stream while scanning a quoted scalar", "close the quotes"),
    ("unknown escape character", "write it in single quotes, in which a backslash is one"),
)
"""Parts of the parser's words."""


def with_remedy(words: str, text: str, line: int) -> str:
    """What the parser says of the text's `line` (from 1), and the remedy, where one is known."""
    lines = text.split("\n")[:line]
    near, here = "\n".join(lines[-2:]), lines[-1]
    known = (
        *(remedy for look, remedy in _NEAR if look.search(near)),
        *(remedy for look, remedy in _HERE if _CHARACTER.search(words) and look.match(here)),
        *(remedy for part, remedy in _WORDS if part in words),
    )
    return f"{words}: {known[0]}" if known else words
