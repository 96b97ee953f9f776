"""A user's regular expression → what RE2 has against it. Envoy reads the same dialect with the same library."""

from functools import lru_cache

import re2  # type: ignore[import-untyped]  # the wheel has neither stubs nor py.typed

MAX_PROGRAM = 4000
"""Instructions of RE2, forty times what Envoy allows by default: a thousand characters of alternatives, or one of all
letters in all alphabets (1,200). A program of this size may look at each character of a header once an instruction."""

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 256 * 1024
"""Bytes. What is far beyond the limit is given up early: 40 characters can ask for a million instructions."""


TOO_LARGE = "pattern too large"
"""RE2's words where its memory does not suffice."""


@lru_cache(maxsize=1024)
def regex_size(pattern: str) -> int | str:
    """Return how many instructions the pattern is, or why RE2 cannot take it. One beyond the limit may be any number
    beyond it. Up to 3 ms for a pattern that is new.

    Spec: Envoy v1.40 type.matcher.v3.RegexMatcher
    """
    try:
        compiled = re2.compile(pattern, _OPTIONS)
    except re2.error as wrong:
        reason = wrong.args[0] if wrong.args else "unknown"
        words = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        return MAX_PROGRAM + 1 if TOO_LARGE in words else words
    size: int = compiled.programsize
    return size
