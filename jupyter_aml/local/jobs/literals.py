"""Values of the primitive types that components declare: what a script may write, and how it is kept. Pure."""

from __future__ import annotations

import math

KINDS = frozenset({"string", "number", "integer", "boolean"})
TRUE, FALSE = frozenset({"true", "1", "1.0", "yes"}), frozenset({"false", "0", "0.0", "no"})
LONGEST = 100_000
"""Characters of a value."""


def read(kind: str, text: str) -> str:
    """The value that a script wrote, in one spelling: as it is, `3`, `0.5`, `True`.

    Args:
        kind: One of `KINDS`.
        text: What stands in the file; line ends at its end do not count.

    Raises:
        ValueError: It is no value of that type.
    """
    if len(text) > LONGEST:
        msg = f"a value of more than {LONGEST} characters"
        raise ValueError(msg)
    text = text.rstrip("\r\n")
    if kind == "string":
        return text
    word = text.strip()
    if kind == "boolean":
        if word.lower() not in TRUE | FALSE:
            raise ValueError(repr(_short(word)))
        return str(word.lower() in TRUE)
    try:
        number = float(word)
    except ValueError:
        raise ValueError(repr(_short(word))) from None
    if kind == "number":
        return word
    if not math.isfinite(number) or not number.is_integer():
        raise ValueError(_short(word))
    try:
        return str(int(word))
    except ValueError:
        return str(int(number))


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}..."  # noqa: PLR2004 - what fits a line
