"""Options in a cell's body: `#| key: value` in its first lines, read without a YAML library.

A value is the rest of its line. A list is `[a, b]` or lines `#|   - a` below a bare key; a mapping is
`{name: value, other: value}` or lines `#|   name: value`. The body keeps these lines: they are comments, and the
numbers of the lines after them stay true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from jupyter_aml.errors import UsageError

LINE = re.compile(r"\s*#\|(?P<indent>\s*)(?P<text>.*?)\s*$")
KEY = re.compile(r"(?P<key>[A-Za-z][\w.-]*)\s*:(?:\s+(?P<value>.*))?$")
PAIR = re.compile(
    r"""\s*(?P<name>"[^"]*"\s*:|'[^']*'\s*:|[^\s"'{}\[\],:=][^\s{}\[\],=]*?\s*:(?=\s|$))(?P<value>.*)$""", re.DOTALL
)
SHOWN = "#| key: value"

Form = Literal["value", "list", "mapping"]


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        key: As typed, before the colon.
        values: One text; the items of a list; the `name=value` pairs of a mapping; none for a bare `#| key:`.
        line: Where it begins in the body, from 1.
        form: How the values were written.
    """

    key: str
    values: tuple[str, ...]
    line: int
    form: Form = "value"


def read(body: str) -> tuple[Option, ...]:
    """The options at the top of a body, before the first line that is neither empty nor one of them.

    Raises:
        UsageError: A line starts with `#|` and is no option.
    """
    options: list[Option] = []
    margin = 0
    for number, indent, text in _lines(body):
        item = text[1:].strip() if text == "-" or text.startswith("- ") else None
        if item is not None and options:
            _extend(options, _bare(item), "list", number)
            continue
        if options and indent > margin and (pair := _pair(text)) is not None:
            _extend(options, pair, "mapping", number)
            continue
        match = KEY.match(text)
        if match is None:
            msg = f"Line {number} of the cell, {f'#| {text}'!r}, is no option."
            raise UsageError(msg, remedy=f"Write {SHOWN}, or begin the line with a plain #.")
        options.append(_option(match["key"], (match["value"] or "").strip(), number))
        margin = indent
    return tuple(options)


def pairs(text: str) -> tuple[str, ...]:
    """The `name=value` pairs of a mapping `{name: value}` or of one `name: value`; () for anything else."""
    text = text.strip()
    if not (text.startswith("{") and text.endswith("}")):
        pair = _pair(text)
        return () if pair is None else (pair,)
    found = [_pair(item) for item in items(text[1:-1]) if item.strip()]
    return tuple(pair for pair in found if pair is not None) if all(found) else ()


def _lines(body: str) -> Iterator[tuple[int, int, str]]:
    for number, line in enumerate(body.splitlines(), start=1):
        match = LINE.match(line)
        if match is None:
            if line.strip():
                return
            continue
        if match["text"]:
            yield number, len(match["indent"].expandtabs()), match["text"]


def _extend(options: list[Option], value: str, form: Form, number: int) -> None:
    last = options[-1]
    if last.form != form and last.values:
        msg = f"Line {number} of the cell: {last.key} has a value already, and this line adds to it."
        raise UsageError(msg, remedy=f"Put all of it into one list or mapping: #| {last.key}: [{value}]")
    options[-1] = Option(last.key, (*last.values, value), last.line, form)


def _option(key: str, text: str, line: int) -> Option:
    if text.startswith("[") and text.endswith("]"):
        return Option(key, tuple(_bare(item) for item in items(text[1:-1]) if item.strip()), line, "list")
    if text.startswith("{") and (found := pairs(text)):
        return Option(key, found, line, "mapping")
    return Option(key, (_bare(text),) if text else (), line)


def _pair(text: str) -> str | None:
    """`name: value` as `name=value`, quotes taken off; None where it is none."""
    match = PAIR.match(text)
    return None if match is None else f"{_bare(match['name'].rstrip()[:-1])}={_bare(match['value'])}"


def items(text: str) -> Iterator[str]:
    """The parts between commas that stand outside brackets and quotes."""
    depth, quote, start = 0, "", 0
    for index, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and not depth:
            yield text[start:index]
            start = index + 1
    yield text[start:]


def _bare(text: str) -> str:
    """A value without the quotes around it."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" and text[0] not in text[1:-1]:
        return text[1:-1]
    return text
