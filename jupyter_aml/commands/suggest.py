"""Suggestions: the known word that an unknown one most resembles."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

CUTOFF = 0.55


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word closest to `word`, or ""; one that starts with it or has it as a part comes first."""
    names = sorted(set(known))
    if not word:
        return ""
    lower = word.lower()
    same = [name for name in names if name.lower() == lower]
    starts = [name for name in names if name.lower().startswith(lower)] if len(word) > 1 else []
    parts = [name for name in names if lower in name.lower().split("-")]
    close = difflib.get_close_matches(lower, [name.lower() for name in names], n=1, cutoff=CUTOFF)
    closest = [name for name in names if close and name.lower() == close[0]]
    return next(iter([*same, *starts, *parts, *closest]), "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question naming the nearest known word, or ""."""
    found = nearest(word, known)
    return f"Did you mean {found}?" if found else ""


def listed(words: Iterable[str], most: int = 40) -> str:
    """Words in a sentence: `a, b, c`, cut after `most`."""
    names = list(words)
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
