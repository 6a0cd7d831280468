"""Azure's placeholders: `${{inputs.x}}`, `${{outputs.y}}`, `${{name}}` and `$[[ --flag ${{inputs.x}} ]]`.

Binding replaces text, as Azure does: quotes stay as the user wrote them and a literal may hold several words.
Only our own paths are looked after: where one has a character that the shell would split or expand and the
user wrote no quotes, it is quoted.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from jupyter_aml.errors import ResourceError

_PLACEHOLDER = re.compile(r"\$\{\{\s*(?P<name>[^{}]*?)\s*\}\}")
_GROUP = re.compile(r"\$\[\[(?P<body>.*?)\]\]", re.DOTALL)
_SPECIAL = re.compile(r"[\"$`\\]")


@dataclass(frozen=True)
class Text:
    """A value put into the command as it is: a literal, a name, a URI."""

    value: str


@dataclass(frozen=True)
class Path:
    """A path of ours: kept one word of the shell."""

    value: str


Value = Text | Path


@dataclass(frozen=True)
class Scope:
    """What placeholders may name.

    Attributes:
        inputs: Values of the inputs that were given; an input that is None was left out.
        outputs: Paths or URIs of the outputs.
        names: Placeholders of one word, such as `name` and `default_datastore`.
        search_space: The parameters of a sweep's trial.
    """

    inputs: Mapping[str, Value | None] = field(default_factory=dict)
    outputs: Mapping[str, Value | None] = field(default_factory=dict)
    names: Mapping[str, Value | None] = field(default_factory=dict)
    search_space: Mapping[str, Value | None] = field(default_factory=dict)

    def find(self, placeholder: str) -> Value | None:
        """What the placeholder stands for; None when it names something that was left out.

        Raises:
            ResourceError: It names nothing of the job (400), with the nearest name.
        """
        kind, dot, name = placeholder.partition(".")
        space = self._spaces().get(kind) if dot else None
        if space is None:
            known = [*self.names, *(f"{word}.{key}" for word, keys in self._spaces().items() for key in keys)]
            if not dot and placeholder in self.names:
                return self.names[placeholder]
            raise unknown(placeholder, known)
        if name not in space:
            raise unknown(placeholder, [f"{kind}.{key}" for key in space])
        return space[name]

    def unquoted(self) -> Scope:
        """The same values for text that no shell reads: paths as they are."""
        spaces = (self.inputs, self.outputs, self.names, self.search_space)
        return Scope(
            *({name: Text(value.value) if value else None for name, value in space.items()} for space in spaces)
        )

    def _spaces(self) -> dict[str, Mapping[str, Value | None]]:
        spaces = {"inputs": self.inputs, "outputs": self.outputs}
        return {**spaces, "search_space": self.search_space} if self.search_space else spaces


def unknown(placeholder: str, known: Iterable[str]) -> ResourceError:
    """The refusal of a placeholder that names nothing."""
    names = sorted(known)
    near = difflib.get_close_matches(placeholder, names, 1, 0.5)
    kind = {"inputs": "input", "outputs": "output"}.get(placeholder.partition(".")[0], "value")
    if near:
        remedy = f"Did you mean ${{{{{near[0]}}}}}?"
    elif names:
        remedy = "Known here: " + ", ".join(f"${{{{{name}}}}}" for name in names) + "."
    else:
        remedy = f"Give the job the {kind} `{placeholder.partition('.')[2] or placeholder}`."
    return ResourceError(
        f"The command uses ${{{{{placeholder}}}}}, which names no {kind} of the job.",
        remedy=remedy,
        target="properties.command",
    )


def placeholders(text: str) -> list[str]:
    """Names of the placeholders outside optional groups, in order, without repeats."""
    outside = _GROUP.sub("", text)
    return list(dict.fromkeys(match["name"] for match in _PLACEHOLDER.finditer(outside)))


def check(command: str, scope: Scope) -> None:
    """Refuse a command that names what the job does not have.

    Raises:
        ResourceError: A placeholder outside optional groups is unknown, or names an input that was left out (400).
    """
    for name in placeholders(command):
        if scope.find(name) is None:
            raise unknown(name, ())


def bind(command: str, scope: Scope) -> str:
    """The command with every placeholder replaced and optional groups kept or dropped.

    Raises:
        ResourceError: A placeholder is unknown, or names an input that was left out (400).
    """
    kept = _GROUP.sub(lambda match: _group(match["body"], scope), command)
    return "".join(_pieces(kept, scope))


def _group(body: str, scope: Scope) -> str:
    """The group's inside when each input in it was given, else nothing."""
    for match in _PLACEHOLDER.finditer(body):
        try:
            if scope.find(match["name"]) is None:
                return ""
        except ResourceError:
            return ""
    return body.strip()


def _pieces(command: str, scope: Scope) -> Iterator[str]:
    end = 0
    quote = ""
    for match in _PLACEHOLDER.finditer(command):
        before = command[end : match.start()]
        quote = _quote_after(before, quote)
        value = scope.find(match["name"])
        if value is None:
            raise unknown(match["name"], ())
        yield before
        yield _written(value, quote)
        end = match.end()
    yield command[end:]


def _written(value: Value, quote: str) -> str:
    if isinstance(value, Text):
        return value.value
    if quote == "'":
        return value.value.replace("'", "'\\''")
    if quote == '"':
        return _SPECIAL.sub(lambda match: "\\" + match[0], value.value)
    return shlex.quote(value.value)


def _quote_after(text: str, quote: str) -> str:
    """Which quote is open after `text`, when `quote` was open before it."""
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\" and quote != "'":
            at += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        at += 1
    return quote


def expand(text: str, names: Mapping[str, str]) -> str:
    """`text` with one-word placeholders replaced (URIs of outputs); others stay as they are."""
    return _PLACEHOLDER.sub(lambda match: names.get(match["name"], match[0]), text)


def literal_value(text: str) -> Value:
    """A parameter's value in a command: JSON is kept one word of the shell."""
    return Path(text) if text[:1] in {"{", "["} else Text(text)


def literal(value: object) -> str:
    """A literal as the command shows it: booleans and numbers as Python writes them."""
    return value if isinstance(value, str) else str(value)
