"""Paths as proxies compare them."""

import re
from string import ascii_letters, digits
from urllib.parse import unquote

_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED = frozenset(f"{ascii_letters}{digits}-._~")
"""Spec: RFC 3986 section 2.3."""


def unescaped(path: str) -> str:
    """Write out what needs no escape, as proxies do in the paths of requests: others never match what they say.

    Spec: RFC 3986 section 6.2.2.2
    """
    return _ESCAPE.sub(lambda found: char if (char := unquote(found[0])) in _UNRESERVED else found[0], path)
