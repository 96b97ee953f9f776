"""GEP-2257 duration text → seconds."""

import re

_DURATION = re.compile(r"(?:[0-9]{1,5}(?:h|m|s|ms)){1,4}")
_PART = re.compile(r"([0-9]{1,5})(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def seconds(text: str) -> float | None:
    """Return the duration in seconds, None when the text is no duration.

    Parts may come in any order and repeat: `1h30m`, `500ms`, `0s`.

    Spec: GEP-2257
    """
    if not _DURATION.fullmatch(text):
        return None
    return sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
