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


def show(error: BaseException, *, ours: bool = True) -> None:
    """Write an exception into the log.

    Args:
        error: The exception.
        ours: Whether to show where it was raised when that is our code, called by nobody else's.
    """
    users = _users(error.__traceback__)
    traceback.print_exception(type(error), error, error.__traceback__ if users is None and ours else users)
    sys.stderr.flush()


def _users(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is not ours; None where every frame is."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith((FOLDER, IMPORTING)):
        trace = trace.tb_next
    return trace


def last_line(error: BaseException) -> str:
    """The exception as the last line of its traceback shows it; of a syntax error also where it is."""
    lines = "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()
    text = lines[-1] if lines else type(error).__name__
    return f"{text} (line {error.lineno})" if isinstance(error, SyntaxError) else text
