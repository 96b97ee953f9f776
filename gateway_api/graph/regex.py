"""A user's regular expression → what RE2 has against it. Envoy reads the same dialect with the same library."""

import re2  # type: ignore[import-untyped]  # the wheel has neither stubs nor py.typed

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


def regex_error(pattern: str) -> str | None:
    """Return why RE2 cannot take the pattern; None when it can.

    Spec: Envoy v1.40 type.matcher.v3.RegexMatcher
    """
    try:
        re2.compile(pattern, _OPTIONS)
    except re2.error as wrong:
        reason = wrong.args[0] if wrong.args else "unknown"
        return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    return None
