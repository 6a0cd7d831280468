"""Completion: what may stand at the end of an unfinished line; never does I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_aml.commands.grammar import Flag, Grammar, Positional, Verb, grammar
from jupyter_aml.commands.index import INDEX, VERSIONED, Index

HEAD = re.compile(r"^\s*(?:[\w., ]+=\s*)?(?P<head>%{1,2})aml\s+(?P<rest>.*)$")
OPTION = re.compile(r"^\s*#\|\s*(?P<rest>[\w-]*)$")
NAME = re.compile(r"\{\s*(?P<name>[A-Za-z_]\w*|)$")
LONGEST_NOUN = 3
FILES = frozenset({"file", "folder", "path"})


@dataclass(frozen=True)
class Completions:
    """Texts that may replace `fragment`, the end of the line; `kind` is IPython's word for what they are."""

    fragment: str
    texts: tuple[str, ...]
    kind: str = "keyword"


@dataclass(frozen=True)
class Line:
    """An unfinished line: its finished words, and the fragment being typed."""

    words: tuple[str, ...]
    fragment: str
    cell: bool = False


def line_of(text: str, line: int, column: int) -> str | None:
    """The text before the cursor, if it may be a command: any line, but of a `%%aml` cell only its first ones.

    Args:
        text: The whole cell.
        line: The cursor's line, from 0.
        column: The cursor's column in it.
    """
    lines = text.split("\n")
    before = lines[line][:column] if line < len(lines) else ""
    if line and lines[0].lstrip().startswith("%%"):
        top = all(not above.strip() or above.lstrip().startswith("#|") for above in lines[1:line])
        option = OPTION.match(before)
        if option is None or not top or not lines[0].lstrip().startswith("%%aml"):
            return None
        return f"{lines[0]} #| {option['rest']}"
    return before


def in_notebook(before: str, namespace: Mapping[str, Any], steps: Iterable[str] = ()) -> Completions | None:
    """Completions of a notebook's line; None where it is no command, or a file or Python is being typed.

    Args:
        before: The line up to the cursor.
        namespace: The user's variables.
        steps: Names of the steps that cells have made.
    """
    head = HEAD.match(before)
    if head is None:
        return None
    rest = head["rest"]
    expression = NAME.search(rest)
    if expression is not None and not _closed(rest):
        return _variables(expression["name"], namespace)
    if not _closed(rest):
        return None
    cell = head["head"] == "%%"
    option = re.search(r"(?P<line>.*) #\| (?P<key>[\w-]*)$", rest) if cell else None
    if option is not None:
        return _options(option["line"].split(), option["key"], grammar())
    words = rest.split()
    fragment = words.pop() if words and not rest[-1].isspace() else ""
    return complete(Line(tuple(words), fragment, cell), grammar(), INDEX, steps)


def complete(line: Line, table: Grammar, index: Index, steps: Iterable[str] = ()) -> Completions | None:
    """What may replace a line's fragment; None where it is a file's name."""
    if not line.words:
        known = {*table.first_words, *(table.cells if line.cell else ())}
        return _matching(line.fragment, known)
    found = _verb(line.words, table, cell=line.cell)
    if found is None:
        return _words_after(line, table)
    verb, used = found
    return _Slot(verb, line.words[used:], index, steps).complete(line.fragment)


def _words_after(line: Line, table: Grammar) -> Completions | None:
    """The verbs of a noun, or the rest of a noun of several words."""
    said = " ".join(line.words)
    noun = table.noun(said)
    words = {verb.name for verb in noun.verbs} if noun is not None else set()
    words |= {name[len(said) + 1 :].split()[0] for name in table.nouns if name.startswith(f"{said} ")}
    return _matching(line.fragment, words) if words else Completions(line.fragment, ())


def _verb(words: Sequence[str], table: Grammar, *, cell: bool) -> tuple[Verb, int] | None:
    """The verb of a line, and how many words name it."""
    if cell and words[0] in table.cells:
        noun = table.noun(words[0])
        if noun is None or len(words) == 1 or noun.verb(words[1]) is None:
            return table.cells[words[0]], 1
    for length in range(min(LONGEST_NOUN, len(words) - 1), 0, -1):
        noun = table.noun(" ".join(words[:length]))
        if noun is not None:
            verb = noun.verb(words[length])
            return (verb, length + 1) if verb is not None else None
    verb = table.verb(words[0])
    return (verb, 1) if verb is not None else None


class _Slot:
    """The place after some words of a verb."""

    def __init__(self, verb: Verb, words: Sequence[str], index: Index, steps: Iterable[str] = ()) -> None:
        self.verb = verb
        self.words = words
        self.index = index
        self.steps = steps

    def complete(self, fragment: str) -> Completions | None:
        """What may stand here."""
        flag = self._open_flag()
        if flag is not None:
            return self._value(flag, fragment)
        if fragment.startswith("-"):
            name, equals, value = fragment.partition("=")
            flag = self.verb.spellings.get(name)
            if equals and flag is not None:
                return self._value(flag, value)
            return _matching(fragment, self._free_flags())
        positional = self._positional()
        if positional is None:
            return _matching(fragment, self._free_flags())
        found = self._value(positional, fragment)
        if found is None or found.texts or fragment:
            return found
        return _matching(fragment, self._free_flags())

    def _open_flag(self) -> Flag | None:
        """The flag whose value is being typed."""
        for distance, word in enumerate(reversed(self.words)):
            if not word.startswith("-"):
                continue
            flag = self.verb.spellings.get(word)
            if flag is None or flag.kind == "switch":
                return None
            return flag if not distance or flag.several else None
        return None

    def _free_flags(self) -> list[str]:
        given = {word.partition("=")[0] for word in self.words}
        return [flag.words[0] for flag in self.verb.all_flags if flag.many or not given.intersection(flag.words)]

    def _positional(self) -> Positional | None:
        """The positional that comes next."""
        count = 0
        words = iter(self.words)
        for word in words:
            if not word.startswith("-"):
                count += 1
                continue
            flag = self.verb.spellings.get(word)
            if flag is not None and flag.kind != "switch":
                next(words, None)
        places = self.verb.positionals
        if count < len(places):
            return places[count]
        return places[-1] if places and places[-1].several else None

    def _value(self, item: Flag | Positional, fragment: str) -> Completions | None:
        if item.kind == "pair":
            name, equals, value = fragment.partition("=")
            del name
            if not equals:
                return Completions(fragment, ())
            fragment = value
        if item.choices:
            return _matching(fragment, item.choices)
        if item.kind == "bool":
            return _matching(fragment, ("true", "false"))
        if item.completes in FILES or (item.kind == "path" and not item.completes):
            return None
        offers = item.offers if isinstance(item, Flag) else ()
        found = [*offers, *self._names(item, fragment)]
        if not found and not item.completes and item.kind in ("object", "pair"):
            return None
        return _matching(fragment, found, "instance")

    def _names(self, item: Flag | Positional, fragment: str) -> list[str]:
        """Names of the workspace; of an asset also `name:version` and `name@latest` once its name is typed."""
        kind = item.completes
        if kind == "version":
            return self._versions()
        if kind == "step":
            return [*self.steps, *self.index.names("component")]
        prefix = "azureml:" if fragment.startswith("azureml:") else ""
        bare = fragment.removeprefix(prefix)
        if kind not in VERSIONED:
            return [prefix + name for name in self.index.names(kind)]
        asset = re.split("[:@]", bare)[0]
        if asset != bare:
            marked = [f"{asset}:{version}" for version in self.index.versions(kind, asset)]
            return [prefix + text for text in (*marked, f"{asset}@latest")]
        return [prefix + name for name in self.index.names(kind)]

    def _versions(self) -> list[str]:
        """The versions of the asset that the line names."""
        spoken = [word for word in self.words if not word.startswith("-")]
        return [version for kind in VERSIONED for name in spoken for version in self.index.versions(kind, name)]


def _options(words: Sequence[str], fragment: str, table: Grammar) -> Completions | None:
    """Keys of `#| key: value` in a cell."""
    found = _verb(words, table, cell=True) if words else None
    noun = table.noun(words[0]) if words and found is None else None
    verb = found[0] if found is not None else noun.cell if noun is not None else None
    if verb is None:
        return None
    return _matching(fragment, [f"{flag.name}:" for flag in verb.all_flags if flag.name != "help"])


def _variables(fragment: str, namespace: Mapping[str, Any]) -> Completions:
    names = [name for name in namespace if not name.startswith("_") or fragment.startswith("_")]
    return _matching(fragment, names, "instance")


def _matching(fragment: str, known: Iterable[str], kind: str = "keyword") -> Completions:
    lower = fragment.lower()
    return Completions(fragment, tuple(sorted({name for name in known if name.lower().startswith(lower)})), kind)


def _closed(text: str) -> bool:
    """Whether no expression and no quote is open at the end."""
    from jupyter_aml.commands.tokens import Expr, tokenize
    from jupyter_aml.errors import UsageError

    try:
        words = tokenize(text)
    except UsageError:
        return False
    return all(not isinstance(part, Expr) or part.closed for word in words for part in word.parts)
