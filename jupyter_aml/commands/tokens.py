r"""Tokens: a line of `%aml` as words whose `{expr}` are found but not yet evaluated.

Braces are read before quotes, so `{df["a b"]}` is one expression wherever it stands. `${{…}}` and `$[[…]]` are
Azure ML's own and stay as they are; `{{` and `}}` are literal braces. A backslash means itself, so `C:\data` survives.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_aml.errors import UsageError

QUOTES = ("'''", '"""', "'", '"')
FIRST_MARK = 0xE000
LAST_MARK = 0xF8FE


@dataclass(frozen=True)
class Expr:
    """`{source}`, with the braces in `raw`; not `closed` when its brace never ends."""

    source: str
    raw: str
    closed: bool = True


@dataclass(frozen=True)
class Brace:
    """A doubled brace: `raw` as typed, `text` as meant."""

    raw: str
    text: str


Part = str | Expr | Brace


@dataclass(frozen=True)
class Word:
    """One word of a line: literal texts, expressions and doubled braces in order."""

    parts: tuple[Part, ...]

    @classmethod
    def literal(cls, text: str) -> Word:
        """A word that never expands, as a console hands it over."""
        return cls((text,) if text else ())

    @property
    def raw(self) -> str:
        """The word as typed, without its quotes."""
        return "".join(part if isinstance(part, str) else part.raw for part in self.parts)

    @property
    def plain(self) -> bool:
        """Whether it is literal text only."""
        return all(isinstance(part, str) for part in self.parts)

    @property
    def start(self) -> str:
        """The literal text that it starts with."""
        first = self.parts[0] if self.parts else ""
        return first if isinstance(first, str) else ""

    def partition(self, mark: str = "=") -> tuple[Word, Word] | None:
        """What is before and after the first `mark` in literal text, or None."""
        for index, part in enumerate(self.parts):
            if isinstance(part, str) and mark in part:
                before, _, after = part.partition(mark)
                left = (*self.parts[:index], before) if before else self.parts[:index]
                right = (after, *self.parts[index + 1 :]) if after else self.parts[index + 1 :]
                return Word(left), Word(right)
        return None

    def split(self) -> tuple[Word, ...]:
        """The words that spaces in its literal text divide it into."""
        words: list[list[Part]] = [[]]
        for part in self.parts:
            if not isinstance(part, str):
                words[-1].append(part)
                continue
            for index, piece in enumerate(re.split(r"\s+", part)):
                if index:
                    words.append([])
                if piece:
                    words[-1].append(piece)
        return tuple(Word(tuple(word)) for word in words if word)


def literals(arguments: Sequence[str]) -> tuple[Word, ...]:
    """The words of a console's argument list; nothing in them expands."""
    return tuple(Word.literal(argument) for argument in arguments)


def tokenize(line: str) -> tuple[Word, ...]:
    """The words of a line.

    Raises:
        UsageError: A quote is not closed.
    """
    opening, closing = _marks(line)
    parts, marked = _scan(line, opening, closing)
    reader = shlex.shlex(marked, posix=True, punctuation_chars=False)
    reader.whitespace_split, reader.escape, reader.commenters = True, "", ""
    pattern = re.compile(f"{opening}(\\d+){closing}")
    try:
        return tuple(_word(token, pattern, parts) for token in reader)
    except ValueError:
        msg = f"A quote is opened and not closed in: {line.strip()}"
        raise UsageError(msg, remedy='Close it, or write an apostrophe inside double quotes: "it\'s".') from None


def whole(text: str) -> Word:
    """A text that is one word, its spaces and quotes included, with its expressions found."""
    opening, closing = _marks(text)
    parts, marked = _scan(text, opening, closing)
    return _word(marked, re.compile(f"{opening}(\\d+){closing}"), parts)


def _word(token: str, pattern: re.Pattern[str], parts: list[Part]) -> Word:
    pieces: list[Part] = []
    for index, piece in enumerate(pattern.split(token)):
        part = parts[int(piece)] if index % 2 else piece
        if isinstance(part, str) and pieces and isinstance(pieces[-1], str):
            pieces[-1] += part
        elif part != "":
            pieces.append(part)
    return Word(tuple(pieces))


def _marks(line: str) -> tuple[str, str]:
    """Two private characters that the line does not contain."""
    free = (chr(code) for code in range(FIRST_MARK, LAST_MARK) if chr(code) not in line)
    return next(free), next(free)


def _scan(line: str, opening: str, closing: str) -> tuple[list[Part], str]:
    parts: list[Part] = []
    marked: list[str] = []
    position = 0
    while position < len(line):
        part, end = _special(line, position)
        if part is None:
            marked.append(line[position])
            position += 1
        else:
            marked.append(f"{opening}{len(parts)}{closing}")
            parts.append(part)
            position = end
    return parts, "".join(marked)


def _special(line: str, at: int) -> tuple[Part | None, int]:
    """What begins at a position, if it is not an ordinary character, and where it ends."""
    for start, stop in (("${{", "}}"), ("$[[", "]]")):
        if line.startswith(start, at) and (end := line.find(stop, at + len(start))) >= 0:
            return line[at : end + len(stop)], end + len(stop)
    for brace in ("{{", "}}"):
        if line.startswith(brace, at):
            return Brace(brace, brace[0]), at + len(brace)
    if line[at] != "{":
        return None, at
    end = expression_end(line, at + 1)
    if end < 0:
        return Expr("", "{", closed=False), at + 1
    return Expr(line[at + 1 : end].strip(), line[at : end + 1]), end + 1


def expression_end(text: str, at: int) -> int:
    """Where the brace closes that was opened just before `at`, or -1; strings and nested brackets are skipped."""
    depth: list[str] = []
    pairs = {"{": "}", "(": ")", "[": "]"}
    while at < len(text):
        char = text[at]
        quote = next((quote for quote in QUOTES if text.startswith(quote, at)), "")
        if quote:
            at = _string_end(text, at, quote)
            if at < 0:
                return -1
            continue
        if char in pairs:
            depth.append(pairs[char])
        elif char == "}" and not depth:
            return at
        elif char in "})]" and (not depth or depth.pop() != char):
            return -1
        at += 1
    return -1


def _string_end(text: str, at: int, quote: str) -> int:
    """The position after the string literal that starts with `quote` at `at`, or -1."""
    prefix = re.search(r"[A-Za-z]*$", text[:at])
    formatted = prefix is not None and "f" in prefix.group().lower() and len(prefix.group()) <= len("rf")
    at += len(quote)
    while at < len(text):
        if text.startswith(quote, at):
            return at + len(quote)
        if text[at] == "\\" or (formatted and text.startswith("{{", at)):
            at += 2
        elif formatted and text[at] == "{":
            end = expression_end(text, at + 1)
            if end < 0:
                return -1
            at = end + 1
        else:
            at += 1
    return -1
