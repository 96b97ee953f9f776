"""A Status body, or whatever text came in its place → the error to raise."""

import msgspec

from k8s_watch.api import ApiError, Gone


class _Details(msgspec.Struct, frozen=True, rename="camel"):
    retry_after_seconds: int = 0


class _Status(msgspec.Struct, frozen=True):
    """Spec: Kubernetes meta/v1 Status."""

    message: str = ""
    reason: str = ""
    code: int = 0
    details: _Details | None = None


def status_error(code: int, body: bytes, *, retry_after: float | None = None) -> ApiError:
    """Turn a Status, or whatever text came in its place, into the error to raise. `code` 0: the Status' own."""
    try:
        status = msgspec.json.decode(body, type=_Status)
    except (msgspec.DecodeError, UnicodeDecodeError):
        status = _Status(message=body[:200].decode(errors="replace").strip())
    if retry_after is None and status.details and status.details.retry_after_seconds:
        retry_after = float(status.details.retry_after_seconds)
    code = code or status.code or 500
    kind = Gone if code == 410 else ApiError
    return kind(code, status.message or status.reason, reason=status.reason, retry_after=retry_after)
