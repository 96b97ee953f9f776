"""Structured logs: constant messages, values as fields, one object a line."""

import logging
import sys
from functools import partial
from typing import Literal, TextIO

import structlog

from lychgate.terminal import forgiving

NO_LOCALS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
"""Local variables would put whole objects of users into the log."""


class _NamedPrinter(structlog.PrintLogger):
    """Prints lines, and has the name that `get_logger` was given, for `add_logger_name`."""

    def __init__(self, file: TextIO, name: str = "") -> None:
        super().__init__(file)
        self.name = name


def configure_logging(level: Literal["debug", "info", "warning", "error"], style: Literal["json", "console"]) -> None:
    """Send our lines and the libraries' to stderr, in one format. To be called once, before the first line.

    In JSON, `logger` is the part of us, or the library, that speaks. A line that cannot be written is lost, and nothing
    else is.
    """
    severity = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if style == "json":
        shared.append(structlog.stdlib.add_logger_name)
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    trace: structlog.typing.Processor = (
        structlog.processors.ExceptionRenderer(NO_LOCALS)
        if style == "json"
        else structlog.processors.StackInfoRenderer()
    )
    structlog.configure(
        processors=[*shared, trace, last],
        wrapper_class=structlog.make_filtering_bound_logger(severity),
        logger_factory=partial(_NamedPrinter, forgiving(sys.stderr)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(forgiving(sys.stderr))
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[clean, trace, last], foreign_pre_chain=shared))
    logging.basicConfig(level=max(severity, logging.WARNING), handlers=[handler], force=True)
