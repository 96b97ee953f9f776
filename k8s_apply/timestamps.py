"""Seconds since 1970 ↔ the text that Kubernetes stamps things with."""

from datetime import UTC, datetime


def rfc3339(seconds: float, *, micros: bool = False) -> str:
    """The moment in UTC as RFC 3339, for example 2026-01-02T03:04:05Z; with six more digits when `micros`."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds" if micros else "seconds")
    return text.replace("+00:00", "Z")
