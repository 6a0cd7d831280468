"""Commands as jobs give them: which are one plain Python call, and which need a shell."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from jupyter_aml.local.runtime.spec import Python

PROGRAMS = frozenset({"python", "python3"})
META = frozenset("$`*?[]{}~;&|<>()#!\n\\")
META_IN_DOUBLE = frozenset("$`\\")


@dataclass(frozen=True)
class Shell:
    """A command for bash.

    Attributes:
        command: The text, whole.
        reason: Why it is not a plain Python call.
    """

    command: str
    reason: str


def parse(command: str) -> Python | Shell:
    """The Python call that `command` is, when bash would do nothing but make it.

    Args:
        command: As bound: no `${{...}}` is left; may have several lines.
    """
    text = command.replace("\r\n", "\n").strip()
    if "'" not in text:
        text = text.replace("\\\n", "")  # a line continued
    reason = _needs_shell(text)
    if reason:
        return Shell(command, reason)
    try:
        words = shlex.split(text)
    except ValueError as error:
        return Shell(command, str(error))
    if not words or words[0] not in PROGRAMS:
        return Shell(command, "it does not begin with python")
    words = words[1:]
    while words and words[0] == "-u":
        words = words[1:]
    if words[:1] == ["-m"] and len(words) > 1:
        return Python(module=words[1], args=tuple(words[2:]))
    if not words or not words[0].endswith(".py") or words[0].startswith("-"):
        return Shell(command, "python is not given a script or a module")
    return Python(script=words[0], args=tuple(words[1:]))


def _needs_shell(text: str) -> str:
    """The first thing in `text` that only a shell understands; empty when there is none."""
    quote = ""
    for character in text:
        if quote == "'":
            quote = "" if character == "'" else quote
        elif quote == '"':
            if character == '"':
                quote = ""
            elif character in META_IN_DOUBLE:
                return f"{character!r} inside double quotes"
        elif character in "'\"":
            quote = character
        elif character in META:
            return "it has several lines" if character == "\n" else f"{character!r} is for a shell"
    return "a quote is not closed" if quote else ""


_PIP = re.compile(
    rb"""\bpip3?\b['",\s]+install\b|\bpip\.main\b|\bpip\._internal\b|\beasy_install\b|\buv\b['",\s]+pip\b"""
)


def installs_packages(source: bytes) -> bool:
    """Whether a script's text calls pip: such a run must not start with packages loaded already."""
    return _PIP.search(source) is not None
