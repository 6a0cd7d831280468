"""Sentences for the person from below the faces: what became of a call that shows nothing itself.

They go to stderr, which a notebook shows in the cell and which leaves a pipe's output clean; a face may show them in
its own way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

Show = Callable[[str], None]


def _to_stderr(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


_show: Show = _to_stderr


def say(sentence: str) -> None:
    """Show a sentence to the person."""
    _show(sentence)


def shown_by(show: Show | None) -> None:
    """Let a face show the sentences from now on; None lets them go to stderr again."""
    global _show  # noqa: PLW0603 - one person looks at a process
    _show = show or _to_stderr
