"""Gateway API durations → seconds."""

import re

_PART = re.compile(r"([0-9]{1,5})(h|ms|m|s)")
_DURATION = re.compile(r"(?:[0-9]{1,5}(?:h|ms|m|s)){1,4}")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def seconds(duration: str) -> float | None:
    """Return the duration in seconds; None when the text is none.

    Spec: GEP-2257
    """
    if _DURATION.fullmatch(duration) is None:
        return None
    return round(sum(int(count) * _SECONDS[unit] for count, unit in _PART.findall(duration)), 3)
