"""A user's regular expression → what RE2 has against it. Envoy reads the same dialect with the same library.

Both pattern and value are bytes of UTF-8 to it: `.` is one byte, and what is to be a character of several has to stand
for itself. Proxies before 1.40 read characters; they take all that is taken here, as larger programs.
"""

import re
from functools import lru_cache

import re2  # type: ignore[import-untyped]  # the wheel has neither stubs nor py.typed

MAX_PROGRAM = 4000
"""Instructions of RE2, forty times what Envoy allows by default: some 4,000 bytes one after the other, or a thousand of
alternatives. A program of this size may look at each byte of a header once an instruction."""

NOTHING = 1
"""The size of a program that matches no value at all."""

_OPTIONS = re2.Options()
_OPTIONS.encoding = re2.Options.Encoding.LATIN1
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 128 * 1024
"""Bytes. What is far beyond the limit is given up early: 40 characters can ask for a million instructions, and with
twice as much memory `[\\s\\S]{0,30}`, often enough, took a quarter of a second."""

_CLASS_OF_UNICODE = re.compile(r"\\[pP]")
MAX_CLASSES_OF_UNICODE = 16
"""Of a pattern. Each has hundreds of ranges to look at, few of which are bytes: a tenth of a millisecond."""


TOO_LARGE = "pattern too large"
"""RE2's words where its memory does not suffice."""

_PARTS = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.|\[\^?+\]?+(?:\\.|\[:\^?\w+:\]|[^\]\\])*+\]|.[*+?{]?", re.DOTALL)
"""What is quoted, escaped, a class, or a character with what repeats it."""


@lru_cache(maxsize=1024)
def regex_size(pattern: str) -> int | str:
    """Return how many instructions the pattern is, or why RE2 cannot take it. One beyond the limit may be any number
    beyond it. Up to 10 ms for a pattern of 4,000 characters that is new.

    Spec: Envoy v1.40 type.matcher.v3.RegexMatcher; its runtime feature re2_use_latin1_mode
    """
    if len(_CLASS_OF_UNICODE.findall(pattern)) > MAX_CLASSES_OF_UNICODE:
        return rf"more than {MAX_CLASSES_OF_UNICODE} classes of Unicode, \p; repeat one, or list bytes"
    try:
        compiled = re2.compile(pattern.encode(), _OPTIONS)
    except re2.error as wrong:
        reason = wrong.args[0] if wrong.args else "unknown"
        words = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        return MAX_PROGRAM + 1 if TOO_LARGE in words else words
    size: int = compiled.programsize
    return size


def split_character(pattern: str) -> str | None:
    """Return the first part of a valid pattern that takes a character of several bytes for one: a class that has such a
    character, or one that is repeated.
    """
    parts = [] if pattern.isascii() else _PARTS.findall(pattern)
    return next((part for part in parts if len(part) > 1 and part[0] != "\\" and not part.isascii()), None)
