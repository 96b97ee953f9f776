"""structlog without what it loads where it is installed, and we never use."""

import sys


def import_structlog_alone() -> None:
    """Import structlog without rich, which would print tracebacks that we print plain: 5 MiB and a tenth of a start."""
    if "rich" in sys.modules or "structlog" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # how Python says that there is no such module
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]
