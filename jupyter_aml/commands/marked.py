"""Marked scripts: Python whose first lines hold `#| aml: command train`, a cell without its `%%aml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from jupyter_aml.commands.suggest import did_you_mean, listed
from jupyter_aml.errors import UsageError

MARK = re.compile(r"\s*#\|\s*aml:\s*(?P<line>\S.*?)\s*$")
EXAMPLE = "#| aml: command train"


@dataclass(frozen=True)
class Marker:
    """The line after `aml:`, and the name in it: the first word after the cell's, "" if there is none."""

    line: str
    name: str


def marker(source: str) -> Marker | None:
    """The marker in a script's first comment lines, or None."""
    for line in source.splitlines():
        match = MARK.match(line)
        if match is not None:
            words = match["line"].split()
            named = len(words) > 1 and not words[1].startswith("-")
            return Marker(match["line"], words[1] if named else "")
        if line.strip() and not line.lstrip().startswith("#"):
            return None
    return None


def find(cells: Mapping[str, str], name: str) -> str:
    """The source of the marked cell of that name, or of the newest if the name is "".

    Raises:
        UsageError: There is none.
    """
    if name in cells:
        return cells[name]
    if not cells:
        msg = "No cell is marked." if not name else f"No cell is marked {name!r}."
        raise UsageError(msg, remedy=f"Begin one with {EXAMPLE} and run it, then type %aml run train.")
    if not name:
        return cells[next(reversed(list(cells)))]
    msg = f"No cell is marked {name!r}."
    raise UsageError(msg, why=f"Marked are {listed(cells)}.", remedy=did_you_mean(name, cells) or "Name one of these.")
