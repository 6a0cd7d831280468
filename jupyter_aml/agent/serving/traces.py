"""Tracebacks in a replica's log: they begin with the user's code, not with ours that calls it."""

from __future__ import annotations

import os
import sys
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
IMPORTING = "<frozen importlib."


def show(error: BaseException) -> None:
    """Write an exception into the log."""
    traceback.print_exception(type(error), error, _users(error.__traceback__))
    sys.stderr.flush()


def _users(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is not ours; all of it where every frame is."""
    found = trace
    while found is not None and found.tb_frame.f_code.co_filename.startswith((FOLDER, IMPORTING)):
        found = found.tb_next
    return found or trace


def last_line(error: BaseException) -> str:
    """The exception as the last line of its traceback shows it; of a syntax error also where it is."""
    lines = "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()
    text = lines[-1] if lines else type(error).__name__
    return f"{text} (line {error.lineno})" if isinstance(error, SyntaxError) else text
