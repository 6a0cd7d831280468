"""SQLite's faults in words that a person can act on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from jupyter_aml.errors import StoreError

BUSY_SECONDS = 30.0
"""How long a writer waits for another one."""


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """Turn SQLite's words into what a person can act on."""
    text = str(error).lower()
    if "full" in text:
        return StoreError(
            f"The disk that holds {path} is full; nothing was changed.",
            remedy="Free some space (`aml local du`, `aml local prune`) and repeat the command.",
        )
    if "readonly" in text or "unable to open" in text or "permission" in text:
        return StoreError(
            f"{path} cannot be written; nothing was changed.",
            why="The folder or the file is read-only for this user.",
            remedy=f"Give yourself write access to {path.parent}, or connect to another workspace.",
        )
    if "locked" in text or "busy" in text:
        return StoreError(
            f"{path} was locked by another process for {BUSY_SECONDS:.0f} s; nothing was changed.",
            remedy="Repeat the command; `aml status` shows who works on the workspace.",
        )
    return StoreError(f"{path} cannot be used: {error}.", remedy="`aml local backup` copies what is readable.")
