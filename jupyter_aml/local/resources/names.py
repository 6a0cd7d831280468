"""Azure ML's rules for names and versions, and the sentence that refuses one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from jupyter_aml.errors import ResourceError


@dataclass(frozen=True)
class Rule:
    """A pattern that a whole name must match, and the same in words."""

    pattern: str
    words: str

    def check(self, name: str, what: str) -> None:
        """Let a good name pass.

        Raises:
            ResourceError: The name breaks the rule (400).
        """
        if re.fullmatch(self.pattern, name):
            return
        proposal = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:32]
        hint = f"Try {proposal!r}." if proposal and re.fullmatch(self.pattern, proposal) else ""
        article = "an" if what[0] in "aeiou" else "a"
        raise ResourceError(
            f"{name!r} cannot name {article} {what}; {self.words}.",
            code="InvalidResourceName",
            remedy=hint,
            target="name",
        )


ASSET = Rule(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,254}", "1 to 255 letters, digits, '-', '_', '.', a letter or digit first")
VERSION = Rule(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,29}", "1 to 30 letters, digits, '-', '_', '.', a letter or digit first")
ANONYMOUS_VERSION = Rule(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,254}", "1 to 255 letters, digits, '-', '_', '.'")
DATASTORE = Rule(r"[A-Za-z0-9_]{1,255}", "1 to 255 letters, digits and '_' are expected")
COMPUTE = Rule(
    r"[A-Za-z](?:[A-Za-z0-9\-]{0,30}[A-Za-z0-9])?",
    "2 to 32 letters, digits and '-' are expected, a letter first, no '-' last",
)
ENDPOINT = Rule(
    r"[A-Za-z][A-Za-z0-9\-]{1,30}[A-Za-z0-9]",
    "3 to 32 letters, digits and '-' are expected, a letter first, no '-' last",
)
"""Online and batch endpoints, and their deployments."""
WORKSPACE = Rule(r"[A-Za-z0-9][A-Za-z0-9_\-]{1,32}", "2 to 33 letters, digits, '-', '_', a letter or digit first")
JOB = Rule(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,254}", "1 to 255 letters, digits, '-', '_', a letter or digit first")


def nearest(name: str, known: Iterable[str]) -> str:
    """`Did you mean 'x'?` for the most similar known name, else the known names, else nothing."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    if not names:
        return "There is none yet."
    shown = ", ".join(sorted(names)[:8])
    return f"There are: {shown}{', ...' if len(names) > 8 else ''}."  # noqa: PLR2004 - as many as a line holds
