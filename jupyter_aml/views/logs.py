"""What matters in a job's log: the first error, and the last lines."""

from __future__ import annotations

import re

TRACEBACK = "Traceback (most recent call last):"
_CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_ERROR_LINE = re.compile(r"^(?:\S*\s)?(?:[\w.]*(?:Error|Exception)\b|ERROR\b|FATAL\b|error:|fatal:).*", re.IGNORECASE)
_NOT_AN_ERROR = re.compile(r"\b(?:0|no) errors?\b", re.IGNORECASE)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
LONGEST = 60


def clean(text: str) -> str:
    """The log without terminal colours, and with progress bars reduced to their last state."""
    without = _ANSI.sub("", text).replace("\r\n", "\n")
    if "\r" not in without:
        return without
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in without.split("\n"))


def tail(text: str, lines: int = 20) -> str:
    """The last lines of a log."""
    return "\n".join(clean(text).rstrip("\n").split("\n")[-lines:]) if text else ""


def first_error(text: str) -> str:
    """The first traceback with those chained to it, else the first line that says error, else nothing."""
    lines = clean(text).split("\n")
    for index, line in enumerate(lines):
        if line.strip() == TRACEBACK:
            return "\n".join(_traceback(lines, index))
    for line in lines:
        if _ERROR_LINE.match(line) and not _NOT_AN_ERROR.search(line):
            return line
    return ""


def _traceback(lines: list[str], start: int) -> list[str]:
    """The lines of one traceback and of all that follow it by `During handling of …`."""
    indent = len(lines[start]) - len(lines[start].lstrip())
    end = start + 1
    while end < len(lines) and (not lines[end].strip() or lines[end][: indent + 1].isspace()):
        end += 1
    end = min(end + 1, len(lines))
    after = end
    while after < len(lines) and (not lines[after].strip()):
        after += 1
    if after < len(lines) and lines[after].strip() in _CHAINED:
        following = after + 1
        while following < len(lines) and lines[following].strip() != TRACEBACK:
            following += 1
        if following < len(lines):
            return lines[start:following] + _traceback(lines, following)
    found = lines[start:end]
    if len(found) > LONGEST:
        found = [*found[: LONGEST // 2], "  …", *found[-LONGEST // 2 :]]
    return found
