"""How Envoy compares strings."""

from envoy.type.matcher.v3.regex_pb2 import (
    RegexMatchAndSubstitute,
    RegexMatcher,
)
from envoy.type.matcher.v3.string_pb2 import (
    ListStringMatcher,
    StringMatcher,
)

__all__ = [
    "ListStringMatcher",
    "RegexMatchAndSubstitute",
    "RegexMatcher",
    "StringMatcher",
]
