"""Options in a cell's body: `#| key: value` in its first lines, read without a YAML library.

A value is the rest of its line; a list is `[a, b]` or lines `#|   - a`; under a key, lines `#|   name: value`
are pairs. The body keeps these lines: they are comments, and the numbers of the lines after them stay true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jupyter_aml.errors import UsageError

LINE = re.compile(r"\s*#\|(?P<indent>\s*)(?P<text>.*?)\s*$")
KEY = re.compile(r"(?P<key>[A-Za-z][\w.-]*)\s*:(?:\s+(?P<value>.*))?$")
SHOWN = "#| key: value"


@dataclass(frozen=True)
class Option:
    """One option: `values` has one element unless it is a list; empty values mean a bare `#| key:`."""

    key: str
    values: tuple[str, ...]
    line: int


def read(body: str) -> tuple[Option, ...]:
    """The options at the top of a body, before the first line that is neither empty nor one of them.

    Raises:
        UsageError: A line starts with `#|` and is no option.
    """
    options: list[Option] = []
    for number, indent, text in _lines(body):
        if text.startswith("- ") and options:
            _extend(options, _bare(text[2:]))
            continue
        match = KEY.match(text)
        if match is None:
            msg = f"Line {number} of the cell, {f'#| {text}'!r}, is no option."
            raise UsageError(msg, remedy=f"Write {SHOWN}, or begin the line with a plain #.")
        key, value = match["key"], match["value"] or ""
        if indent > 1 and options:
            _extend(options, f"{key}={_bare(value)}")
        else:
            options.append(Option(key, _values(value), number))
    return tuple(options)


def _lines(body: str) -> Iterator[tuple[int, int, str]]:
    for number, line in enumerate(body.splitlines(), start=1):
        match = LINE.match(line)
        if match is None:
            if line.strip():
                return
            continue
        if match["text"]:
            yield number, len(match["indent"].expandtabs()), match["text"]


def _extend(options: list[Option], value: str) -> None:
    last = options[-1]
    options[-1] = Option(last.key, (*last.values, value), last.line)


def _values(text: str) -> tuple[str, ...]:
    text = text.strip()
    if not text:
        return ()
    if text.startswith("[") and text.endswith("]"):
        return tuple(_bare(item) for item in _items(text[1:-1]) if item.strip())
    return (_bare(text),)


def _items(text: str) -> Iterator[str]:
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
